"""What is inside a prepared corpus: documents and their lengths, copies, sources, and a sample."""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bestiary.data._corpus import Corpus
from bestiary.data._draw import name_of
from bestiary.data._mixture import BLOCK
from bestiary.data._tokenizer import decoded
from bestiary.data._tokens import Tokens
from bestiary.specs import SPLITS, Spec

SAMPLE_TOKENS = 120


class SplitInside(Spec, frozen=True, kw_only=True):
    """The documents of a split; lengths are tokens, without the separator.

    Attributes:
        repeated: Documents that stand in it before, word for word.
        trained_on: Of a validation set, documents that stand in the training text too.
    """

    documents: int
    shortest: int
    median: float
    mean: float
    longest: int
    repeated: int
    trained_on: int = 0


class SourceInside(Spec, frozen=True, kw_only=True):
    """A training source in the mixture.

    Attributes:
        share: Of the sequences that a run reads.
        bytes_per_token: Of its text.
    """

    name: str
    share: float
    tokens: int
    bytes_per_token: float


class Inside(Spec, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        sources: What is trained on.
        splits: By name; none where tokens were given, which do not say where a document ends.
        sample: How the training text begins; empty where its tokenizer is not known.
    """

    sources: tuple[SourceInside, ...]
    splits: dict[str, SplitInside] = {}
    sample: str = ""

    def lines(self) -> Iterator[str]:
        """For people, one fact a line."""
        for one in self.sources:
            yield (
                f"source {one.name}: {one.share:.2%} of what a run reads, {one.tokens:,} tokens, "
                f"{one.bytes_per_token:.3f} bytes per token"
            )
        for name, split in self.splits.items():
            yield (
                f"{name}: {split.documents:,} documents of {split.shortest:,} to "
                f"{split.longest:,} tokens, median {split.median:,.0f}, mean {split.mean:,.1f}; "
                f"{split.repeated:,} repeated" + _copies(name, split)
            )
        if self.sample:
            yield f"training text begins: {' '.join(self.sample.split())}"


class _Read(NamedTuple):
    """Of every document: its length in tokens, and a hash of them."""

    length: np.ndarray
    hash: np.ndarray


def inside(corpus: Corpus) -> Inside:
    """Read all of a corpus once; memory is a few bytes for every document.

    Args:
        corpus: As it was opened.
    """
    sources = tuple(_sources(corpus))
    tokenizer = corpus.kept_tokenizer()
    if tokenizer is None:
        return Inside(sources=sources)
    end = int(tokenizer.encode([b""])[0][-1])
    read = {name: _read(corpus.tokens_of(name), end) for name in ("train", *SPLITS)}
    trained = read["train"].hash
    splits = {
        name: _split(one, trained if name in SPLITS else np.empty(0, np.uint64))
        for name, one in read.items()
        if one.length.size
    }
    first = corpus.tokens_of("train").shards[0]
    ids = first[: min(SAMPLE_TOKENS, int(read["train"].length[0]))].tolist()
    return Inside(sources=sources, splits=splits, sample=decoded(tokenizer, ids))


def _sources(corpus: Corpus) -> Iterator[SourceInside]:
    given = [source for source in corpus.manifest.sources if not source.validates]
    for source, part in zip(given, corpus.parts, strict=True):
        yield SourceInside(
            name=name_of(source),
            share=part.quota / BLOCK,
            tokens=part.tokens,
            bytes_per_token=part.text_bytes / max(1, part.tokens),
        )


def _read(tokens: Tokens, end: int) -> _Read:
    """Every document; no shard ends inside of one."""
    lengths: list[int] = []
    hashes: list[int] = []
    for shard in tokens.shards:
        begin = 0
        for stop in np.flatnonzero(shard == end).tolist():
            content = hashlib.blake2b(shard[begin:stop].tobytes(), digest_size=8).digest()
            hashes.append(int.from_bytes(content, "little"))
            lengths.append(stop - begin)
            begin = stop + 1
    return _Read(np.array(lengths, np.int64), np.array(hashes, np.uint64))


def _split(read: _Read, trained: np.ndarray) -> SplitInside:
    return SplitInside(
        documents=read.length.size,
        shortest=int(read.length.min()),
        median=float(np.median(read.length)),
        mean=float(read.length.mean()),
        longest=int(read.length.max()),
        repeated=read.hash.size - np.unique(read.hash).size,
        trained_on=int(np.isin(read.hash, trained).sum()),
    )


def _copies(name: str, split: SplitInside) -> str:
    return f", {split.trained_on:,} also in training" if name in SPLITS else ""
