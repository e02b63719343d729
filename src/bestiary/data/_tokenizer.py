"""Text to token ids: bytes, or a Hugging Face tokenizer from a local tokenizer.json."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, final

import numpy as np

from bestiary.data._shard import token_dtype
from bestiary.errors import UserError

END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eot_id|>", "[SEP]")


class AbstractTokenizer(Protocol):
    """What turns the UTF-8 bytes of documents into tokens, with the separator at their end."""

    name: str

    def encode(self, texts: Sequence[bytes]) -> list[np.ndarray]:
        """Token ids of every document, one-dimensional uint16 or uint32 arrays."""


@final
class ByteTokenizer:
    """One token per byte, ids 0 to 255. Byte 0 ends a document, so text must not contain it."""

    name = "byte"

    def __init__(self, vocabulary: int) -> None:
        if vocabulary < 256:
            raise UserError(f"byte tokens need a vocabulary of 256 or more, got {vocabulary}")
        self._dtype = token_dtype(vocabulary)

    def encode(self, texts: Sequence[bytes]) -> list[np.ndarray]:
        """The bytes themselves, then 0."""
        return [np.frombuffer(text + b"\0", np.uint8).astype(self._dtype) for text in texts]


@final
class HuggingFaceTokenizer:
    """A tokenizer.json read by the `tokenizers` package; its end-of-text token ends a document."""

    def __init__(self, path: Path, vocabulary: int) -> None:
        try:
            import tokenizers
        except ImportError:
            raise UserError(
                "a tokenizer.json needs the package tokenizers; run: pip install tokenizers"
            ) from None
        data = _read(path)
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_str(data.decode())
        except Exception as error:
            raise UserError(f"{path} is not a tokenizer.json: {error}") from None
        size = self._tokenizer.get_vocab_size()
        if size > vocabulary:
            raise UserError(
                f"the vocabulary must hold the {size} tokens of {path}, got {vocabulary}; "
                f"give the model a vocabulary of {size}"
            )
        self._dtype = token_dtype(vocabulary)
        self._end = self._end_of_text(path)
        self.name = f"tokenizer.json sha256:{hashlib.sha256(data).hexdigest()}"

    def encode(self, texts: Sequence[bytes]) -> list[np.ndarray]:
        """The ids without special tokens, then the end-of-text id; in parallel over documents."""
        batch = [text.decode() for text in texts]
        encodings = self._tokenizer.encode_batch(batch, add_special_tokens=False)
        return [np.array([*encoding.ids, self._end], self._dtype) for encoding in encodings]

    def _end_of_text(self, path: Path) -> int:
        for token in END_OF_TEXT:
            if (found := self._tokenizer.token_to_id(token)) is not None:
                return int(found)
        raise UserError(f"{path} has no end-of-text token; add one of {', '.join(END_OF_TEXT)}")


def load_tokenizer(name: str, vocabulary: int) -> AbstractTokenizer:
    """The tokenizer a user names: `byte`, or the path of a tokenizer.json.

    Raises:
        UserError: no such tokenizer, or a vocabulary that cannot hold its ids.
    """
    if name == "byte":
        return ByteTokenizer(vocabulary)
    return HuggingFaceTokenizer(Path(name), vocabulary)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"a tokenizer is 'byte' or the path of a tokenizer.json, got {path}: {error.strerror}"
        ) from None
