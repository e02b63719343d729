"""`bestiary data`: text prepared as tokens, and what the cache holds of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._corpora import cache_folder, prepared
from bestiary.cli._flags import Repeated, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._telling import tell
from bestiary.data import Corpus, Held, digest_of, held, leftovers, shown, vocabulary_of
from bestiary.errors import BestiaryError, UserError, unknown
from bestiary.specs import SPLITS, Spec

COLUMNS = {
    "digest": "digest",
    "name": "name",
    "train": "training tokens",
    "vocabulary": "vocabulary",
    "verified": "verified here",
    "damage": "damage",
}
SHOWN_DIGITS = 12


class Flags(Spec, frozen=True, kw_only=True):
    """Prepare text as tokens, and look after what is prepared.

    Attributes:
        action: `list` what is prepared, `prepare` text, `inspect` a corpus, or `verify` one or all.
        corpus: To inspect or verify: the first digits of its digest, or its name.
        data: To prepare: `stdlib` (the default), or a file or folder, as `bestiary train` takes it.
        tokenizer: To prepare: `byte`, or the path of a tokenizer.json.
        vocabulary: To prepare: token ids of the model; 0 for as many as the tokenizer needs.
        json: Print JSON.
    """

    action: tyro.conf.Positional[str] = "list"
    corpus: tyro.conf.Positional[str] = ""
    data: Repeated = ()
    tokenizer: str = "byte"
    vocabulary: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    json: Switch = False


def run(flags: Flags) -> None:
    """Do what was asked of the corpora in the cache."""
    actions: dict[str, Callable[[Flags], None]]
    actions = {"list": _list, "prepare": _prepare, "inspect": _inspect, "verify": _verify}
    if flags.action not in actions:
        raise unknown("action", shown(flags.action), actions)
    if flags.corpus and flags.action not in ("inspect", "verify"):
        raise UserError(
            f"`bestiary data {flags.action}` takes no corpus, got {flags.corpus[:80]!r}"
        )
    actions[flags.action](flags)


def _list(flags: Flags) -> None:
    folder = cache_folder() / "corpora"
    show([_row(one) for one in held(folder)], COLUMNS, as_json=flags.json)
    if flags.json:
        return
    for left in leftovers(folder):
        state = "its process is dead" if left.is_abandoned else "somebody may be writing there"
        tell(f"unfinished: {folder / left.name}; {state}")


def _row(one: Held) -> dict[str, Any]:
    about = {"digest": one.digest[:SHOWN_DIGITS], "sha256": one.digest, "damage": one.damage}
    verified = datetime.fromtimestamp(one.verified, UTC).isoformat(" ", "minutes")[:16]
    about["verified"] = verified if one.verified else "never"
    if one.manifest is None:
        return {**about, "name": "", "train": None, "vocabulary": None}
    content = one.manifest.content
    tokens = {"train": sum(part.tokens for part in content.train)}
    tokens |= {split: getattr(content, split).tokens for split in SPLITS}
    return {**about, **tokens, "name": one.manifest.name, "vocabulary": content.vocabulary}


def _prepare(flags: Flags) -> None:
    least = vocabulary_of(flags.tokenizer)
    if 0 < flags.vocabulary < least:
        raise UserError(
            f"--vocabulary must be {least} or more for this tokenizer, or 0 for so many"
        )
    vocabulary = flags.vocabulary or least
    corpus = prepared(flags.data, tokenizer=flags.tokenizer, vocabulary=vocabulary)
    _tell_of(corpus, as_json=flags.json)


def _inspect(flags: Flags) -> None:
    folder = cache_folder() / "corpora"
    if not flags.corpus:
        raise UserError("name the corpus: bestiary data inspect DIGEST; `bestiary data` lists them")
    _tell_of(Corpus.open(folder, digest_of(folder, flags.corpus)), as_json=flags.json)


def _tell_of(corpus: Corpus, *, as_json: bool) -> None:
    """What a corpus is, what was read for it, and what a token is worth."""
    rates = {split: corpus.bytes_per_token(split) for split in ("train", *SPLITS)}
    if as_json:
        reading = msgspec.to_builtins(corpus.reading)
        about = {
            "digest": corpus.spec.digest,
            "name": corpus.spec.name,
            "folder": str(corpus.folder),
        }
        about["tokenizer"] = corpus.manifest.tokenizer
        print_json({**about, "vocabulary": corpus.vocabulary, "reading": reading, "rates": rates})
        return
    tell(
        f"{corpus.spec.name} {corpus.spec.digest}",
        f"in {corpus.folder}",
        f"tokenizer {corpus.manifest.tokenizer}, {corpus.vocabulary:,} ids",
        *(corpus.reading.lines() if corpus.reading else ()),
        f"bytes per token: {', '.join(f'{split} {rate:.3f}' for split, rate in rates.items())}",
    )


def _verify(flags: Flags) -> None:
    folder = cache_folder() / "corpora"
    if flags.corpus:
        digests = [digest_of(folder, flags.corpus)]
    else:
        digests = [one.digest for one in held(folder)]
    records = [{"digest": digest, "damage": _damage(digest)} for digest in digests]
    if flags.json:
        print_json(records)
    else:
        tell(*(f"{one['digest'][:SHOWN_DIGITS]} {one['damage'] or 'intact'}" for one in records))
    damaged = sum(bool(one["damage"]) for one in records)
    if damaged:
        raise BestiaryError(f"{damaged} of {len(records)} corpora are damaged")


def _damage(digest: str) -> str:
    try:
        Corpus.open(cache_folder() / "corpora", digest, verify=True)
    except UserError as error:
        return str(error)
    return ""
