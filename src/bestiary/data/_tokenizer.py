"""Text to token ids: bytes, or a Hugging Face tokenizer from a local tokenizer.json."""

import hashlib
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np

from bestiary.data._shard import token_dtype
from bestiary.data._shown import shown, why
from bestiary.errors import UserError

MOST_IDS = 2**31 - 1  # batches are int32
MOST_BYTES = 200 * 10**6  # of a tokenizer.json; those with large vocabularies have twenty
LOOKED_AT = 2**14  # characters of one document in every batch, whether they have tokens
END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eot_id|>", "[SEP]")


class AbstractTokenizer(Protocol):
    """What turns the UTF-8 bytes of documents into tokens, with the separator at their end.

    Several threads may call it at a time.

    Attributes:
        name: What identifies it.
        unknown: The token that stands for text it has no other for; None where there is none.
        looked_at: Characters of which it was looked whether a token stands for them: how some
            documents begin.
        lost: Those of them for which none does, blanks aside.
        file: The tokenizer.json it was read from; empty for bytes.
    """

    name: str
    unknown: int | None
    looked_at: int
    lost: int
    file: bytes

    def encode(self, texts: Sequence[bytes]) -> list[np.ndarray]:
        """Token ids of every document, one-dimensional uint16 or uint32 arrays."""


@final
class ByteTokenizer:
    """One token per byte, ids 0 to 255. Byte 0 ends a document, so text must not contain it."""

    name = "byte"
    unknown: int | None = None
    looked_at = 0
    lost = 0
    file = b""

    def __init__(self, vocabulary: int) -> None:
        if vocabulary < 256:
            raise UserError(f"byte tokens need a vocabulary of 256 or more, got {vocabulary}")
        self._dtype = token_dtype(vocabulary)

    def encode(self, texts: Sequence[bytes]) -> list[np.ndarray]:
        """The bytes themselves, then 0."""
        return [np.frombuffer(text + b"\0", np.uint8).astype(self._dtype) for text in texts]


@final
class HuggingFaceTokenizer:
    """A tokenizer.json read by the `tokenizers` package; its end-of-text token ends a document.

    A corpus is all of its text, so what a file says of cutting and filling up to a length is not
    followed; and text that spells a special token is text.
    """

    def __init__(self, path: Path, vocabulary: int) -> None:
        data = _read(path)
        self.file = data
        self._tokenizer = _loaded(data, path)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        last = _last_id(self._tokenizer)
        if last >= vocabulary:
            raise UserError(
                f"the vocabulary must hold the ids of {shown(path)}, up to {last}, got "
                f"{vocabulary}; give the model a vocabulary of {last + 1}"
            )
        self._dtype = token_dtype(vocabulary)
        self._end, self._separator = self._end_of_text(path)
        token = getattr(self._tokenizer.model, "unk_token", None)
        self.unknown: int | None = None if token is None else self._tokenizer.token_to_id(token)
        self.looked_at = self.lost = 0
        self._counting = threading.Lock()
        self.name = f"tokenizer.json sha256:{hashlib.sha256(data).hexdigest()}"

    def encode(self, texts: Sequence[bytes]) -> list[np.ndarray]:
        """The ids without special tokens, then the end-of-text id; in parallel over documents."""
        batch = [text.decode() for text in texts]
        # `fast` leaves out which character gave which token, for a fifth of the time.
        encodings = self._tokenizer.encode_batch_fast(batch, add_special_tokens=False)
        if batch:
            self._look_at(batch[0][:LOOKED_AT])
        return [
            np.array([*self._inside(encoding.ids, text), self._end], self._dtype)
            for encoding, text in zip(encodings, batch, strict=True)
        ]

    def _look_at(self, text: str) -> None:
        """Count the characters of a text that no token stands for."""
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        inside = np.zeros(len(text) + 1, np.int64)
        begin_N, end_N = np.array(offsets, np.int64).reshape(-1, 2).T
        np.add.at(inside, begin_N, 1)
        np.add.at(inside, end_N, -1)
        missing = np.flatnonzero(inside.cumsum()[:-1] == 0)
        with self._counting:
            self.looked_at += len(text)
            self.lost += sum(not text[index].isspace() for index in missing.tolist())

    def _inside(self, ids: list[int], text: str) -> list[int]:
        """The ids of a document, in which no literal separator ends it before its end.

        A separator that the file does not mark as special is found in text all the same: then the
        text is encoded in pieces that each break off inside of one.
        """
        if self._end not in ids:
            return ids
        first, *rest = text.split(self._separator)
        head, tail = self._separator[:1], self._separator[1:]
        pieces = [first, *rest]
        pieces = [piece + head for piece in pieces[:-1]] + pieces[-1:]
        pieces = [*pieces[:1], *(tail + piece for piece in pieces[1:])]
        encodings = self._tokenizer.encode_batch_fast(pieces, add_special_tokens=False)
        found = [token for encoding in encodings for token in encoding.ids]
        if self._end in found:
            raise UserError(
                f"the separator {self._separator} must end documents only, but the tokenizer makes "
                f"it of the text {shown(text)}; name another end-of-text token"
            )
        return found

    def _end_of_text(self, path: Path) -> tuple[int, str]:
        for token in END_OF_TEXT:
            if (found := self._tokenizer.token_to_id(token)) is not None:
                return int(found), token
        raise UserError(
            f"{shown(path)} has no end-of-text token; add one of {', '.join(END_OF_TEXT)}"
        )


def decoded(tokenizer: AbstractTokenizer, ids: Sequence[int]) -> str:
    """The text of some tokens; what stands for no text is left out."""
    if not tokenizer.file:
        return bytes(ids).decode(errors="replace")
    text: str = _loaded(tokenizer.file, Path(tokenizer.name)).decode(list(ids))
    return text


def _loaded(data: bytes, path: Path) -> Any:
    try:
        tokenizers: Any = import_module("tokenizers")
    except ImportError:
        raise UserError(
            "a tokenizer.json needs the package tokenizers; run: pip install tokenizers"
        ) from None
    try:
        return tokenizers.Tokenizer.from_str(data.decode())
    except Exception as error:  # whatever the package says of a file that it cannot read
        raise UserError(f"{shown(path)} is not a tokenizer.json: {shown(error)}") from None


def vocabulary_of(name: str) -> int:
    """How many ids a tokenizer needs: one more than its largest, since ids may have holes.

    Raises:
        UserError: no such tokenizer.
    """
    if name == "byte":
        return 256
    path = Path(name)
    return _last_id(_loaded(_read(path), path)) + 1


def _last_id(tokenizer: Any) -> int:
    return max(tokenizer.get_vocab(with_added_tokens=True).values(), default=0)


def load_tokenizer(name: str, vocabulary: int) -> AbstractTokenizer:
    """The tokenizer a user names: `byte`, or the path of a tokenizer.json.

    Raises:
        UserError: no such tokenizer, or a vocabulary that cannot hold its ids.
    """
    if not 2 <= vocabulary <= MOST_IDS:
        raise UserError(f"a vocabulary has 2 to {MOST_IDS} token ids, got {shown(vocabulary)}")
    if name == "byte":
        return ByteTokenizer(vocabulary)
    return HuggingFaceTokenizer(Path(name), vocabulary)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)  # a device has no end
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise UserError(
            f"a tokenizer is 'byte' or the path of a tokenizer.json, got {shown(path)}: "
            f"{why(error)}"
        ) from None
    if len(content) > MOST_BYTES:
        raise UserError(
            f"a tokenizer.json has at most {MOST_BYTES // 10**6} MB, and {shown(path)} has more; "
            "name another"
        )
    return content
