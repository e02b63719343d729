"""`bestiary data`: text prepared as tokens, and what the cache holds of it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._corpora import cache_folder, here, prepared, told_of_file
from bestiary.cli._flags import Amount, Repeated, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._telling import tell
from bestiary.data import (
    BYTES_PER_TOKEN,
    MIXTURES,
    Corpus,
    Held,
    Wanted,
    digest_of,
    fetch,
    held,
    inside,
    leftovers,
    mixture,
    pull_corpus,
    push_corpus,
    shares,
    shown,
    validating,
    vocabulary_of,
    weights,
)
from bestiary.errors import BestiaryError, UserError, unknown
from bestiary.specs import SPLITS, Spec, digest
from bestiary.store import is_remote

COLUMNS = {
    "digest": "digest",
    "name": "name",
    "train": "training tokens",
    "vocabulary": "vocabulary",
    "verified": "verified here",
    "damage": "damage",
}
SHOWN_DIGITS = 12
MIXED = {
    "component": "component",
    "share": "share",
    "tokens": "tokens",
    "gigabytes": "gigabytes",
    "dataset": "data set",
    "subset": "subset",
    "split": "split",
    "field": "field",
    "for": "for",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Prepare text as tokens, and look after what is prepared.

    Attributes:
        action: `list` what is prepared, `prepare` text, `inspect` a corpus, `verify` one or all,
            `fetch` a Hugging Face data set, `mix` the components of a named mixture, `push` a
            corpus to storage elsewhere, or `pull` one from there.
        corpus: To inspect, verify or push: the first digits of its digest, or its name. To fetch:
            the data set, as `HuggingFaceFW/fineweb`, or a local folder of one. To mix: `study`. To
            pull: where it is, as `s3://bucket/corpora/DIGEST`.
        data: To prepare: `stdlib` (the default), or a file or folder, as `bestiary train` takes it.
            To mix: COMPONENT=PATH for each; without, what would be fetched is listed.
        tokenizer: To prepare or mix: `byte`, or the path of a tokenizer.json.
        vocabulary: To prepare or mix: ids of the model; 0 for as many as the tokenizer needs.
        revision: To fetch: a commit, tag or branch; the latest where not given.
        subset: To fetch: the data set's configuration, where it has several.
        split: To fetch: the data set's split.
        field: To fetch: the column of the text.
        rows: To fetch: how many at most; 0 for all.
        out: To fetch: the folder of the rows; by default one in the cache. To push: the folder of
            corpora elsewhere, as `s3://bucket/corpora`.
        tokens: To mix, without data: how many tokens the listing is for.
        json: Print JSON.
    """

    action: tyro.conf.Positional[str] = "list"
    corpus: tyro.conf.Positional[str] = ""
    data: Repeated = ()
    tokenizer: str = "byte"
    vocabulary: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    revision: str = ""
    subset: str = ""
    split: str = "train"
    field: str = "text"
    rows: Annotated[int, Meta(ge=0, lt=2**62)] = 0
    out: str = ""
    tokens: Annotated[Amount, Meta(ge=1, le=1e30)] = 1e10
    json: Switch = False


def run(flags: Flags) -> None:
    """Do what was asked of the corpora in the cache."""
    actions: dict[str, Callable[[Flags], None]]
    actions = {
        "list": _list,
        "prepare": _prepare,
        "inspect": _inspect,
        "verify": _verify,
        "fetch": fetch_rows,
        "mix": mix,
        "push": push,
        "pull": pull,
    }
    if flags.action not in actions:
        raise unknown("action", shown(flags.action), actions)
    if flags.corpus and flags.action in ("list", "prepare"):
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
    vocabulary = _vocabulary(flags)
    corpus = prepared(here(flags.data), tokenizer=flags.tokenizer, vocabulary=vocabulary)
    _tell_of(corpus, as_json=flags.json)


def _vocabulary(flags: Flags) -> int:
    least = vocabulary_of(flags.tokenizer)
    if 0 < flags.vocabulary < least:
        raise UserError(
            f"--vocabulary must be {least} or more for this tokenizer, or 0 for so many"
        )
    return flags.vocabulary or least


def fetch_rows(flags: Flags) -> None:
    """Stream a data set into files of rows, and say how to prepare them."""
    if not flags.corpus:
        raise UserError("name the data set: bestiary data fetch HuggingFaceFW/fineweb")
    wanted = Wanted(
        dataset=flags.corpus,
        revision=flags.revision,
        subset=flags.subset,
        split=flags.split,
        field=flags.field,
    )
    folder = Path(flags.out) if flags.out else cache_folder() / "fetched" / _called(wanted)
    found = fetch(wanted, folder, rows=flags.rows, told=lambda rows: tell(f"{rows:,} rows"))
    if flags.json:
        print_json({"folder": str(folder), **msgspec.to_builtins(found)})
        return
    tell(
        f"{found.rows:,} rows of {wanted.dataset}, {wanted.split}"
        + (f", revision {found.wanted.revision}" if found.wanted.revision else ""),
        f"in {folder}",
        f"next: bestiary data prepare --data {folder}",
    )


def _called(wanted: Wanted) -> str:
    """A folder's name: what is wanted, with a digest of all of it."""
    plain = re.sub(r"[^\w.-]+", "-", f"{wanted.dataset}-{wanted.split}").strip("-.")
    return f"{plain[-80:]}-{digest(wanted)[:8]}"


def mix(flags: Flags) -> None:
    """Prepare a named mixture from the paths of its components, or say what it is."""
    if flags.corpus not in MIXTURES:
        raise unknown("mixture", shown(flags.corpus), MIXTURES)
    preset = MIXTURES[flags.corpus]
    if not flags.data:
        _tell_mixture(flags)
        return
    pairs = [one.partition("=") for one in flags.data]
    if wrong := [one for one, equals, _ in pairs if not equals]:
        raise UserError(f"--data takes COMPONENT=PATH here, got {shown(wrong[0])!r}")
    paths = {name: path for name, _, path in pairs}
    sources = mixture(weights(preset), paths, validating(preset))
    corpus = prepared(sources, tokenizer=flags.tokenizer, vocabulary=_vocabulary(flags))
    _tell_of(corpus, as_json=flags.json)


def _tell_mixture(flags: Flags) -> None:
    """What a mixture consists of, and how much of each component some tokens need."""
    preset = MIXTURES[flags.corpus]
    share = shares(preset)
    tokens = {name: one * flags.tokens for name, one in share.items()}
    records = [
        {
            "component": name,
            "share": share.get(name),
            "tokens": tokens.get(name),
            "gigabytes": tokens[name] * BYTES_PER_TOKEN / 1e9 if name in tokens else None,
            "dataset": preset[name].wanted.dataset,
            "subset": preset[name].wanted.subset,
            "split": preset[name].wanted.split,
            "field": preset[name].wanted.field,
            "for": "training" if name in share else "validation",
        }
        for name in preset
    ]
    show(records, MIXED, as_json=flags.json)
    if not flags.json:
        paths = " ".join(f"--data {name}=PATH" for name in preset)
        tell(
            f"nothing was fetched; gigabytes are of text, at {BYTES_PER_TOKEN} bytes a token",
            "bestiary data fetch DATASET --subset SUBSET --split SPLIT --field FIELD fetches one",
            f"bestiary data mix {flags.corpus} {paths} --tokenizer tokenizer.json prepares them",
        )


def _inspect(flags: Flags) -> None:
    folder = cache_folder() / "corpora"
    if not flags.corpus:
        raise UserError("name the corpus: bestiary data inspect DIGEST; `bestiary data` lists them")
    corpus = Corpus.open(folder, digest_of(folder, flags.corpus))
    found = inside(corpus)
    if flags.json:
        print_json({**_about(corpus), "inside": msgspec.to_builtins(found)})
        return
    _tell_of(corpus, as_json=False)
    tell(*found.lines())


def push(flags: Flags) -> None:
    """Copy a corpus to storage elsewhere, and say how to use it from there."""
    folder = cache_folder() / "corpora"
    if not (flags.corpus and is_remote(flags.out)):
        raise UserError("name both: bestiary data push CORPUS --out s3://bucket/corpora")
    corpus = Corpus.open(folder, digest_of(folder, flags.corpus), verify=True)
    url = push_corpus(corpus, flags.out, told_of_file)
    if flags.json:
        print_json({"url": url})
        return
    tell(f"in {url}", f"elsewhere: bestiary train --data {url}")


def pull(flags: Flags) -> None:
    """Copy a corpus from storage elsewhere into the cache, and say what it is."""
    if not is_remote(flags.corpus):
        raise UserError("name the corpus: bestiary data pull s3://bucket/corpora/DIGEST")
    path = pull_corpus(flags.corpus, cache_folder() / "corpora", told_of_file)
    _tell_of(Corpus.open(path.parent, path.name), as_json=flags.json)


def _about(corpus: Corpus) -> dict[str, Any]:
    """What a corpus is, what was read for it, and what a token is worth."""
    return {
        "digest": corpus.spec.digest,
        "name": corpus.spec.name,
        "folder": str(corpus.folder),
        "tokenizer": corpus.manifest.tokenizer,
        "vocabulary": corpus.vocabulary,
        "reading": msgspec.to_builtins(corpus.reading),
        "rates": {split: corpus.bytes_per_token(split) for split in ("train", *SPLITS)},
    }


def _tell_of(corpus: Corpus, *, as_json: bool) -> None:
    """The same, for programs or for people."""
    about = _about(corpus)
    if as_json:
        print_json(about)
        return
    rates = ", ".join(f"{split} {rate:.3f}" for split, rate in about["rates"].items())
    tell(
        f"{corpus.spec.name} {corpus.spec.digest}",
        f"in {corpus.folder}",
        f"tokenizer {corpus.manifest.tokenizer}, {corpus.vocabulary:,} ids",
        *(corpus.reading.lines() if corpus.reading else ()),
        f"bytes per token: {rates}",
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
