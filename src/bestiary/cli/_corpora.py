"""The corpus of a command: text prepared once into the user's cache, or opened from there."""

import os
from pathlib import Path

from bestiary.data import Corpus, prepare, source


def cache_folder() -> Path:
    """The folder for what can be made again: `BESTIARY_CACHE`, or the user's cache directory."""
    chosen = os.environ.get("BESTIARY_CACHE", "")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bestiary"
    return Path(chosen) if chosen not in ("", "off") else user


def prepared(data: str, *, tokenizer: str = "byte", vocabulary: int = 256) -> Corpus:
    """The corpus of some text, tokenised into the cache where it is not there yet.

    Args:
        data: `stdlib`, or a file or folder of .txt, .jsonl, .parquet or .bin.
        tokenizer: `byte`, or the path of a tokenizer.json.
        vocabulary: Token ids of the model; bytes need 256 and no more.

    Raises:
        UserError: no such text, or text that cannot be used; nothing was written.
    """
    origin = source(data)
    is_bytes = tokenizer == "byte" and origin.kind != "shards"
    return prepare(
        [origin],
        cache_folder() / "corpora",
        tokenizer,
        vocabulary=256 if is_bytes else vocabulary,
    )
