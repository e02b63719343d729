"""A prepared corpus: tokens on disk that were checked when it was opened."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import final

import msgspec
import numpy as np

from bestiary.data._manifest import Manifest, Part, content_digest
from bestiary.data._mixture import BLOCK
from bestiary.data._reading import Reading
from bestiary.data._tokenizer import AbstractTokenizer, ByteTokenizer
from bestiary.data._tokenizer_file import FILE, kept_tokenizer, tokenizer_json
from bestiary.data._tokens import Tokens
from bestiary.data._verify import verified_shards
from bestiary.errors import UserError, unknown
from bestiary.specs import SPLITS, DataSpec, from_builtins
from bestiary.store import read_whole

RESIDENT_BYTES = 2**31


@final
class Corpus:
    """The tokens of a corpus and what is known about them. Read-only.

    Attributes:
        folder: Where it lies, `<folder>/<digest>`.
        manifest: What is in it.
        spec: The `DataSpec` that runs carry.
        reading: What was read of its sources; None where an older Bestiary prepared it.
        is_new: Whether its sources were read just now, and not before.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        *,
        tokens: Sequence[Tokens],
        resident_bytes: int,
        name: str = "",
        reading: Reading | None = None,
        is_new: bool = False,
    ) -> None:
        """Use `Corpus.open` or `prepare`; both check what they return."""
        self.folder = folder
        self.manifest = manifest
        self.spec = DataSpec(name=name or manifest.name, digest=folder.name)
        self.reading = reading or manifest.reading
        self.is_new = is_new
        self._train = Tokens([shard for part in tokens[:-2] for shard in part.shards])
        self._validation = dict(zip(SPLITS, tokens[-2:], strict=True))
        self._resident_bytes = resident_bytes

    @classmethod
    def open(
        cls,
        folder: str | Path,
        digest: str,
        *,
        resident_bytes: int = RESIDENT_BYTES,
        verify: bool = False,
        name: str = "",
        reading: Reading | None = None,
        is_new: bool = False,
    ) -> "Corpus":
        """Open and check a corpus: manifest, headers, counts, sha256, token range.

        The hashes are read once and remembered by size, times and inode of the files; the checksums
        of all blocks are read once on every machine, and again after a week.

        Args:
            folder: The folder given to `prepare`.
            digest: The digest of the corpus.
            resident_bytes: Largest size of the training tokens as one array.
            verify: Read all hashes again, whatever is remembered.
            name: What a person calls it now; by default as when it was first prepared.
            reading: What was read of its sources now; by default what was read first.
            is_new: Whether that was just now.

        Raises:
            UserError: not there, or not what it was; the file and offset are named.
        """
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise UserError(f"a corpus digest is 64 hexadecimal digits, got {digest!r}")
        path = Path(folder) / digest
        manifest = read_manifest(path)
        if content_digest(manifest.content) != digest:
            raise UserError(f"{path / 'manifest.json'} was changed: it is not what {digest} names")
        tokens = verified_shards(path, manifest.content, afresh=verify)
        return cls(
            path,
            manifest,
            tokens=tokens,
            resident_bytes=resident_bytes,
            name=name,
            reading=reading,
            is_new=is_new,
        )

    def __repr__(self) -> str:
        spec = self.spec
        return f"<Corpus {spec.name} {spec.digest[:12]}, {self.train_token_count} training tokens>"

    @property
    def vocabulary(self) -> int:
        """Every token id is below it."""
        return self.manifest.content.vocabulary

    @property
    def tokenizer_json(self) -> str | None:
        """Its tokenizer as a tokenizer.json; None where that is not known, as of given tokens."""
        return tokenizer_json(self.folder, self.manifest)

    def kept_tokenizer(self) -> AbstractTokenizer | None:
        """Its tokenizer; None where that is not known, as of given tokens."""
        if self.manifest.tokenizer == "byte":
            return ByteTokenizer(self.vocabulary)
        path = self.folder / FILE
        return kept_tokenizer(path, self.vocabulary) if path.is_file() else None

    def tokens_of(self, split: str) -> Tokens:
        """All tokens of a split, `train` or a validation set.

        Raises:
            UserError: no such split.
        """
        return self._train if split == "train" else self._validation_tokens(split)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The training sources."""
        return self.manifest.content.train

    @property
    def train_token_count(self) -> int:
        """Training tokens of all sources."""
        return self._train.size

    @cached_property
    def train_tokens(self) -> np.ndarray | None:
        """All training tokens, source after source, as one array; None where it is too large."""
        return self._train.whole() if self._train.nbytes <= self._resident_bytes else None

    def train_sequences(self, context: int) -> int:
        """Training sequences of `context` predicted tokens: one epoch of every source."""
        return sum(_sequences(part.tokens, context) for part in self.parts)

    def epochs(self, tokens: int) -> float:
        """How often that many training tokens read the source that is read most often."""
        return max(tokens * part.quota / BLOCK / part.tokens for part in self.parts)

    def sequences(self, starts: np.ndarray, context: int) -> np.ndarray:
        """The training tokens from every start: int32, shape (*starts.shape, context + 1)."""
        return self._train.gather(np.asarray(starts), context + 1)

    def validation(self, split: str, context: int) -> np.ndarray:
        """A validation set as int32 (sequences, context + 1); each token is predicted once.

        Documents stand in a random order that the content fixes, so the first rows are a sample.

        Raises:
            UserError: no such split, or too short for one sequence.
        """
        tokens = self._validation_tokens(split)
        self._need(split, tokens.size, context, 1)
        starts = np.arange(_sequences(tokens.size, context)) * context
        return tokens.gather(starts, context + 1)

    def bytes_per_token(self, split: str) -> float:
        """Bytes of text per token of a validation set or of `train`; separators are tokens too."""
        if split == "train":
            return sum(part.text_bytes for part in self.parts) / self.train_token_count
        tokens = self._validation_tokens(split)
        part: Part = getattr(self.manifest.content, split)
        return part.text_bytes / tokens.size

    def require(self, context: int, sequences: int = 1) -> None:
        """Refuse a corpus in which a source or validation set has too few sequences.

        Raises:
            UserError: fewer than `sequences` of `context` tokens somewhere; says how many tokens.
        """
        for index, part in enumerate(self.parts):
            self._need(f"training source {index}", part.tokens, context, sequences)
        for split in SPLITS:
            self._need(split, self._validation[split].size, context, sequences)

    def _need(self, what: str, tokens: int, context: int, sequences: int) -> None:
        if context < 1:
            raise UserError(f"context must be at least 1, got {context}")
        if _sequences(tokens, context) < sequences:
            raise UserError(
                f"corpus {self.spec.name!r} is too short: {sequences} sequences of context "
                f"{context} need {sequences * context + 1} tokens, {what} has {tokens}; "
                "give more text or a shorter context"
            )

    def _validation_tokens(self, split: str) -> Tokens:
        if split not in self._validation:
            raise unknown("split", split, SPLITS)
        return self._validation[split]


def _sequences(tokens: int, context: int) -> int:
    return max(0, tokens - 1) // context


def read_manifest(path: Path) -> Manifest:
    """The manifest of the corpus in a folder.

    Raises:
        UserError: there is none, or it is damaged.
    """
    file = path / "manifest.json"
    if path.is_symlink() or file.is_symlink():
        raise UserError(f"a corpus must not be a symbolic link: {path}")
    try:
        plain = msgspec.json.decode(read_whole(file))
    except OSError as error:
        raise UserError(f"no corpus at {path}: {error.strerror}; prepare it first") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"{file} is not JSON: {error}; delete {path}, prepare again") from None
    try:
        return from_builtins(Manifest, plain)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
