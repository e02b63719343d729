"""A request to stop by Ctrl-C, SIGTERM or a lost terminal: none cuts a commit in two."""

import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any, Self

# What a scheduler sends before it takes a machine away.
PREEMPTION = (signal.SIGUSR2, signal.SIGTERM)


class StopSignals:
    """While it is entered, these signals are counted and not obeyed; what is ignored stays so."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, also: Iterable[signal.Signals] = ()) -> None:
        """Nothing was asked yet.

        Args:
            also: Further signals that ask to stop; once is enough, and twice is no more.
        """
        self.count = 0
        self.signal = int(signal.SIGINT)
        self._also = tuple(also)
        self._signals = {*self.SIGNALS, *self._also}
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over, where Python lets this thread do so."""
        if threading.current_thread() is threading.main_thread():
            self._before = {
                number: signal.signal(number, self._received)
                for number in self._signals
                if signal.getsignal(number) is not signal.SIG_IGN  # as `nohup` has it
            }
        return self

    def __exit__(self, *exception: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def request(self) -> None:
        """Count a request that came by another way, as if it had been SIGTERM."""
        self._received(signal.SIGTERM, None)

    def _received(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.signal = number
        # A scheduler signals a process and its parent, which passes it on: that is one request.
        self.count += number not in self._also or self.count == 0
