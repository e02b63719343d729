"""A pilot as the child of a launcher's process, which hears how it ended."""

import collections
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import IO

LOOK_SECONDS = 0.2
# Slurm signals a pilot and its parent one after the other.
SIGNALLED_SECONDS = 20.0


class AttendedPilot:
    """A pilot's process. It does not outlive the process that made it."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        """Start it; what it says goes to this process's own output."""
        self._lines: collections.deque[str] = collections.deque(maxlen=1)
        self._process = subprocess.Popen(
            [*command, "--parent", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**os.environ, **environment},
        )
        assert self._process.stderr is not None
        reader = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        reader.start()
        self._reader = reader

    def wait(self) -> tuple[int, str]:
        """Its exit code, 128 plus the signal that ended it, and the last line of its complaint."""
        # Not `Popen.wait`, within which a signal handler that waits too would wait for ever.
        while (code := self._process.poll()) is None:
            time.sleep(LOOK_SECONDS)
        self._reader.join(LOOK_SECONDS)
        if code == 128 + signal.SIGUSR2:
            time.sleep(SIGNALLED_SECONDS)  # in which this process hears the same signal
        return (code if code >= 0 else 128 - code), "".join(self._lines)

    def give_back(self) -> None:
        """Have it write checkpoints, give its orders back and leave; returns when it has."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR2)
        while self._process.poll() is None:
            time.sleep(LOOK_SECONDS)

    def _read(self, errors: IO[str]) -> None:
        with errors:
            for line in errors:
                sys.stderr.write(line)
                if line.strip():
                    self._lines.append(line.strip())
