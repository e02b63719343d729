"""Signals ask a run to stop; a process that is killed outright loses only what was not saved."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bestiary.data import Corpus
from bestiary.errors import StopRequested
from bestiary.specs import RunSpec, canonical_json
from bestiary.train import Policy, train
from bestiary.train._session import Session
from bestiary.train._stopping import stop_requests

Make = Callable[..., RunSpec]
Outcome = Callable[..., dict[str, Any]]


def never() -> bool:
    return False


def test_a_signal_asks_and_the_handler_is_given_back() -> None:
    numbers = signal.SIGTERM, signal.SIGHUP, signal.SIGINT
    before = [signal.getsignal(number) for number in numbers]
    for number in numbers:
        with stop_requests(never) as stop:
            assert not stop()
            os.kill(os.getpid(), number)
            assert stop()
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_second_interrupt_does_not_wait() -> None:
    with stop_requests(never) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_handler_of_somebody_else_stays() -> None:
    seen: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        with stop_requests(never) as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert not stop()
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def test_an_ignored_interrupt_stays_ignored_and_sigterm_asks() -> None:
    """As a script has it that starts a training with `&`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stop_requests(never) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop()
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_sigterm_in_training_leaves_a_checkpoint(
    make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    run = make_run()
    whole = train([run], corpus, tmp_path / "whole")[0]

    def kill_at(step: int, loss: float) -> None:
        if step == 8:
            # Twice: the second, during the save, must do no harm.
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    policy = Policy(steps_per_dispatch=4, progress=kill_at)
    with pytest.raises(StopRequested, match="of 20; resume from") as raised:
        train([run], corpus, tmp_path / "first", policy)
    assert raised.value.signal == signal.SIGTERM
    second = Policy(resume_from=tmp_path / "first")
    again = train([run], corpus, tmp_path / "second", second)[0]
    assert outcome(again, run, tmp_path / "second") == outcome(whole, run, tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["_opened", "_go_to", "_evaluation_due", "_save"])
def test_sigterm_at_any_moment_ends_with_a_checkpoint_and_the_same_bits(
    moment: str,
    make_run: Make,
    corpus: Corpus,
    tmp_path: Path,
    outcome: Outcome,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it starts, trains, evaluates or saves: a step at most is lost, and none twice."""
    run = make_run(evaluate_every=7)
    whole = train([run], corpus, tmp_path / "whole", Policy(steps_per_dispatch=1))[0]
    method = getattr(Session, moment)

    def told(self: Session, *given: Any, **more: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return method(self, *given, **more)

    policy = Policy(steps_per_dispatch=1, checkpoint_every=5)
    with monkeypatch.context() as patch:
        patch.setattr(Session, moment, told)
        with pytest.raises(StopRequested, match="resume from"):
            train([run], corpus, tmp_path / "first", policy)
    assert list((tmp_path / "first" / "checkpoints").iterdir())
    second = Policy(resume_from=tmp_path / "first", steps_per_dispatch=1)
    again = train([run], corpus, tmp_path / "second", second)[0]
    assert outcome(again, run, tmp_path / "second") == outcome(whole, run, tmp_path / "whole")


KILLED = textwrap.dedent("""
    import os, signal, sys
    import msgspec
    from bestiary.data import Corpus
    from bestiary.specs import RunSpec, from_builtins
    from bestiary.train import Policy, _program, train
    _program._QUICK.clear()  # as in the process that goes on
    run = from_builtins(RunSpec, msgspec.json.decode(sys.argv[1]))
    corpus = Corpus.open(sys.argv[2], run.data.digest)
    def progress(step, loss):
        if step == 11:
            os.kill(os.getpid(), signal.SIGKILL)
    train([run], corpus, sys.argv[3], Policy(checkpoint_every=1, progress=progress))
""")


@pytest.mark.slow
def test_a_killed_process_is_resumed_to_the_bit(
    make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    run = make_run()
    arguments = [canonical_json(run), str(corpus.folder.parent), str(tmp_path / "killed")]
    command = [sys.executable, "-c", KILLED, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    seen: list[int] = []
    policy = Policy(resume_from=tmp_path / "killed", progress=lambda step, loss: seen.append(step))
    again = train([run], corpus, tmp_path / "again", policy)[0]
    whole = train([run], corpus, tmp_path / "whole", Policy(steps_per_dispatch=1))[0]
    assert seen[0] > 10
    assert outcome(again, run, tmp_path / "again") == outcome(whole, run, tmp_path / "whole")
