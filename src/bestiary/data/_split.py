"""Which documents are for training, and which for the two validation sets."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bestiary.errors import UserError

FRACTION = 0.02  # of the text, for each validation set,
LEAST_BYTES = 2**18  # but at least this much,
MOST_BYTES = 2**24  # at most this much,
LARGEST_FRACTION = 0.05  # and never more than this share of the text.

DRAWN = 6  # times that size is drawn, to choose from: two sets, and others in place of copies.

SURVEY = np.dtype([("position", np.int64), ("size", np.int64)])


class Split(NamedTuple):
    """The hashes of the validation documents of all sources; every other document is trained on.

    A document that stands in several places, or several sources, is in one split only: selection
    where both sets name it.
    """

    selection: frozenset[int]
    report: frozenset[int]

    def of(self, position: int) -> str:
        """The split of a document with that hash."""
        if position in self.selection:
            return "selection"
        return "report" if position in self.report else "train"


def position(key: bytes) -> int:
    """A document's place in the random order: 63 bits of the blake2b hash of its key."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 1


def validation_bytes(total: int) -> int:
    """Bytes of each validation set for a text of `total` bytes."""
    wanted = min(max(int(FRACTION * total), LEAST_BYTES), MOST_BYTES)
    return max(1, min(wanted, int(LARGEST_FRACTION * total)))


class Pool(NamedTuple):
    """The documents of a source that may validate, in hash order; copies count as one.

    Attributes:
        positions: Of each, its position.
        sizes: Of each, all its copies together.
        target: Wanted size of each validation set.
        limit: Its largest size.
    """

    positions: np.ndarray
    sizes: np.ndarray
    target: int
    limit: int


def pool(survey: np.ndarray, target: int, place: str) -> Pool:
    """The first documents in hash order, for several times the validation sets that are wanted.

    Documents longer than a quarter of `target` are passed over where there are enough others, lest
    one fill a set, and those longer than `LARGEST_FRACTION` of the text always.

    Args:
        survey: A `SURVEY` record for every document; equal documents have equal positions.
        target: Size of each validation set.
        place: The source, for the message.

    Raises:
        UserError: too few distinct documents, or all but one too long, for three non-empty splits.
    """
    ordered = np.sort(survey, order="position")
    positions, first = np.unique(ordered["position"], return_index=True)
    if positions.size < 3:
        raise UserError(
            f"{place} is too short to split into training and two validation sets: "
            f"{positions.size} distinct documents or pieces of text, 3 are needed; give more text"
        )
    sizes = np.add.reduceat(ordered["size"], first)
    limit = int(LARGEST_FRACTION * sizes.sum())
    longest = max(1, target // 4)
    if sizes[sizes <= longest].sum() < 4 * target:
        longest = limit
    short = sizes <= longest
    if short.sum() < 2:
        raise UserError(
            f"{place} is too short to split: a validation set takes at most "
            f"{LARGEST_FRACTION:.0%} of the text, and {short.sum()} of {sizes.size} documents are "
            "no longer than that; give more text, or shorter documents"
        )
    positions, sizes = positions[short], sizes[short]
    enough = max(2, int(np.searchsorted(sizes.cumsum(), DRAWN * target)) + 1)
    return Pool(positions[:enough], sizes[:enough], target, limit)


def choose_split(drawn: Pool, copied: frozenset[int]) -> Split:
    """Give each validation set the first documents of the pool that make up its target.

    Args:
        drawn: The documents to choose from.
        copied: Those that are near copies of others: taken only where there are not enough others.
    """
    is_copied = np.isin(drawn.positions, np.fromiter(copied, np.int64))
    alone = int((~is_copied).sum())
    order = np.argsort(is_copied, kind="stable")
    if alone >= 2 and drawn.sizes[~is_copied].sum() >= drawn.target:
        order = order[:alone]
    positions, sizes = drawn.positions[order], drawn.sizes[order]
    target = min(drawn.target, int(sizes.sum()) // 2)
    one = _filling(sizes[:-1], target, drawn.limit)
    two = _filling(sizes[one:], target, drawn.limit)
    chosen = positions[:one].tolist(), positions[one : one + two].tolist()
    return Split(frozenset(chosen[0]), frozenset(chosen[1]))


def _filling(sizes: np.ndarray, target: int, limit: int) -> int:
    """How many documents reach the target, or come near it within the limit; at least one."""
    filled = sizes.cumsum()
    reached = int(np.searchsorted(filled, target)) + 1
    return max(1, min(reached, int(np.searchsorted(filled, limit, side="right"))))


def given_split(survey: np.ndarray, place: str) -> Split:
    """The split of a text that validates alone: its documents by the last bit of their hash.

    Of each half the first documents in hash order, at most `MOST_BYTES` but one document at least.

    Args:
        survey: A `SURVEY` record for every document of it.
        place: The source, for the message.

    Raises:
        UserError: too few distinct documents.
    """
    positions, first = np.unique(survey["position"], return_index=True)
    sizes = survey["size"][first]
    halves = []
    for bit in (0, 1):
        own = positions % 2 == bit
        halves.append(positions[own][: _filling(sizes[own], MOST_BYTES, MOST_BYTES)].tolist())
    if not all(halves):
        raise UserError(
            f"{place} is too short for two validation sets: {positions.size} distinct documents; "
            "give more of it"
        )
    return Split(frozenset(halves[0]), frozenset(halves[1]))


def joined(splits: Iterable[Split]) -> Split:
    """One split for all sources."""
    every = list(splits)
    selection = frozenset[int]().union(*(split.selection for split in every))
    report = frozenset[int]().union(*(split.report for split in every))
    return Split(selection, report)
