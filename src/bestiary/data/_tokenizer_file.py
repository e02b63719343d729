"""The tokenizer of a corpus as a tokenizer.json, which a run keeps beside its model."""

import json
from itertools import chain
from pathlib import Path

from bestiary.data._manifest import Manifest
from bestiary.data._tokenizer import END_OF_TEXT, AbstractTokenizer, ByteTokenizer, load_tokenizer

FILE = "tokenizer.json"


def tokenizer_json(folder: Path, manifest: Manifest) -> str | None:
    """Its text; None where the corpus was given as tokens, or prepared before it kept the file.

    Args:
        folder: Of the corpus.
        manifest: What is in it.
    """
    if manifest.tokenizer == "byte":
        return _json_of_bytes()
    kept = folder / FILE
    return kept.read_text(encoding="utf-8") if kept.is_file() else None


def kept_tokenizer(path: Path, vocabulary: int) -> AbstractTokenizer:
    """The tokenizer that a run keeps beside its model, as it was in training.

    Args:
        path: Its tokenizer.json.
        vocabulary: Ids of the model.

    Raises:
        UserError: no such file, no tokenizer, or one with ids that the model does not have.
    """
    if path.is_file() and path.read_bytes() == _json_of_bytes().encode():
        return ByteTokenizer(vocabulary)
    return load_tokenizer(str(path), vocabulary)


def end_of_text(tokenizer: str) -> str | None:
    """The token that ends a document, as others must be told; None where it has no name: bytes.

    Args:
        tokenizer: The text of a tokenizer.json that was read as one before.
    """
    stated = json.loads(tokenizer)
    vocabulary = stated["model"]["vocab"]  # by name, or in some models pairs of a name and a score
    names = set(vocabulary if isinstance(vocabulary, dict) else (name for name, _ in vocabulary))
    names |= {one["content"] for one in stated.get("added_tokens") or ()}
    return next((token for token in END_OF_TEXT if token in names), None)


def _json_of_bytes() -> str:
    return json.dumps(_of_bytes(), ensure_ascii=False)


def _of_bytes() -> dict[str, object]:
    """A tokenizer whose ids are the bytes: the file's format writes each as one character."""
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    model: dict[str, object] = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "vocab": {character: byte for byte, character in enumerate(_characters())},
        "merges": [],
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {**level, "use_regex": False},
        "post_processor": None,
        "decoder": {**level, "use_regex": True},
        "model": model,
    }


def _characters() -> list[str]:
    """The character of each byte in such files (GPT-2's): its own where that can be printed."""
    printable = set(chain(range(33, 127), range(161, 173), range(174, 256)))
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
