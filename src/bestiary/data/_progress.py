"""How far the preparation of a corpus is, told while its text is read."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from bestiary.data._documents import Document

TOLD_EVERY_BYTES = 2**22
Stage = Literal["read", "compared", "tokenised"]


class TextProgress(NamedTuple):
    """How far one of the readings of all text is.

    Attributes:
        stage: `read` decides what may validate, `compared` finds near copies of that (which takes
            two readings), `tokenised` is the rest, and with most tokenizers most of the time.
        done: Bytes of text, or tokens where tokens were given, of all sources so far.
        total: Of all sources; 0 where nobody knows yet.
    """

    stage: Stage
    done: int
    total: int


Told = Callable[[TextProgress], None]


def unwatched(progress: TextProgress) -> None:
    """Tell nobody."""


class Watch:
    """Counts what goes by in one stage."""

    def __init__(self, told: Told, stage: Stage, total: int = 0) -> None:
        """Begin a stage; its `total` as in `TextProgress`."""
        self._told, self._stage, self._total = told, stage, total
        self._done = self._next = 0

    def over(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents, counted."""
        for document in documents:
            yield document
            self._done += document.size
            if self._done >= self._next:
                self._told(TextProgress(self._stage, self._done, self._total))
                self._next = self._done + TOLD_EVERY_BYTES
