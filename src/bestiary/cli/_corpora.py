"""The corpus of a command: text prepared once into the user's cache, or opened from there."""

import os
import re
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from bestiary.cli._preparing_log import PreparingLog
from bestiary.data import (
    Corpus,
    Source,
    described,
    digest_in,
    mirrored,
    prepare,
    pull_corpus,
)
from bestiary.errors import UserError
from bestiary.store import is_remote


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
    if (corpus := given(data)) is not None:
        if corpus.vocabulary > vocabulary:
            raise UserError(
                f"the corpus {corpus.spec.name} has {corpus.vocabulary:,} ids, models of "
                f"{vocabulary:,} need fewer; take another, or larger models"
            )
        return corpus
    origins = [one if isinstance(one, Source) else described(one) for one in data or ("stdlib",)]
    is_bytes = tokenizer == "byte" and not any(origin.is_tokens for origin in origins)
    folder = cache_folder() / "corpora"
    told = PreparingLog(f"reading the text into {folder}; it is kept there")
    ids = 256 if is_bytes else vocabulary
    corpus = prepare(origins, folder, tokenizer, vocabulary=ids, told=told)
    if corpus.is_new and corpus.reading:
        print("\n".join(corpus.reading.lines()), file=sys.stderr, flush=True)
    return corpus


def given(data: Sequence[str | Source]) -> Corpus | None:
    """The prepared corpus whose folder was named in the place of text; None where none was.

    Raises:
        UserError: it is not what was prepared, or it is one of several sources.
    """
    named = [Path(one) for one in data if isinstance(one, str) and digest_in(one)]
    folders = [one for one in named if (one / "manifest.json").is_file()]
    if not folders:
        return None
    if len(data) > 1:
        raise UserError(f"a prepared corpus is no part of a mixture; give {folders[0]} alone")
    return Corpus.open(folders[0].parent, folders[0].name)


def here(data: Sequence[str]) -> tuple[str, ...]:
    """Lines of sources with what lies on storage elsewhere (`s3://...`) copied into the cache.

    Raises:
        UserError: there is no such storage, text or corpus, or it is not what it was.
        BestiaryError: the network fails; what came whole is gone on with.
    """
    return tuple(_here(line) if is_remote(line) else line for line in data)


def told_of_file(name: str) -> None:
    """Say on stderr which file goes or comes."""
    print(f"copying {name}", file=sys.stderr, flush=True)


def _here(line: str) -> str:
    url = line.partition(",")[0]
    if digest_in(url):
        return f"{pull_corpus(url, cache_folder() / 'corpora', told_of_file)}{line[len(url) :]}"
    called = re.sub(r"[^\w.-]+", "-", url.rstrip("/")).strip("-.")[-80:]
    folder = cache_folder() / "fetched" / f"{called}-{sha256(url.encode()).hexdigest()[:8]}"
    return f"{mirrored(url, folder, told_of_file)}{line[len(url) :]}"
