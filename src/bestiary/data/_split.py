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


def choose_split(survey: np.ndarray, target: int, place: str) -> Split:
    """Give each validation set the first documents, in hash order, that make up `target`.

    Documents longer than a quarter of `target` are passed over where there are enough others, lest
    one fill a set.

    Args:
        survey: A `SURVEY` record for every document; equal documents have equal positions.
        target: Size of each validation set.
        place: The source, for the message.

    Raises:
        UserError: too few distinct documents for three non-empty splits.
    """
    positions, sizes = survey["position"], survey["size"]
    longest = max(1, target // 4)
    if sizes[sizes <= longest].sum() < 4 * target:
        longest = int(sizes.max(initial=0))
    short = np.sort(survey[sizes <= longest], order="position")
    positions, sizes = short["position"], short["size"]
    distinct, first = np.unique(positions, return_index=True)
    if distinct.size < 3:
        raise UserError(
            f"{place} is too short to split into training and two validation sets: "
            f"{distinct.size} distinct documents or pieces of text, 3 are needed; give more text"
        )
    filled = np.add.reduceat(sizes, first).cumsum()
    one = min(int(np.searchsorted(filled, target)), distinct.size - 3)
    two = int(np.searchsorted(filled, filled[one] + target))
    two = min(two, distinct.size - 2)
    chosen = distinct[: one + 1].tolist(), distinct[one + 1 : two + 1].tolist()
    return Split(frozenset(chosen[0]), frozenset(chosen[1]))


def joined(splits: Iterable[Split]) -> Split:
    """One split for all sources."""
    every = list(splits)
    selection = frozenset[int]().union(*(split.selection for split in every))
    report = frozenset[int]().union(*(split.report for split in every))
    return Split(selection, report)
