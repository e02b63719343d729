"""Text on storage elsewhere as files here, which are a source like any other."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import msgspec

from bestiary.data._source import SUFFIXES
from bestiary.errors import UserError
from bestiary.store import RemoteFolder, read_whole, write_whole

# By name, what the storage says of a file: that changes with its content.
_Marks = dict[str, str]


def _quiet(name: str) -> None:
    del name


def mirrored(url: str, folder: Path, told: Callable[[str], None] = _quiet) -> Path:
    """Copy the text at an address here; what has not changed there is not copied again.

    Args:
        url: A file, or a folder whose files of text are taken, not those of folders in it.
        folder: Where they go; it holds nothing else. What is known of them lies beside it.
        told: Is told the name of every file before it comes.

    Returns:
        The file or the folder here, as a source takes it.

    Raises:
        UserError: there is no text.
        BestiaryError: the network or the disk fails; what came whole stays and is gone on with.
    """
    address = PurePosixPath(url.partition("://")[2])
    alone = address.name if _is_text(address.name) else ""
    remote = RemoteFolder(url.rstrip("/").removesuffix(f"/{alone}") if alone else url)
    marks = {name: mark for name, mark in remote.marks().items() if _is_text(name)}
    marks = {name: mark for name, mark in marks.items() if not alone or name == alone}
    if not marks:
        raise UserError(f"no text at {remote.url}; files of it end with {', '.join(SUFFIXES)}")
    before = _recorded(folder)
    for name, mark in marks.items():
        if before.get(name) != mark or not (folder / name).is_file():
            told(name)
            remote.get(name, folder / name)
            before[name] = mark
            _record(folder, before)
    for name in before.keys() - marks.keys():  # it is there no more
        (folder / name).unlink(missing_ok=True)
    _record(folder, marks)
    return folder / alone if alone else folder


def _is_text(name: str) -> bool:
    return "/" not in name and name.endswith(tuple(SUFFIXES))


def _place(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _recorded(folder: Path) -> _Marks:
    try:
        return msgspec.json.decode(read_whole(_place(folder)), type=_Marks)
    except (OSError, ValueError):
        return {}


def _record(folder: Path, marks: _Marks) -> None:
    write_whole(_place(folder), msgspec.json.encode(marks))
