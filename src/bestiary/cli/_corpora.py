"""The corpus of a command: text prepared once into the user's cache, or opened from there."""

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bestiary.data import Corpus, Source, described, prepare

PATIENCE_SECONDS = 5.0


def cache_folder() -> Path:
    """The folder for what can be made again: `BESTIARY_CACHE`, or the user's cache directory."""
    chosen = os.environ.get("BESTIARY_CACHE", "")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bestiary"
    return Path(chosen) if chosen not in ("", "off") else user


def prepared(
    data: Sequence[str | Source], *, tokenizer: str = "byte", vocabulary: int = 256
) -> Corpus:
    """The corpus of some text, tokenised into the cache where it is not there yet.

    What was read, skipped and passed over is said on stderr when it is read.

    Args:
        data: Sources, or lines as `bestiary.data.described` takes them; none for the standard
            library.
        tokenizer: `byte`, or the path of a tokenizer.json.
        vocabulary: Token ids of the model; bytes need 256 and no more.

    Raises:
        UserError: no such text, or text that cannot be used; nothing was written.
    """
    origins = [one if isinstance(one, Source) else described(one) for one in data or ("stdlib",)]
    is_bytes = tokenizer == "byte" and not any(origin.is_tokens for origin in origins)
    folder = cache_folder() / "corpora"
    with _patience(f"reading the text into {folder}; it is kept there"):
        corpus = prepare(origins, folder, tokenizer, vocabulary=256 if is_bytes else vocabulary)
    if corpus.is_new and corpus.reading:
        print("\n".join(corpus.reading.lines()), file=sys.stderr, flush=True)
    return corpus


@contextmanager
def _patience(line: str) -> Iterator[None]:
    """Say a line on stderr if the block takes long."""
    timer = threading.Timer(PATIENCE_SECONDS, print, (line,), {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
