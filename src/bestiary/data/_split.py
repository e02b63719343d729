"""Which documents are for training, and which for the two validation sets."""

import hashlib
from typing import NamedTuple

import numpy as np

from bestiary.errors import UserError

FRACTION = 0.02  # of the text, for each validation set,
LEAST_BYTES = 2**18  # but at least this much,
MOST_BYTES = 2**24  # at most this much,
LARGEST_FRACTION = 0.05  # and never more than this share of the text.

SURVEY = np.dtype([("position", np.int64), ("size", np.int64)])


class Split(NamedTuple):
    """A rule that sends documents to a split by the hash of their key.

    Documents with a hash up to `selection` go to selection, those above and up to `report` to
    report, all others to training; so do those longer than `longest`, lest one fill a set.
    """

    selection: int
    report: int
    longest: int

    def of(self, position: int, size: int) -> str:
        """The split of a document with that hash and size."""
        if size > self.longest or position > self.report:
            return "train"
        return "selection" if position <= self.selection else "report"


def position(key: bytes) -> int:
    """A document's place in the random order: 63 bits of the blake2b hash of its key."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 1


def validation_bytes(total: int) -> int:
    """Bytes of each validation set for a text of `total` bytes."""
    wanted = min(max(int(FRACTION * total), LEAST_BYTES), MOST_BYTES)
    return max(1, min(wanted, int(LARGEST_FRACTION * total)))


def choose_split(survey: np.ndarray, target: int, place: str) -> Split:
    """The rule that gives each validation set the first documents, in hash order, with `target`.

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
    return Split(int(distinct[one]), int(distinct[min(two, distinct.size - 2)]), longest)
