"""Loss curves: rows that are points of one run become one result."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import msgspec

from bestiary.errors import UserError
from bestiary.store._foreign import ForeignResult

# How far a run was when it had this loss, and the row that says so.
Point = tuple[float, ForeignResult]


def runs_of(file: str, points: Iterable[Point], *, ratio_stated: bool) -> list[ForeignResult]:
    """Join points of equal optimizer, size, seed, settings and tags into the run they belong to.

    The last point that is not unfinished is the run's end: its loss, tokens and ratio are the
    run's. Points without a loss are passed over.

    Args:
        file: Their file, for messages.
        points: Progress and row of every point, in any order.
        ratio_stated: Whether a row states the ratio of its whole run. Else it follows from the
            tokens so far and does not tell runs apart.

    Raises:
        UserError: two points of one run at the same progress.
    """
    runs: dict[str, list[Point]] = defaultdict(list)
    for at, row in points:
        settings, tags = sorted(row.settings.items()), sorted(row.tags.items())
        ratio = row.ratio if ratio_stated else None
        runs[repr((row.optimizer, row.size, ratio, row.seed, settings, tags))].append((at, row))
    return [_run(file, sorted(run, key=lambda point: point[0])) for run in runs.values()]


def _run(file: str, points: list[Point]) -> ForeignResult:
    for (before, one), (at, two) in pairwise(points):
        if at == before:
            raise UserError(
                f"{file} row {two.row} is at progress {at:g} as row {one.row}, of the same run; "
                "map what tells the runs apart (seed, settings, tags) or remove one of them"
            )
    _, end = next((p for p in reversed(points) if p[1].state != "unfinished"), points[-1])
    curve = tuple((at, row.loss) for at, row in points if row.loss is not None)
    return msgspec.structs.replace(end, curve=curve)
