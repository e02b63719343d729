"""A request to stop: from the policy, or from the operating system by a signal."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# The handlers a fresh process has; anything else belongs to somebody who wants it.
_UNTOUCHED: dict[int, Any] = {
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
}


class StopQuestion:
    """Whether to stop: the policy's own question, or a signal that has come.

    Attributes:
        signal: The first signal that came; Ctrl-C while none has.
    """

    def __init__(self, asked: Callable[[], bool]) -> None:
        """No signal has come."""
        self.signal = int(signal.SIGINT)
        self._asked = asked
        self._received = threading.Event()

    def __call__(self) -> bool:
        """Whether to stop."""
        return self._received.is_set() or self._asked()

    def receive(self, number: int) -> None:
        """Note a signal."""
        if not self._received.is_set():
            self.signal = number
        self._received.set()


@contextlib.contextmanager
def stop_requests(asked: Callable[[], bool]) -> Iterator[StopQuestion]:
    """Yield a question, whether to stop; within, signals only ask for it.

    They are SIGTERM, SIGHUP (a lost terminal) and the first Ctrl-C. A second Ctrl-C raises
    `KeyboardInterrupt` at once. Signals that somebody handles already, and threads other than the
    main one, are left alone.

    Args:
        asked: The policy's own question.
    """
    question = StopQuestion(asked)

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        question.receive(number)
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    ours = [
        number
        for number, untouched in _UNTOUCHED.items()
        if threading.current_thread() is threading.main_thread()
        and signal.getsignal(number) is untouched
    ]
    for number in ours:
        signal.signal(number, handle)
    try:
        yield question
    finally:
        for number in ours:
            signal.signal(number, _UNTOUCHED[number])
