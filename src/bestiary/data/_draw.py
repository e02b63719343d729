"""A first reading of all sources, which decides what of the second validates."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bestiary.data._copies import Passage, near_copies
from bestiary.data._documents import documents
from bestiary.data._progress import Told, Watch
from bestiary.data._shown import shown
from bestiary.data._source import Source
from bestiary.data._split import (
    SURVEY,
    Split,
    choose_split,
    given_split,
    joined,
    pool,
    position,
    validation_bytes,
)


class Survey(NamedTuple):
    """What a first reading of a source says of it.

    Attributes:
        documents: A `SURVEY` record for each.
        skipped: How many are not used, by reason.
    """

    documents: np.ndarray
    skipped: dict[str, int]


class SplitDraw(NamedTuple):
    """Which documents validate.

    Attributes:
        split: Their hashes.
        near_copies: Documents drawn that are near copies of others and are trained on.
        copies_left: Near copies among those that validate.
    """

    split: Split
    near_copies: int
    copies_left: int


def survey(source: Source, watch: Watch) -> Survey:
    """Read a source once, under that watch.

    Raises:
        UserError: as `documents`.
    """
    skipped: Counter[str] = Counter()
    rows = ((position(one.key), one.size) for one in watch.over(documents(source, skipped)))
    return Survey(np.fromiter(rows, SURVEY), dict(skipped))


def draw(
    sources: tuple[Source, ...], surveys: list[Survey], quota: tuple[int, ...], told: Told
) -> SplitDraw:
    """Decide which documents validate, each source by its share; near copies are trained on.

    Where some sources validate, it is theirs alone. How far it is goes to `told`.

    Raises:
        UserError: a source that is too short, or of documents that are too long.
    """
    if any(source.validates for source in sources):
        return _given(sources, surveys, told)
    sizes = [total_size([one]) for one in surveys]
    wanted = validation_bytes(sum(sizes))
    pools = [
        pool(
            one.documents,
            max(1, min(wanted * share // sum(quota), validation_bytes(size))),
            f"source {name_of(source)!r}",
        )
        for source, one, size, share in zip(sources, surveys, sizes, quota, strict=True)
    ]
    chosen = frozenset(np.concatenate([one.positions for one in pools]).tolist())
    watch = Watch(told, "compared", 2 * total_size(surveys))
    copied = near_copies(
        (passage for passage in _passages(sources, watch) if passage.position in chosen),
        (passage for passage in _passages(sources, watch) if passage.position not in chosen),
    )
    split = joined(choose_split(one, copied) for one in pools)
    left = len(copied & (split.selection | split.report))
    return SplitDraw(split, near_copies=len(copied) - left, copies_left=left)


def total_size(surveys: list[Survey]) -> int:
    """Bytes of text, or tokens where tokens were given, of all sources."""
    return sum(int(one.documents["size"].sum()) for one in surveys)


def _given(sources: tuple[Source, ...], surveys: list[Survey], told: Told) -> SplitDraw:
    """What validates is given; near copies of what is trained on are counted in it."""
    training = tuple(source for source in sources if not source.validates)
    validating = tuple(source for source in sources if source.validates)
    given = [
        one.documents for one, source in zip(surveys, sources, strict=True) if source.validates
    ]
    names = "+".join(map(name_of, validating))
    split = given_split(np.concatenate(given), f"source {names!r}")
    chosen = split.selection | split.report
    watch = Watch(told, "compared", total_size(surveys))
    copied = near_copies(
        (passage for passage in _passages(validating, watch) if passage.position in chosen),
        (passage for passage in _passages(training, watch) if passage.position not in chosen),
    )
    return SplitDraw(split, near_copies=0, copies_left=len(copied))


def name_of(source: Source) -> str:
    """What a person calls a source: the name of its first file."""
    return shown(Path(source.paths[0]).stem) if source.paths else source.kind


def _passages(sources: tuple[Source, ...], watch: Watch) -> Iterator[Passage]:
    for source in sources:
        for document in watch.over(documents(source)):
            yield Passage(position(document.key), document.written)
