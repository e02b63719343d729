"""A run that begins where a shorter one left the trunk is the run trained from its start."""

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bestiary.data import Corpus
from bestiary.specs import (
    TRUNK_STEPS,
    RunResult,
    RunSpec,
    ScheduleSpec,
    canonical_json,
    evaluation_steps,
    stable_steps,
    trunk_id,
)
from bestiary.train import Policy, train, trained

pytestmark = pytest.mark.slow
Make = Callable[..., RunSpec]
Outcome = Callable[..., dict[str, Any]]


def family(make_run: Make, name: str, kind: Any) -> list[RunSpec]:
    schedule = ScheduleSpec(kind=kind, warmup_steps=2.0, decay_fraction=0.3)
    return [
        make_run(name, steps=steps, evaluate_every=-(-steps // 4), schedule=schedule)
        for steps in (10, 20, 40)
    ]


def chain(runs: list[RunSpec], corpus: Corpus, folder: Path) -> list[RunResult]:
    """Train each run from where the shorter ones left the trunk."""
    results, trunks = [], []
    for place, run in enumerate(runs):
        stable = stable_steps(run)
        due = {step for one in runs[place + 1 :] for step in evaluation_steps(one, stable)}
        policy = Policy(
            trunks=tuple(trunks),
            leave_at=stable if place + 1 < len(runs) else 0,
            evaluate_also=tuple(sorted(due)),
            checkpoint_final=True,
        )
        trunks.append(folder / str(place))
        results += train([run], corpus, trunks[-1], policy)
    return results


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", "wsd"), ("muon", "wsd"), ("schedule_free", "constant")]
)
def test_a_branch_is_the_run_from_its_start_in_every_bit(
    name: str, kind: str, make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    runs = family(make_run, name, kind)
    assert len({trunk_id(run) for run in runs}) == 1
    branches = chain(runs, corpus, tmp_path)
    steps = [int(one.environment.get(TRUNK_STEPS, 0)) for one in branches]
    assert steps == [0, stable_steps(runs[0]), stable_steps(runs[1])]
    for place, (run, branch) in enumerate(zip(runs, branches, strict=True)):
        alone = tmp_path / f"alone {place}"
        whole = train([run], corpus, alone, Policy(checkpoint_final=True))[0]
        assert outcome(branch, run, tmp_path / str(place)) == outcome(whole, run, alone)
        assert weights(tmp_path / str(place)) == weights(alone)


def weights(folder: Path) -> Any:
    import jax

    return [leaf.tobytes() for _, params in trained(folder) for leaf in jax.tree.leaves(params)]


class Killed(BaseException):
    """As SIGKILL does, it ends a run without a checkpoint."""


Kill = Callable[..., None]


def raised(run: RunSpec, corpus: Corpus, folder: Path, last: int, policy: dict[str, Any]) -> None:
    """Train to the step `last`, where an exception ends it as if the process had gone."""

    def progress(step: int, loss: float) -> None:
        if step >= last:
            raise Killed

    with pytest.raises(Killed):
        train([run], corpus, folder, Policy(progress=progress, **policy))


def sigkilled(
    run: RunSpec, corpus: Corpus, folder: Path, last: int, policy: dict[str, Any]
) -> None:
    """The same in a process that is killed."""
    stated = [canonical_json(run), corpus.folder.parent, folder, last]
    stated += [json.dumps(policy, default=str)]
    command = [sys.executable, "-c", KILLED, *map(str, stated)]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


KILLED = textwrap.dedent("""
    import json, os, signal, sys
    from pathlib import Path
    import msgspec
    from bestiary.data import Corpus
    from bestiary.specs import RunSpec, from_builtins
    from bestiary.train import Policy, _program, train
    _program._QUICK.clear()  # as in the process that goes on
    run = from_builtins(RunSpec, msgspec.json.decode(sys.argv[1]))
    corpus = Corpus.open(sys.argv[2], run.data.digest)
    policy = {
        name: tuple(map(Path, value)) if name == "trunks" else value
        for name, value in json.loads(sys.argv[5]).items()
    }
    def progress(step, loss):
        if step >= int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
    train([run], corpus, sys.argv[3], Policy(progress=progress, **policy))
""")


@pytest.mark.parametrize("last", [5, 8])
@pytest.mark.parametrize("kill", [raised, pytest.param(sigkilled, marks=pytest.mark.rare)])
def test_a_trunk_that_is_killed_before_or_after_it_branched_is_the_same_in_every_bit(
    kill: Kill, last: int, make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    short, long = family(make_run, "adamw", "wsd")[:2]
    assert stable_steps(short) == 7
    often: dict[str, Any] = {"checkpoint_every": 2, "steps_per_dispatch": 1}
    first: dict[str, Any] = {"leave_at": 7, "evaluate_also": (5,)}
    attempts = [tmp_path / name for name in ("killed", "resumed", "branch", "branch again")]
    kill(short, corpus, attempts[0], last, {**often, **first})
    policy = Policy(resume_from=attempts[0], checkpoint_final=True, **first)
    resumed = train([short], corpus, attempts[1], policy)[0]
    trunks = tuple(attempts[:2])
    kill(long, corpus, attempts[2], 17, {"trunks": trunks, **often})
    policy = Policy(trunks=trunks, resume_from=attempts[2], checkpoint_final=True)
    branch = train([long], corpus, attempts[3], policy)[0]
    assert branch.environment[TRUNK_STEPS] == "7"
    for run, result, folder in ((short, resumed, attempts[1]), (long, branch, attempts[3])):
        alone = tmp_path / f"alone {run.steps}"
        whole = train([run], corpus, alone, Policy(checkpoint_final=True))[0]
        assert outcome(result, run, folder) == outcome(whole, run, alone)
        assert weights(folder) == weights(alone)


def test_a_damaged_trunk_costs_the_steps_before_it(
    make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    runs = family(make_run, "adamw", "wsd")[:2]
    policy = Policy(leave_at=stable_steps(runs[0]), evaluate_also=(5,))
    train(runs[:1], corpus, tmp_path / "short", policy)
    record = next((tmp_path / "short").glob("trunk/*/record.json"))
    record.write_bytes(record.read_bytes()[:-1])
    branch = train(runs[1:], corpus, tmp_path / "b", Policy(trunks=(tmp_path / "short",)))[0]
    whole = train(runs[1:], corpus, tmp_path / "w")[0]
    assert TRUNK_STEPS not in branch.environment
    assert outcome(branch, runs[1], tmp_path / "b") == outcome(whole, runs[1], tmp_path / "w")


def test_another_rate_or_seed_or_warm_up_is_another_trunk(make_run: Make) -> None:
    first, *_ = family(make_run, "adamw", "wsd")
    others = [
        make_run("adamw", steps=20, schedule=first.schedule, seed=1),
        make_run("adamw", {"learning_rate": 0.02}, steps=20, schedule=first.schedule),
        make_run("adamw", steps=20, schedule=ScheduleSpec(kind="wsd", warmup_steps=3.0)),
    ]
    assert trunk_id(first) not in {trunk_id(one) for one in others}
    assert stable_steps(make_run("adamw", steps=20)) == 0
