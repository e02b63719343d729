"""The host's side of a population: dispatch, write down, evaluate, checkpoint, stop."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from bestiary import data
from bestiary.errors import StopRequested
from bestiary.specs import ACTIVATIONS, MICRO_BATCHES, PLACEMENT, RunResult, RunSpec
from bestiary.store import CHECKPOINTS, TRUNK
from bestiary.train import _checkpoints
from bestiary.train._evaluation import Judge
from bestiary.train._feed import feed
from bestiary.train._kernels import chosen_kernels
from bestiary.train._ledger import Ledger
from bestiary.train._mesh import Ground
from bestiary.train._peers import agreed, leads, wait_for_all
from bestiary.train._policy import Policy
from bestiary.train._program import Program, program
from bestiary.train._resume import branched, newest, read_record
from bestiary.train._step import Hyper, StepReadings, hyper, recipe
from bestiary.train._stopping import StopQuestion


class _Launched(NamedTuple):
    """A dispatch whose numbers have not been read yet."""

    first: int
    steps: int
    measured: StepReadings


class Session:
    """One attempt at training a population, from its start or a checkpoint to its results."""

    def __init__(
        self,
        runs: Sequence[RunSpec],
        corpus: data.Corpus,
        folder: Path,
        *,
        policy: Policy,
        stop: StopQuestion,
        micro_batches: int = 0,
        recompute: bool = False,
    ) -> None:
        """Compile, start, and go to the newest checkpoint where there is one."""
        wait_for_all()
        self._run = runs[0]
        self._folder = folder
        self._policy = policy
        self._stop = stop
        # What a process writes that does not lead, and nobody reads.
        self._aside = None if leads() else tempfile.TemporaryDirectory(prefix="bestiary-aside-")
        ground = None if policy.placement.alone else Ground(policy.placement)
        self._feed = feed(
            runs,
            corpus,
            resident_bytes=policy.resident_bytes,
            steps_per_dispatch=policy.steps_per_dispatch,
            place=ground.whole if ground else None,
        )
        resident = self._feed.resident
        kernels = replace(chosen_kernels(runs[0], policy.attention), recompute=recompute)
        of = recipe(runs[0], micro_batches, kernels)
        self._program = program(of, len(runs), resident, policy.placement)
        self._judge = Judge(self._program, runs[0], corpus)
        self._hyper = _stacked([hyper(run) for run in runs])
        self._params, self._state, seconds = _started(self._program, self._hyper)
        self._ledger = self._opened(runs)
        self._advance, more = self._program.advance.compiled(*self._arguments(0, 1))
        self._ledger.record.compile_seconds += seconds + more
        self._saved_step = self._ledger.record.step
        self._saved_at = time.monotonic()

    def results(self) -> list[RunResult]:
        """Train to the last step, or until every run has diverged.

        Raises:
            StopRequested: asked to stop; a checkpoint is written.
        """
        try:
            self._train()
            if self._policy.checkpoint_final and not self._ledger.over:
                self._save(kept=1)  # it is what `export` reads; nothing will be resumed
        finally:
            self._ledger.close()
            if self._aside is not None:
                self._aside.cleanup()
        self._ledger.record.compile_seconds += self._judge.compile_seconds
        state_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(self._state))
        share = state_bytes // self._program.population
        return self._ledger.results(self._judge.bytes_per_token, share)

    def _opened(self, runs: Sequence[RunSpec]) -> Ledger:
        """The books, of an earlier attempt where there is one, whose arrays are then taken up."""
        if leads():
            _checkpoints.clear_unfinished(self._folder / CHECKPOINTS)
        carried = {
            PLACEMENT: str(self._policy.placement),
            MICRO_BATCHES: str(self._program.recipe.micro_batches),
            ACTIVATIONS: named_activations(bool(self._program.recipe.kernels.recompute)),
            **self._program.kernels_used(),
        }
        like = self._params, self._state
        found = newest(self._policy.earlier, runs, like) or branched(
            self._policy.trunks, runs, like
        )
        books = self._folder if self._aside is None else Path(self._aside.name)
        if found is None:
            return Ledger.opened(books, runs, carried)
        record, metrics, (self._params, self._state) = found
        return Ledger(books, record, metrics, carried)

    def _train(self) -> None:
        record, steps = self._ledger.record, self._run.steps
        while record.step < steps and not self._ledger.over:
            self._go_to(self._boundary())
            if self._evaluation_due() and not self._ledger.over:
                self._ledger.add_evaluation(self._judge.losses(self._params, self._state))
            elif record.step in self._policy.evaluate_also and not self._ledger.over:
                self._ledger.add_for_others(self._judge.losses(self._params, self._state))
            if record.step == self._policy.leave_at and not self._ledger.over:
                self._leave()
            if record.step == steps or self._ledger.over:
                return
            if agreed(self._stop()):
                self._save()
                raise StopRequested(
                    f"stopped at step {record.step} of {steps}; resume from {self._folder}",
                    self._stop.signal,
                )
            if self._checkpoint_due():
                self._save()

    def _go_to(self, end: int) -> None:
        """Train up to a step; earlier where a checkpoint is due, or there is reason to stop."""
        pending: _Launched | None = None
        step, clock = self._ledger.record.step, time.perf_counter()
        while step < end:
            count = min(self._feed.most, end - step)
            launched = self._launch(step, count)
            step += count
            # The device works on this dispatch while the host reads the one before.
            if pending is not None:
                clock = self._read(pending, clock)
            pending = launched
            if self._ledger.over or agreed(self._stop() or self._clock_due()):
                break
        if pending is not None:
            self._read(pending, clock)

    def _launch(self, first: int, count: int) -> _Launched:
        arguments = self._arguments(first, count)
        self._params, self._state, measured = self._advance(*arguments)
        if not self._policy.placement.alone and jax.default_backend() == "cpu":
            # The devices of a divided CPU share its threads: two dispatches at once would wait for
            # each other for ever.
            jax.block_until_ready(measured)
        return _Launched(first, count, measured)

    def _arguments(self, first: int, count: int) -> tuple[Any, ...]:
        inputs = self._feed.inputs(first, count)
        bounds = np.int32(first), np.int32(count)
        return self._params, self._state, self._hyper, self._feed.tokens, inputs, *bounds

    def _read(self, launched: _Launched, clock: float) -> float:
        """Wait for a dispatch and write it down; the time is now."""
        measured = jax.device_get(launched.measured)
        now = time.perf_counter()
        self._ledger.add(launched.first, launched.steps, measured, seconds=now - clock)
        self._policy.progress(self._ledger.record.step, self._ledger.latest_loss)
        return now

    def _boundary(self) -> int:
        """The next step at which something other than training is due."""
        step = self._ledger.record.step
        every = (self._run.evaluate_every, self._policy.checkpoint_every)
        stated = (*self._policy.evaluate_also, self._policy.leave_at)
        named = (one for one in stated if one > step)
        return min([self._run.steps, *named, *(step - step % n + n for n in every if n)])

    def _evaluation_due(self) -> bool:
        step, every = self._ledger.record.step, self._run.evaluate_every
        return step == self._run.steps or (every > 0 and step > 0 and step % every == 0)

    def _checkpoint_due(self) -> bool:
        step, every = self._ledger.record.step, self._policy.checkpoint_every
        return agreed(self._clock_due()) or (every > 0 and step % every == 0)

    def _clock_due(self) -> bool:
        seconds = self._policy.checkpoint_seconds
        return seconds > 0 and time.monotonic() - self._saved_at >= seconds

    def _save(self, *, kept: int = _checkpoints.KEPT) -> None:
        """Write a checkpoint of the current step, where there is not one already."""
        step = self._ledger.record.step
        if step > self._saved_step:
            arrays = (self._params, self._state)
            record = self._ledger.snapshot()
            place = self._folder / CHECKPOINTS
            whole = _checkpoints.save(place, step, record=record, arrays=arrays, kept=kept)
            if leads():
                self._policy.saved(whole)
        self._saved_step, self._saved_at = step, time.monotonic()

    def _leave(self) -> None:
        """Write a checkpoint for longer runs of the same trunk, kept when this one is done."""
        arrays, record = (self._params, self._state), self._ledger.snapshot()
        step = self._policy.leave_at
        _checkpoints.save(self._folder / TRUNK, step, record=record, arrays=arrays)


def named_activations(recomputed: bool) -> str:
    """What happens to the activations of layers, for a result's environment."""
    return "computed again" if recomputed else "kept"


def _started(program: Program, data: Hyper) -> tuple[Any, Any, float]:
    """Initial parameters and state, and the seconds that compiling took."""
    start, seconds = program.start.compiled(data)
    return *start(data), seconds


def restored(checkpoint: Path) -> list[tuple[RunSpec, Any]]:
    """The runs of a checkpoint, each with the parameters to evaluate.

    Raises:
        CheckpointError: the checkpoint is not what was written.
    """
    runs = read_record(checkpoint).runs
    of = recipe(runs[0])
    params, state, _ = _started(
        program(of, len(runs), True), _stacked([hyper(run) for run in runs])
    )
    params, state = _checkpoints.load_arrays(checkpoint, (params, state))
    if len(runs) == 1:
        return [(runs[0], of.entry.evaluation_params(state, params))]
    evaluated = jax.vmap(of.entry.evaluation_params)(state, params)
    return [(run, jax.tree.map(lambda x, k=k: x[k], evaluated)) for k, run in enumerate(runs)]


def _stacked(each: Sequence[Hyper]) -> Hyper:
    """The data of a population; one run has no axis for it."""
    return each[0] if len(each) == 1 else jax.tree.map(lambda *rows: np.stack(rows), *each)
