"""The manifest of a prepared corpus: what is in it, and the digest that names it."""

import hashlib
import json
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bestiary.data._reading import Reading
from bestiary.data._source import Source
from bestiary.specs import Spec

FileName = Annotated[str, Meta(pattern=r"^[a-z0-9-]+\.bin$")]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Natural = Annotated[int, Meta(ge=0)]


class ShardRecord(Spec, frozen=True, kw_only=True):
    """One shard file: its name, tokens, and the sha256 of its bytes."""

    file: FileName
    tokens: Natural
    sha256: Sha256


class Part(Spec, frozen=True, kw_only=True):
    """The tokens of one training source, or of one validation set.

    Attributes:
        quota: Sequences per mixture block of 2048 (0 for a validation set).
        text_bytes: Bytes of the text that the tokens stand for.
        shards: Its files, in order.
    """

    quota: Natural
    text_bytes: Natural
    shards: tuple[ShardRecord, ...]

    @property
    def tokens(self) -> int:
        """Tokens of all shards."""
        return sum(shard.tokens for shard in self.shards)


class Content(Spec, frozen=True, kw_only=True):
    """Everything that decides what a run reads; its sha256 is the digest of the corpus."""

    vocabulary: Annotated[int, Meta(ge=2)]
    train: tuple[Part, ...]
    selection: Part
    report: Part
    schema: Literal[1] = 1

    @property
    def parts(self) -> tuple[Part, ...]:
        """Training parts, then selection, then report."""
        return (*self.train, self.selection, self.report)


class Manifest(Spec, frozen=True, kw_only=True):
    """The file manifest.json of a corpus.

    Attributes:
        name: What a person calls the corpus.
        content: What the digest is of.
        sources: Where the text came from; for people, not part of the digest.
        tokenizer: `byte`, the hash of a tokenizer.json, or `given` where all sources are shards.
        python: The version of Python whose standard library was read, else empty.
        reading: What was read when it was first prepared; an older Bestiary did not say.
    """

    name: str
    content: Content
    sources: tuple[Source, ...]
    tokenizer: str
    python: str = ""
    reading: Reading | None = None


def content_digest(content: Content) -> str:
    """The sha256 of the canonical JSON of the content; no path and no machine enters it."""
    plain = msgspec.to_builtins(content)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
