"""A prepared corpus on storage elsewhere: copied there, and here, under its digest."""

import re
from collections.abc import Callable
from pathlib import Path

from bestiary.data._blocks import FILE as BLOCKS
from bestiary.data._corpus import Corpus, read_manifest
from bestiary.data._manifest import content_digest
from bestiary.data._publish import publish, scratch
from bestiary.data._tokenizer_file import FILE as TOKENIZER
from bestiary.data._verify import verified_shards
from bestiary.errors import UserError
from bestiary.store import RemoteFolder

_MANIFEST = "manifest.json"
_BESIDE = (BLOCKS, TOKENIZER)


def _quiet(name: str) -> None:
    del name


def push_corpus(corpus: Corpus, url: str, told: Callable[[str], None] = _quiet) -> str:
    """Copy a corpus to a folder of corpora elsewhere; files that are there already stay.

    The manifest goes last, so that what was interrupted looks like no corpus; the same call goes on
    after its last whole file.

    Args:
        corpus: What is copied.
        url: The folder of corpora.
        told: Is told the name of every file before it goes.

    Returns:
        Where it lies now.

    Raises:
        UserError: no such storage.
        BestiaryError: the network fails, or nobody may write there.
    """
    remote = RemoteFolder(f"{url.rstrip('/')}/{corpus.spec.digest}")
    there = remote.names()
    shards = [shard.file for part in corpus.manifest.content.parts for shard in part.shards]
    for name in (*shards, *_BESIDE, _MANIFEST):
        file = corpus.folder / name
        if file.is_file() and there.get(name) != file.stat().st_size:
            told(name)
            remote.put(file, name)
    return remote.url


def digest_in(url: str) -> str:
    """The digest that the address of a corpus ends with; empty where it is of something else."""
    last = url.rstrip("/").rpartition("/")[2]
    return last if re.fullmatch("[0-9a-f]{64}", last) else ""


def pull_corpus(url: str, folder: Path, told: Callable[[str], None] = _quiet) -> Path:
    """Copy a corpus from elsewhere into a folder of corpora, whole and verified or not at all.

    Args:
        url: Its address, which ends with its digest.
        folder: The folder of corpora here; one that is there already is not copied again.
        told: Is told the name of every file before it comes.

    Returns:
        Its folder here.

    Raises:
        UserError: it is not there, or not what its digest names; nothing was left here.
        BestiaryError: the network or the disk fails; nothing was left here.
    """
    digest, remote = digest_in(url), RemoteFolder(url)
    if not digest:
        held = sorted({name.partition("/")[0] for name in remote.names() if _MANIFEST in name})
        raise UserError(
            "the address of a corpus ends with the 64 digits of its digest, got "
            f"{remote.url}, which holds {', '.join(held[:3]) or 'none'}; add them"
        )
    if (folder / digest).exists():
        return folder / digest
    names = remote.names()
    if _MANIFEST not in names:
        raise UserError(f"no corpus at {remote.url}; `bestiary data push` puts one there")
    with scratch(folder) as path:
        remote.get(_MANIFEST, path / _MANIFEST)
        content = read_manifest(path).content
        if content_digest(content) != digest:
            raise UserError(f"{remote.url}/{_MANIFEST} was changed: it is not what {digest} names")
        shards = [shard.file for part in content.parts for shard in part.shards]
        for name in (*shards, *(one for one in _BESIDE if one in names)):
            told(name)
            remote.get(name, path / name)
        try:
            verified_shards(path, content, afresh=True)
        except UserError as error:
            raise UserError(
                f"{remote.url} is not what was put there: {str(error).replace(str(path), '')}; put "
                "it there again"
            ) from None
        publish(path, folder / digest)
    return folder / digest
