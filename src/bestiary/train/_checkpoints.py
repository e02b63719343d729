"""Checkpoints: arrays by Orbax under a manifest of hashes, visible only when complete.

Orbax alone returns a flipped bit as if it were data, so every file has its sha256 in a manifest,
which is verified on load. The order on disk is: files, manifest, their folder, the rename that
makes the checkpoint visible, the parent folder; each is synced before the next. A crash at any
moment leaves the old checkpoint, the new one, or both.
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import msgspec

from bestiary.errors import BestiaryError
from bestiary.store import read_whole, remove
from bestiary.train._peers import leads, meet, told_of_others

KEPT = 2
_TEMPORARY = ".writing-"
_MANIFEST = "manifest.json"
_RECORD = "record.json"


class CheckpointError(BestiaryError):
    """A checkpoint is not what was written."""


def save(folder: Path, step: int, *, record: bytes, arrays: Any, kept: int = KEPT) -> Path:
    """Write a checkpoint so that it is there completely or not at all; the last ones are kept.

    Of several processes of one run each writes its part of the arrays, the first all else.

    Args:
        folder: The folder of all checkpoints of an attempt, created where it is missing.
        step: Optimizer steps taken; names the checkpoint.
        record: Everything that is not an array, as bytes.
        arrays: A tree of arrays.
        kept: How many are kept, this one included.

    Returns:
        The checkpoint's own folder.

    Raises:
        OSError: the disk is full or fails; earlier checkpoints are untouched.
    """
    temporary = folder / f"{_TEMPORARY}{step}"
    final = folder / str(step)
    if not leads():
        meet("begin a checkpoint")
        _write_arrays(temporary / "arrays", arrays)
        meet("end a checkpoint")
        return final
    folder.mkdir(parents=True, exist_ok=True)
    remove(temporary)
    try:
        temporary.mkdir()
        (temporary / _RECORD).write_bytes(record)
        meet("begin a checkpoint")
        _write_arrays(temporary / "arrays", arrays)
        manifest = msgspec.json.encode(
            {name: _hash(temporary / name) for name in _names(temporary)}
        )
        (temporary / _MANIFEST).write_bytes(manifest)
        _sync_tree(temporary)
        # Only a damaged checkpoint can stand in the way: a run never takes a step twice otherwise.
        remove(final)
        os.rename(temporary, final)
        _sync(folder)
    except BaseException:
        remove(temporary)
        raise
    for old in steps(folder)[:-kept]:
        remove(folder / str(old))
    meet("end a checkpoint")
    return final


def steps(folder: Path) -> list[int]:
    """The steps of the visible checkpoints in a folder, ascending; none where it is missing."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdecimal())


def clear_unfinished(folder: Path) -> None:
    """Remove what a crash left half written."""
    for entry in folder.glob(f"{_TEMPORARY}*"):
        remove(entry)


def set_aside(path: Path) -> Path:
    """Rename what is damaged, so that it is kept but never read again; its new place."""
    for count in range(1, 1000):
        aside = path.with_name(f"damaged-{count}-{path.name}")
        if not aside.exists():
            break
    path.rename(aside)
    return aside


def load_record(checkpoint: Path) -> bytes:
    """Verify every file of a checkpoint and return its record.

    Raises:
        CheckpointError: a file is missing, foreign, or not what was written.
    """
    try:
        manifest = msgspec.json.decode(read_whole(checkpoint / _MANIFEST), type=dict[str, str])
        record = read_whole(checkpoint / _RECORD)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"checkpoint {checkpoint} is damaged: {error}") from None
    found = _names(checkpoint) - {_MANIFEST}
    if set(manifest) != found:
        odd = sorted(set(manifest) ^ found)[0]
        raise CheckpointError(f"checkpoint {checkpoint} is damaged: missing or foreign {odd!r}")
    for name, digest in manifest.items():
        if _hash(checkpoint / name) != digest:
            raise CheckpointError(f"checkpoint {checkpoint} is damaged: {name!r} has changed")
    return record


def load_arrays(checkpoint: Path, like: Any) -> Any:
    """The arrays of a checkpoint whose files `load_record` has verified.

    Args:
        checkpoint: The checkpoint's own folder.
        like: A tree of arrays of the same structure, shapes and types; placed on its devices.

    Raises:
        CheckpointError: the structure, a shape or a type differs.
    """
    named, structure = _named(like)
    stored = _read_arrays(checkpoint / "arrays", {k: v for k, v in named.items() if v.size})
    for name, array in stored.items():
        if array.shape != named[name].shape or array.dtype != named[name].dtype:
            raise CheckpointError(f"checkpoint {checkpoint} holds another {name!r}")
    return jax.tree.unflatten(structure, [stored.get(name, leaf) for name, leaf in named.items()])


def _named(tree: Any) -> tuple[dict[str, jax.Array], Any]:
    """The leaves of a tree under readable, unique names."""
    leaves, structure = jax.tree.flatten_with_path(tree)
    return {
        jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves
    }, (structure)


@contextlib.contextmanager
def _orbax() -> Iterator[Any]:
    """A synchronous Orbax checkpointer; imported here because most short runs never need it."""
    import orbax.checkpoint as ocp

    checkpointer = ocp.Checkpointer(ocp.PyTreeCheckpointHandler())
    try:
        yield checkpointer
    finally:
        checkpointer.close()


def _write_arrays(folder: Path, arrays: Any) -> None:
    import orbax.checkpoint as ocp

    # Orbax refuses arrays without elements; their shape, in the template, is all there is to know.
    named = {name: leaf for name, leaf in _named(arrays)[0].items() if leaf.size}
    with _orbax() as checkpointer:
        try:
            checkpointer.save(folder.absolute(), args=ocp.args.PyTreeSave(named))
        except ValueError as error:
            # Orbax's storage reports what the disk said inside the text of a ValueError.
            code = re.search(r"os_error_code='(\d+)'", str(error))
            if code is None:
                raise
            number = int(code[1])
            raise OSError(number, os.strerror(number), str(folder)) from None


def _read_arrays(folder: Path, like: dict[str, jax.Array]) -> dict[str, jax.Array]:
    import orbax.checkpoint as ocp

    wanted = {name: ocp.ArrayRestoreArgs(sharding=leaf.sharding) for name, leaf in like.items()}
    with _orbax() as checkpointer:
        try:
            restore = ocp.args.PyTreeRestore(restore_args=wanted)
            stored: dict[str, jax.Array] = checkpointer.restore(folder.absolute(), args=restore)
        except (ValueError, KeyError) as error:
            if told_of_others(error):
                raise
            first = str(error).splitlines()[0]
            raise CheckpointError(f"checkpoint {folder.parent} cannot be read: {first}") from None
    if set(stored) != set(like):
        odd = sorted(set(stored) ^ set(like))[0]
        raise CheckpointError(f"checkpoint {folder.parent} has other arrays, for instance {odd}")
    return stored


def _names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def _hash(file: Path) -> str:
    if file.is_symlink() or not file.is_file():
        return "a link, or no file"
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync_tree(folder: Path) -> None:
    for entry in [*folder.rglob("*"), folder]:
        _sync(entry)


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
