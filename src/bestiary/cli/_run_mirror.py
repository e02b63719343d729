"""A run's folder on storage elsewhere: each checkpoint goes there, and comes back where it is lost.

What is there is never trusted: a checkpoint is read here, under its manifest of hashes, and one
without its manifest, which goes last, is passed over.
"""

import os
import sys
from pathlib import Path

from bestiary.errors import BestiaryError, UserError
from bestiary.specs import RunSpec, run_id
from bestiary.store import CHECKPOINTS, RemoteFolder, metrics_file, remove

_MANIFEST = "manifest.json"
# It is what a crash leaves here too, which the next attempt removes.
_UNFINISHED = ".writing-mirror"


class RunMirror:
    """The folder of one run, here and elsewhere."""

    def __init__(self, url: str, folder: Path) -> None:
        """Look what is there, before anything is computed.

        Raises:
            UserError: no such storage.
            BestiaryError: it cannot be read.
        """
        self._remote, self._folder = RemoteFolder(url), folder
        self._sizes = self._remote.names()

    def bring(self, spec: RunSpec) -> None:
        """Copy here what is further there than here: the newest checkpoint, metrics, a result.

        Raises:
            UserError: the folder there is of another run.
            BestiaryError: it cannot be read.
        """
        if self._sizes and metrics_file(self._folder, run_id(spec)).name not in self._sizes:
            raise UserError(f"{self._remote.url} holds another run; choose another --mirror")
        there = max(self._steps(), default=-1)
        here = max(_steps_in(self._folder), default=-1)
        if there <= here:
            return
        for name in self._sizes:
            if not name.startswith(f"{CHECKPOINTS}/"):
                self._remote.get(name, self._folder / name)
        beginning, place = f"{CHECKPOINTS}/{there}/", self._folder / CHECKPOINTS
        remove(place / _UNFINISHED)
        for name in self._sizes:
            if name.startswith(beginning):
                self._remote.get(name, place / _UNFINISHED / name[len(beginning) :])
        os.rename(place / _UNFINISHED, place / str(there))
        print(f"goes on from step {there} of {self._remote.url}", file=sys.stderr, flush=True)

    def saved(self, checkpoint: Path) -> None:
        """Copy a checkpoint there; where that fails say so, for the run goes on here."""
        try:
            self._push(checkpoint)
        except BestiaryError as error:
            print(f"bestiary: {error}; the next checkpoint is tried again", file=sys.stderr)

    def finish(self) -> None:
        """Copy there what is not yet: all of a finished run.

        Raises:
            BestiaryError: the run is done here, but not there.
        """
        try:
            for step in _steps_in(self._folder)[-1:]:
                self._push(self._folder / CHECKPOINTS / str(step))
        except BestiaryError as error:
            raise BestiaryError(
                f"the run is done in {self._folder}, but {error}; the same command tries again"
            ) from None

    def _push(self, checkpoint: Path) -> None:
        for file in sorted(one for one in self._folder.iterdir() if one.is_file()):
            self._put(file)
        for file in sorted(checkpoint.rglob("*")):
            if file.is_file() and file != checkpoint / _MANIFEST:
                self._put(file)
        self._put(checkpoint / _MANIFEST)
        kept = {str(step) for step in (*_steps_in(self._folder), int(checkpoint.name))}
        for name in [one for one in self._sizes if one.startswith(f"{CHECKPOINTS}/")]:
            if name.split("/")[1] not in kept:
                self._remote.remove(name)
                del self._sizes[name]

    def _put(self, file: Path) -> None:
        name, size = file.relative_to(self._folder).as_posix(), file.stat().st_size
        in_checkpoint = name.startswith(f"{CHECKPOINTS}/")
        if in_checkpoint and self._sizes.get(name) == size:
            return  # of a step that is there; other files change
        self._remote.put(file, name)
        self._sizes[name] = size

    def _steps(self) -> list[int]:
        """The steps of the whole checkpoints there."""
        parts = [name.split("/") for name in self._sizes]
        return [
            int(one[1])
            for one in parts
            if len(one) == 3
            and one[0] == CHECKPOINTS
            and one[2] == _MANIFEST
            and one[1].isdecimal()
        ]


def _steps_in(folder: Path) -> list[int]:
    """The steps of the visible checkpoints, ascending; asked before JAX need be there."""
    return sorted(int(one.name) for one in folder.glob(f"{CHECKPOINTS}/*") if one.name.isdecimal())
