"""A stream reads ahead, ends cleanly, and passes on errors."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bestiary.data import Corpus, starts, stream

CONTEXT = 32


def test_a_stream_closes_its_thread_and_passes_on_errors(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = stream(corpus, 16, 0, first_step=0, batch_size=2, steps_per_chunk=2)
    assert next(chunks).shape == (2, 2, 17)
    chunks.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("bestiary-data")]

    def fail(*args: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(corpus, "sequences", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream(corpus, 16, 0, first_step=0, batch_size=2, steps_per_chunk=2))


def test_closing_drops_what_was_not_yet_read(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second read waits until the pool was told to stop; the third must not begin."""
    stopped, calls = threading.Event(), []
    sequences, shutdown = corpus.sequences, ThreadPoolExecutor.shutdown

    def read(start: np.ndarray, context: int) -> np.ndarray:
        calls.append(start)
        if len(calls) > 1:
            stopped.wait()
        return sequences(start, context)

    def stop(pool: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
        shutdown(pool, wait=False, cancel_futures=cancel_futures)
        stopped.set()
        shutdown(pool, wait=wait)

    monkeypatch.setattr(corpus, "sequences", read)
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", stop)
    chunks = stream(corpus, 16, 0, first_step=0, batch_size=2, steps_per_chunk=2)
    next(chunks)
    chunks.close()
    assert len(calls) <= 2


@pytest.mark.parametrize("name", ["corpus", "mixed"])
@pytest.mark.parametrize("per_chunk", [1, 4, 7])
def test_a_stream_yields_what_gather_yields(
    name: str, per_chunk: int, request: pytest.FixtureRequest
) -> None:
    corpus: Corpus = request.getfixturevalue(name)
    chunks = stream(
        corpus, CONTEXT, 9, first_step=3, batch_size=6, steps_per_chunk=per_chunk, steps=21
    )
    start = starts(corpus, CONTEXT, 9, first_step=3, steps=21, batch_size=6)
    assert (np.concatenate(list(chunks)) == corpus.sequences(start, CONTEXT)).all()
