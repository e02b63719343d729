"""A driver that is killed after its n-th SQL statement (see test_study.py)."""

import os
import signal
import sys

import msgspec

from bestiary.specs import RunResult
from bestiary.store import StudyStore

folder, after, text = sys.argv[1:]
result = msgspec.json.decode(text, type=RunResult)
left = int(after)


def count(_: str) -> None:
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


with StudyStore.open(folder) as store:
    # A process of its own waits for the disk, as users' do and the other tests do not.
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (3,)
    store._connection.set_trace_callback(count)
    assert store.commit(result, store.begin_attempt(result.run_id))
