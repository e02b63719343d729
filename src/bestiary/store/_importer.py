"""From a declared mapping and a file to foreign results; every refusal names row and column."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from bestiary.errors import UserError, unknown
from bestiary.store._curves import runs_of
from bestiary.store._foreign import ForeignImport, ForeignResult, TargetLoss
from bestiary.store._mapping import COUNTED, Mapping
from bestiary.store._merging import merged
from bestiary.store._reaching import run_to_target
from bestiary.store._row_reader import RowReader
from bestiary.store._rows import Row, read_rows

# Guessing among as many tokens as the largest vocabularies have costs their logarithm.
VOCABULARY = 2**18
LARGEST_LOSS = round(math.log(VOCABULARY), 2)
# No trained language model is as bad as this on text, and many perplexities are as high.
SURPRISING = 7.0


def import_file(path: Path, how: Mapping) -> ForeignImport:
    """Read a CSV, TSV, JSON or JSON-lines file, gzip or not, by a mapping; writes nothing.

    Raises:
        UserError: a column that is not there, a value of the wrong kind or not finite, rows that
            repeat or contradict each other, or a baseline that does not occur. Row and column are
            named.
    """
    rows = read_rows(path)
    _columns_exist(path.name, rows, how)
    readers = [RowReader(path.name, number, row, how) for number, row in rows]
    if "progress" in how.columns or how.on_the_way:
        points = ((reader.progress(), reader.result()) for reader in readers)
        stated = "ratio" in how.columns or "ratio" in how.constants
        results = tuple(runs_of(path.name, points, ratio_stated=stated))
    else:
        results = tuple(reader.result() for reader in readers)
    _losses_plausible(path.name, results, how)
    target = _target(how)
    if target is not None and how.on_the_way:
        results = tuple(run_to_target(path.name, run, target) for run in results)
    results, joined = merged(results)
    if how.repeats == "refuse":
        _refuse_repeats(path.name, results)
    _baseline_occurs(path.name, results, how)
    return ForeignImport(
        origin=how.origin,
        baseline=how.baseline,
        target=target,
        results=results,
        notes=(
            *joined,
            *(_unreached(results) if target else _high(results)),
            *missing(results, how.baseline),
        ),
    )


def _target(how: Mapping) -> TargetLoss | None:
    """The loss that runs were to reach, in nats per token.

    Raises:
        UserError: no language model can be that bad, or that good.
    """
    if how.target_loss is None:
        return None
    nats = how.unit.nats_per_token(how.target_loss)
    if not 0 < nats <= LARGEST_LOSS:
        raise UserError(
            f"a target loss must lie above 0 and be at most {LARGEST_LOSS:g} nats per token, got "
            f"{how.target_loss:g} {how.unit.name}, which is {nats:.4g}; check it and the unit"
        )
    return TargetLoss(loss=nats, counted=COUNTED[how.counted])


def _unreached(results: Sequence[ForeignResult]) -> Iterable[str]:
    """How many runs of each optimizer never reached the target."""
    totals = Counter((row.optimizer, row.size) for row in results)
    never = Counter(
        (row.optimizer, row.size) for row in results if not row.reached and row.state == "done"
    )
    for (optimizer, size), count in sorted(never.items()):
        yield (
            f"{optimizer} at {size}: {count} of {totals[optimizer, size]} runs never reached the "
            "target, so its speedup has a bound and no value"
        )


def _losses_plausible(file: str, results: Iterable[ForeignResult], how: Mapping) -> None:
    """Refuse a loss that no language model has: above guessing among the largest vocabulary."""
    for row in results:
        if row.loss is not None and row.loss > LARGEST_LOSS:
            column = how.columns.get("loss", "loss")
            raise UserError(
                f"{file} row {row.row} column {column!r}: a loss of {row.loss:.4g} nats per token "
                f"is above {LARGEST_LOSS:g}, guessing among {VOCABULARY:,} tokens; if it is a "
                'perplexity declare [unit] name = "perplexity", if the run diverged declare '
                "diverged_above"
            )


def _high(results: Iterable[ForeignResult]) -> Iterable[str]:
    """Ask where every loss is as high as a perplexity would be."""
    losses = [row.loss for row in results if row.loss is not None]
    if losses and min(losses) > SURPRISING:
        yield (
            f"every loss is above {SURPRISING:g} nats per token (the lowest {min(losses):.4g}): "
            'if they are perplexities, declare [unit] name = "perplexity" and import again'
        )


def missing(results: Iterable[ForeignResult], baseline: str) -> tuple[str, ...]:
    """What the results do not allow to conclude, in words: gaps that are no error."""
    results = tuple(results)
    finished = {(row.optimizer, row.size) for row in results if row.state == "done"}
    attempted = Counter((row.optimizer, row.size) for row in results)
    sizes = sorted({size for _, size in attempted if size})
    notes = [
        f"{optimizer} at {size}: none of {count} runs finished, so there is no loss to compare"
        for (optimizer, size), count in sorted(attempted.items())
        if (optimizer, size) not in finished
    ]
    notes += [
        f"{baseline} has no finished run at {size}, so no speedup can be stated there"
        for size in sizes
        if (baseline, size) not in finished
    ]
    lost = Counter(
        (row.optimizer, row.state) for row in results if row.state in ("diverged", "unfinished")
    )
    totals = Counter(row.optimizer for row in results)
    notes += [
        f"{optimizer}: {count} of {totals[optimizer]} runs {state}"
        for (optimizer, state), count in sorted(lost.items())
    ]
    if len(sizes) == 1:
        notes.append(f"all results are at one size ({sizes[0]}): nothing follows about others")
    return tuple(notes)


def _columns_exist(file: str, rows: list[tuple[int, Row]], how: Mapping) -> None:
    there = {column for _, row in rows for column in row}
    for field, column in (*how.columns.items(), *how.settings.items(), *((t, t) for t in how.tags)):
        if column not in there:
            error = unknown("column", column, [" ".join(name.split()) for name in sorted(there)])
            if chart := _chart(there):
                raise UserError(
                    f"{file} is the export of a chart, one column a run ({chart!r}), and does not "
                    "say what the runs are; export the table of runs as CSV, or their history as "
                    "rows (docs/importing.md)"
                )
            packed = [name for name, cell in rows[0][1].items() if str(cell).startswith("{")]
            cure = (
                f"; column {packed[0]!r} holds dictionaries as text: export them as JSON"
                if packed
                else ""
            )
            raise UserError(f"{file}: the mapping reads {field!r} from an {error}{cure}")


def _chart(columns: Iterable[str]) -> str:
    """A column of a chart's export, `run - val/loss__MIN`; empty where it is none.

    The columns of least and greatest values are often deleted; what is left then has the step and
    nothing but runs.
    """
    every = sorted(columns)
    runs = [one for one in every if re.search(r"\S - \S", one)]
    ends = [one for one in runs if re.search(r"__(?:MIN|MAX)$", one)]
    is_chart = len(ends) > 1 or len(runs) == len(every) - 1 > 1
    return re.sub(r"__(?:MIN|MAX)$", "", (ends or runs)[0]) if is_chart else ""


def _refuse_repeats(file: str, results: Iterable[ForeignResult]) -> None:
    first: dict[str, ForeignResult] = {}
    for row in results:
        settings = sorted(row.settings.items())
        tags = sorted(row.tags.items())
        key = repr((row.optimizer, row.size, row.ratio, row.seed, row.steps, settings, tags))
        before = first.setdefault(key, row)
        if before is row:
            continue
        if (before.loss, before.state, before.amount) == (row.loss, row.state, row.amount):
            raise UserError(f"{file} row {row.row} repeats row {before.row}; remove one of them")
        raise UserError(
            f"{file} row {row.row} contradicts row {before.row}: the same {row.optimizer} run at "
            f"{_cell(row)} with {_shown(before)} and {_shown(row)}; correct one, "
            'map what tells them apart (seed, settings, tags), or declare repeats = "keep"'
        )


def _baseline_occurs(file: str, results: Iterable[ForeignResult], how: Mapping) -> None:
    names = sorted({row.optimizer for row in results})
    if how.baseline not in names:
        column = how.columns.get("optimizer", "optimizer")
        raise UserError(
            f"{file} column {column!r}: the baseline {how.baseline!r} does not occur, only "
            f"{', '.join(names)}; name another baseline or rename its value to {how.baseline!r}"
        )


def _shown(row: ForeignResult) -> str:
    """Its result."""
    if row.reached is not None:
        return f"{row.amount:g} to the target" if row.reached and row.amount else "none"
    return f"loss {row.loss:.6g}" if row.loss is not None else row.state


def _cell(row: ForeignResult) -> str:
    return row.size if row.ratio is None else f"{row.size} {row.ratio:g}x"
