"""A run killed at any step and resumed leaves what an unbroken run leaves, bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary import models, optimizers
from bestiary.data import Corpus
from bestiary.errors import StopRequested, UserError
from bestiary.specs import ModelSpec, RunResult, RunSpec
from bestiary.train import Policy, _ledger, metrics_file, train, trained
from bestiary.train._session import Session

pytestmark = pytest.mark.slow

Make = Callable[..., RunSpec]
Outcome = Callable[..., dict[str, Any]]
# The time of these tests is compilation, once per optimizer.
ONE_LAYER = ModelSpec(
    layers=1, hidden=8, intermediate=8, heads=1, key_value_heads=1, context=8, vocabulary=256
)
# Broken once, and then, with the same programs, several times.
AGAIN_AND_AGAIN = ("adamw", "soap", "schedule_free")


def stopping_after(questions: int) -> Callable[[], bool]:
    asked = iter(range(10**6))
    return lambda: next(asked) >= questions


def broken(runs: list[RunSpec], corpus: Corpus, folder: Path, at: list[int]) -> list[RunResult]:
    """Train in attempts of their own folders, each stopped some steps later."""
    earlier: tuple[Path, ...] = ()
    for attempt, steps in enumerate(at):
        policy = Policy(
            resume_from=earlier, steps_per_dispatch=1, should_stop=stopping_after(steps)
        )
        with pytest.raises(StopRequested, match="resume from"):
            train(runs, corpus, folder / str(attempt), policy)
        earlier = (*earlier, folder / str(attempt))
    policy = Policy(resume_from=earlier, steps_per_dispatch=4, checkpoint_final=True)
    return train(runs, corpus, folder / "last", policy)


def parameters(folder: Path) -> list[Any]:
    return [leaf.tobytes() for _, params in trained(folder) for leaf in leaves(params)]


def leaves(params: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(params)]


@pytest.fixture
def waves_to_start_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters that no random numbers are drawn for, which take as long to compile as a step."""
    drawn = models.init

    def waves(spec: ModelSpec, key: Any) -> Any:
        shapes = jax.eval_shape(lambda: drawn(spec, key))
        return jax.tree.map(
            lambda leaf: jnp.cos(jnp.arange(leaf.size, dtype=leaf.dtype)).reshape(leaf.shape) / 3,
            shapes,
        )

    monkeypatch.setattr(models, "init", waves)


@pytest.mark.parametrize("name", optimizers.CATALOGUE)
@pytest.mark.usefixtures("waves_to_start_from")
def test_every_optimizer_resumes_to_the_bit(
    name: str, make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    run = make_run(name, steps=14, evaluate_every=5, model=ONE_LAYER)
    policy = Policy(steps_per_dispatch=4, checkpoint_final=True)
    whole = train([run], corpus, tmp_path / "whole", policy)[0]
    for at in ([6], [1, 6, 2]) if name in AGAIN_AND_AGAIN else ([6],):
        folder = tmp_path / f"broken {len(at)}"
        pieces = broken([run], corpus, folder, at)[0]
        assert outcome(pieces, run, folder / "last") == outcome(whole, run, tmp_path / "whole")
        assert parameters(folder / "last") == parameters(tmp_path / "whole")
    diverged = poisoned(run, corpus, tmp_path / "nan", at=10)  # here, where all is compiled
    assert (diverged.state, diverged.last_step) == ("diverged", 10)
    assert np.isfinite(diverged.last_finite_loss)
    assert "NaN" not in metrics_file(tmp_path / "nan", diverged.run_id).read_text()


def poisoned(run: RunSpec, corpus: Corpus, folder: Path, at: int) -> RunResult:
    """Train a run whose parameters are no numbers from a step on."""
    launch = Session._launch

    def poison(self: Session, first: int, count: int) -> Any:
        if first == at:
            self._params = jax.tree.map(lambda leaf: leaf * np.nan, self._params)
        return launch(self, first, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_launch", poison)
        return train([run], corpus, folder, Policy(steps_per_dispatch=4))[0]


def test_a_population_with_a_diverged_run_resumes(
    make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    runs = [make_run(settings={"learning_rate": rate}, accumulation=2) for rate in (0.01, 1e30)]
    whole = train(runs, corpus, tmp_path / "whole")
    pieces = broken(runs, corpus, tmp_path, [3, 9])
    assert [result.state for result in pieces] == ["done", "diverged"]
    for run, left, right in zip(runs, pieces, whole, strict=True):
        assert outcome(left, run, tmp_path / "last") == outcome(right, run, tmp_path / "whole")


def interrupted(run: RunSpec, corpus: Corpus, folder: Path) -> None:
    """Leave checkpoints of steps 4 and 8."""
    policy = Policy(steps_per_dispatch=4, checkpoint_every=4, should_stop=stopping_after(3))
    with pytest.raises(StopRequested):
        train([run], corpus, folder, policy)
    assert sorted(entry.name for entry in (folder / "checkpoints").iterdir()) == ["4", "8"]


def test_a_folder_can_be_resumed_in_place(
    make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    run = make_run()
    whole = train([run], corpus, tmp_path / "whole")[0]
    interrupted(run, corpus, tmp_path / "run")
    again = train([run], corpus, tmp_path / "run", Policy(resume_from=tmp_path / "run"))[0]
    assert outcome(again, run, tmp_path / "run") == outcome(whole, run, tmp_path / "whole")


def test_without_a_checkpoint_it_starts_at_the_beginning(
    make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    run = make_run()
    whole = train([run], corpus, tmp_path / "whole")[0]
    policy = Policy(resume_from=tmp_path / "nothing here")
    other = train([run], corpus, tmp_path / "other", policy)[0]
    assert outcome(other, run, tmp_path / "other") == outcome(whole, run, tmp_path / "whole")


@pytest.mark.parametrize("damaged", ["checkpoint", "metrics"])
def test_a_damaged_checkpoint_is_passed_over(
    damaged: str, make_run: Make, corpus: Corpus, tmp_path: Path, outcome: Outcome
) -> None:
    run = make_run()
    whole = train([run], corpus, tmp_path / "whole")[0]
    interrupted(run, corpus, tmp_path / "run")
    if damaged == "checkpoint":
        flip(tmp_path / "run/checkpoints/8/record.json", 10)
    else:
        path = metrics_file(tmp_path / "run", whole.run_id)
        flip(path, len(b"".join(path.read_bytes().splitlines(keepends=True)[:5])) + 20)
    seen: list[int] = []
    policy = Policy(
        resume_from=tmp_path / "run",
        steps_per_dispatch=2,
        progress=lambda step, loss: seen.append(step),
    )
    again = train([run], corpus, tmp_path / "again", policy)[0]
    assert seen[0] == 6
    assert outcome(again, run, tmp_path / "again") == outcome(whole, run, tmp_path / "whole")


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("place", ["run", "again"])
@pytest.mark.parametrize("damaged", ["checkpoints", "metrics", "no metrics"])
def test_without_an_intact_checkpoint_a_run_starts_over_and_keeps_what_is_left(
    place: str,
    damaged: str,
    make_run: Make,
    corpus: Corpus,
    tmp_path: Path,
    outcome: Outcome,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = make_run()
    whole = train([run], corpus, tmp_path / "whole")[0]
    interrupted(run, corpus, tmp_path / "run")
    metrics = metrics_file(tmp_path / "run", whole.run_id)
    if damaged == "checkpoints":
        for step in ("4", "8"):
            flip(tmp_path / "run/checkpoints" / step / "record.json", 10)
    elif damaged == "metrics":
        flip(metrics, 20)
    else:
        metrics.unlink()
    before = sorted(path.read_bytes() for path in (tmp_path / "run").rglob("*.json*"))
    for _ in range(2):  # also where the second attempt finds what the first has left
        policy = Policy(resume_from=tmp_path / "run")
        again = train([run], corpus, tmp_path / place, policy)[0]
        assert outcome(again, run, tmp_path / place) == outcome(whole, run, tmp_path / "whole")
        if place == "again":
            break
    kept = sorted(path.read_bytes() for path in (tmp_path / "run").rglob("damaged-*/**/*.json*"))
    kept += [path.read_bytes() for path in (tmp_path / "run").glob("damaged-*.jsonl")]
    assert sorted(kept) == before
    told = [line for line in caplog.messages if "starts over" in line]
    assert len(told) == 1
    assert "damaged-1-8" in told[0]


def test_a_run_continued_on_another_kind_of_machine_says_so(
    make_run: Make,
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_ledger, "environment", lambda: {"jaxlib": "0.9.9", "cores": "64"})
        interrupted(make_run(), corpus, tmp_path / "run")
    policy = Policy(resume_from=tmp_path / "run")
    result = train([make_run()], corpus, tmp_path / "again", policy)[0]
    here = result.environment["jaxlib"]
    assert result.environment["moved"] == f"jaxlib 0.9.9, then {here}"
    assert f"continued elsewhere (jaxlib 0.9.9, then {here})" in caplog.text
    unmoved = train([make_run()], corpus, tmp_path / "unmoved")[0]
    assert "moved" not in unmoved.environment


def test_other_runs_are_refused(make_run: Make, corpus: Corpus, tmp_path: Path) -> None:
    interrupted(make_run(), corpus, tmp_path / "run")
    with pytest.raises(UserError, match="holds other runs"):
        train([make_run(seed=1)], corpus, tmp_path / "2", Policy(resume_from=tmp_path / "run"))


def test_of_a_finished_run_the_final_checkpoint_is_left(
    make_run: Make, corpus: Corpus, tmp_path: Path
) -> None:
    run = make_run()
    interrupted(run, corpus, tmp_path)
    policy = Policy(resume_from=tmp_path, checkpoint_every=8, checkpoint_final=True)
    train([run], corpus, tmp_path, policy)
    assert [entry.name for entry in (tmp_path / "checkpoints").iterdir()] == [str(run.steps)]
