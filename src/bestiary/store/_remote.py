"""Files on storage elsewhere, such as `s3://` and `gs://`, through fsspec (the extra `remote`).

Nothing is read or written in place there: files are copied here whole, and what they are is for
their manifest of hashes to say.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, final

from bestiary.errors import BestiaryError, UserError, quoted

# One name, so that what a killed process left is removed by the next.
_PROBE = ".bestiary-may-write"


def is_remote(text: str) -> bool:
    """Whether a path names storage elsewhere: it begins with a protocol, as `s3://` does."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None


@final
class RemoteFolder:
    """A folder elsewhere.

    Attributes:
        url: Where.
    """

    def __init__(self, url: str) -> None:
        """Find the storage; nothing is read yet.

        Raises:
            UserError: nothing is known of such storage, or its package is missing.
        """
        self.url = url.rstrip("/")
        protocol = self.url.partition("://")[0]
        # Local folders are made as they are needed; elsewhere there are none, only names.
        own = {"auto_mkdir": True} if protocol in ("file", "local") else {}
        try:
            opened = import_module("fsspec.core").url_to_fs(self.url, **own)
        except ImportError as error:
            raise UserError(
                f"{protocol}:// needs a package ({_first_line(error)}); run: pip install "
                "'bestiary[remote]'"
            ) from None
        except ValueError as error:
            raise UserError(f"cannot use {quoted(url)}: {_first_line(error)}") from None
        self._files: Any = opened[0]
        self._root = str(opened[1]).rstrip("/")

    def names(self) -> dict[str, int]:
        """The files in the folder and below it by their names in it, with their bytes."""
        return {name: int(about["size"] or 0) for name, about in self._found().items()}

    def marks(self) -> dict[str, str]:
        """The same with what changes when their content does, as the storage knows it."""
        names = list(self._found())
        with self._told("list"):
            return {name: str(self._files.ukey(f"{self._root}/{name}")) for name in names}

    def _found(self) -> dict[str, Any]:
        with self._told("list"):
            self._files.invalidate_cache()
            found = self._files.find(self._root, detail=True)
        beginning = f"{self._root}/"
        names = {
            path[len(beginning) :]: about
            for path, about in sorted(found.items())
            if path.startswith(beginning)
        }
        for name in names:  # an object's name is free text, and becomes a path here
            if name.startswith("/") or ".." in name.split("/"):
                raise UserError(
                    f"{self.url} holds {quoted(name)}, which leads out of it; remove that, or use "
                    "another folder"
                )
        return names

    def get(self, name: str, path: Path) -> None:
        """Copy a file here; it appears when it is whole.

        Raises:
            UserError: it is not there.
            BestiaryError: the network or the disk fails.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with self._told(f"read {name} of"):
                self._files.get_file(f"{self._root}/{name}", str(beside))
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def put(self, path: Path, name: str) -> None:
        """Copy a file there, over one of that name.

        Raises:
            BestiaryError: the network fails, or nobody may write there.
        """
        with self._told(f"write {name} to"):
            self._files.put_file(str(path), f"{self._root}/{name}")

    def check_writable(self) -> None:
        """Write a file there and remove it: whether an account may do so is known to nobody else.

        Raises:
            BestiaryError: no account, no leave to write or to remove, or no network.
        """
        with self._told("write to"):
            self._files.pipe_file(f"{self._root}/{_PROBE}", b"bestiary may write here\n")
        self.remove(_PROBE)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with self._told(f"remove {name} of"):
            if self._files.exists(f"{self._root}/{name}"):
                self._files.rm_file(f"{self._root}/{name}")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say what failed in one line, whatever the storage's own library raises."""
        try:
            yield
        except FileNotFoundError:
            raise UserError(f"cannot {what} {self.url}: it is not there; check the name") from None
        except Exception as error:  # of many kinds: no account, no leave, no network
            raise BestiaryError(
                f"cannot {what} {self.url}: {_first_line(error)}; check the account, the name and "
                "the network"
            ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
