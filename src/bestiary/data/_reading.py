"""What was read when a corpus was prepared: nothing is skipped or passed over in silence."""

from collections.abc import Iterator
from typing import Annotated, final

import numpy as np
from msgspec import Meta

from bestiary.specs import SPLITS, Spec

Natural = Annotated[int, Meta(ge=0)]


class SourceReading(Spec, frozen=True, kw_only=True):
    """What one source gave.

    Attributes:
        name: What a person calls it.
        files: Files read.
        documents: Rows, files, or pieces of a text, as they were split; empty ones are skipped.
        text_bytes: Bytes of their text.
        skipped: How many documents were not used, by reason.
        passed_over: What else lies in a folder that was named, one line a kind.
    """

    name: str
    files: Natural
    documents: Natural
    text_bytes: Natural
    skipped: dict[str, Natural] = {}
    passed_over: tuple[str, ...] = ()


class SplitReading(Spec, frozen=True, kw_only=True):
    """What went into a split; separators are tokens too."""

    documents: Natural = 0
    text_bytes: Natural = 0
    tokens: Natural = 0


class Reading(Spec, frozen=True, kw_only=True):
    """What was read of all sources, and where it went.

    Attributes:
        splits: By name: `train`, `selection` and `report`.
        unknown: Tokens of text that the tokenizer has no other token for.
        looked_at: Characters, of some documents, of which it was looked whether they have a token.
        lost: Those of them that have none: the tokenizer leaves them out.
        near_copies: Documents drawn for validation that share most of their long n-grams with
            other documents, and are therefore trained on, like those.
        copies_left: Such documents in the validation sets, where these are given or there are not
            enough others.
    """

    sources: tuple[SourceReading, ...]
    splits: dict[str, SplitReading]
    unknown: Natural = 0
    looked_at: Natural = 0
    lost: Natural = 0
    near_copies: Natural = 0
    copies_left: Natural = 0

    def lines(self) -> Iterator[str]:
        """For people, one fact a line."""
        yield from (_of_source(source) for source in self.sources)
        for source in self.sources:
            for reason, count in source.skipped.items():
                yield f"skipped in {source.name}: {count:,} {reason}"
            for what in source.passed_over:
                yield f"passed over in {source.name}: {what}"
        yield from (_of_split(name, split) for name, split in self.splits.items())
        if self.unknown:
            yield f"{self.unknown:,} tokens stand for text that the tokenizer does not know"
        if self.lost:
            yield (
                f"the tokenizer leaves text out: {self.lost:,} of {self.looked_at:,} characters "
                "looked at have no token"
            )
        if self.near_copies:
            yield f"near copies of other text, kept for training with it: {self.near_copies:,}"
        if self.copies_left:
            yield (
                f"near copies of training text in the validation sets: {self.copies_left:,} "
                "documents, as there are no others; losses there are too low"
            )


@final
class Tally:
    """Counts documents, bytes and tokens of every split as they are written."""

    def __init__(self, unknown: int | None) -> None:
        """Begin with the id that the tokenizer gives to what it does not know, if it has one."""
        self._unknown = unknown
        self._splits: dict[str, list[int]] = {name: [0, 0, 0] for name in ("train", *SPLITS)}
        self.unknown = 0

    def add(self, split: str, tokens: np.ndarray, text_bytes: int) -> None:
        """Count a document."""
        counts = self._splits[split]
        counts[0] += 1
        counts[1] += text_bytes
        counts[2] += tokens.size
        if self._unknown is not None:
            self.unknown += int(np.count_nonzero(tokens == self._unknown))

    def splits(self) -> dict[str, SplitReading]:
        """What was counted."""
        return {
            name: SplitReading(documents=documents, text_bytes=text_bytes, tokens=tokens)
            for name, (documents, text_bytes, tokens) in self._splits.items()
        }


def _of_source(source: SourceReading) -> str:
    return (
        f"read {source.name}: {_counted(source.files, 'file')}, "
        f"{_counted(source.documents, 'document')}, {source.text_bytes:,} bytes"
    )


def _of_split(name: str, split: SplitReading) -> str:
    return (
        f"{name}: {_counted(split.documents, 'document')}, {split.text_bytes:,} bytes, "
        f"{split.tokens:,} tokens"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
