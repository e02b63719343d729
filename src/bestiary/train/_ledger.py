"""What a population has done so far, apart from its arrays: counted, written down, and resumed."""

import logging
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from bestiary.specs import (
    ACTIVATIONS,
    MICRO_BATCHES,
    POPULATION,
    TRUNK_STEPS,
    Evaluation,
    RunResult,
    RunSpec,
    kinds_apart,
    run_id,
)
from bestiary.store import metrics_file
from bestiary.train._environment import environment, load
from bestiary.train._metrics import Metric, MetricWriter, Prefix, thinned
from bestiary.train._step import StepReadings

_LOG = logging.getLogger(__name__)
# Dispatch times kept for the median; a long run's later ones say no more.
_TIMES = 1000


class Record(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The part of a checkpoint that is not an array; lists are by run of the population.

    Attributes:
        runs: The population.
        step: Optimizer steps taken.
        seconds: Seconds of training so far, over all attempts.
        compile_seconds: Seconds of compilation so far, over all attempts.
        step_seconds: Seconds of one step in each dispatch so far.
        evaluations: Evaluations so far, of each run.
        others: Evaluations for longer runs of the same trunk, of each run.
        trunk_steps: Steps that a shorter run of the trunk had taken.
        diverged: The step of the first loss that was not finite, of each run.
        metrics: What the metrics file begins with, of each run.
        environment: Of the process that wrote it.
        moved: What has changed from one attempt to the next of what decides bits, in words.
    """

    runs: list[RunSpec]
    step: int = 0
    seconds: float = 0.0
    compile_seconds: float = 0.0
    step_seconds: list[float] = []
    evaluations: list[list[Evaluation]]
    others: list[list[Evaluation]] = []
    trunk_steps: int = 0
    diverged: list[int | None]
    metrics: list[Prefix] = []
    environment: dict[str, str] = {}
    moved: str = ""


class Ledger:
    """The books of a population, and the writer of its metrics files.

    Attributes:
        record: The current totals.
        losses: The finite training losses of each run, from step 0 on.
    """

    def __init__(
        self, folder: Path, record: Record, metrics: Sequence[bytes], carried: dict[str, str]
    ) -> None:
        """Continue from a record and the beginnings of the metrics files that belong to it.

        `carried` says how the runs are carried out where that decides last bits.
        """
        self.record = record
        self._here = environment() | carried
        self._note_machine()
        self.losses = [_losses(prefix) for prefix in metrics]
        self._runs = record.runs
        self._writers = [
            MetricWriter(metrics_file(folder, run_id(run)), prefix)
            for run, prefix in zip(record.runs, metrics, strict=True)
        ]

    @classmethod
    def opened(cls, folder: Path, runs: Sequence[RunSpec], carried: dict[str, str]) -> "Ledger":
        """The books of runs that have not begun."""
        blank = Record(
            runs=list(runs), evaluations=[[] for _ in runs], diverged=[None for _ in runs]
        )
        return cls(folder, blank, [b"" for _ in runs], carried)

    def _note_machine(self) -> None:
        """Say where what decides the last bits has changed since the attempt that is continued."""
        apart = kinds_apart(self.record.environment, self._here, MICRO_BATCHES, ACTIVATIONS)
        if apart:
            _LOG.warning("continued elsewhere (%s): the last bits of a run may differ so", apart)
            self.record.moved = "; ".join(filter(None, [self.record.moved, apart]))
        self.record.environment = self._here

    @property
    def over(self) -> bool:
        """Whether every run has diverged."""
        return all(step is not None for step in self.record.diverged)

    @property
    def latest_loss(self) -> float:
        """The lowest of the latest training losses; NaN where there is none."""
        return min((losses[-1] for losses in self.losses if losses), default=math.nan)

    def add(self, first: int, count: int, measured: StepReadings, *, seconds: float) -> None:
        """Write down one dispatch.

        Args:
            first: Its first step.
            count: Its steps.
            measured: (C,) or (C, K), of which the first `count` rows are filled.
            seconds: How long it took.
        """
        self.record.step = first + count
        self.record.seconds += seconds
        self.record.step_seconds = [*self.record.step_seconds[1 - _TIMES :], seconds / count]
        columns = [np.asarray(value)[:count].reshape(count, -1).T.tolist() for value in measured]
        for index, (loss, norm, rate) in enumerate(zip(*columns, strict=True)):
            self._add_to_run(index, first, list(zip(loss, norm, rate, strict=True)))

    def _add_to_run(self, index: int, first: int, rows: list[tuple[float, float, float]]) -> None:
        if self.record.diverged[index] is not None:
            return
        run, lines = self._runs[index], []
        for step, (loss, norm, rate) in enumerate(rows, start=first):
            lines.append(
                Metric(
                    step=step,
                    loss=loss if math.isfinite(loss) else None,
                    grad_norm=norm if math.isfinite(norm) else None,
                    learning_rate=rate,
                    tokens=(step + 1) * run.batch_size * run.model.context,
                    seconds=round(self.record.seconds, 6),
                )
            )
            if not math.isfinite(loss):
                self.record.diverged[index] = step
                break
            self.losses[index].append(loss)
        self._writers[index].write(lines)

    def add_evaluation(self, losses: Sequence[dict[str, float]]) -> None:
        """Note an evaluation of every run at the current step; one not finite is a divergence."""
        step = self.record.step
        for index, (run, loss) in enumerate(zip(self._runs, losses, strict=True)):
            if self.record.diverged[index] is not None:
                continue
            if not all(map(math.isfinite, loss.values())):
                self.record.diverged[index] = step
                continue
            tokens = step * run.batch_size * run.model.context
            evaluation = Evaluation(step=step, tokens=tokens, loss=loss)
            self.record.evaluations[index].append(evaluation)

    def add_for_others(self, losses: Sequence[dict[str, float]]) -> None:
        """Note an evaluation that belongs to longer runs of the trunk; one not finite is none."""
        step = self.record.step
        self.record.others = self.record.others or [[] for _ in self._runs]
        for run, noted, loss in zip(self._runs, self.record.others, losses, strict=True):
            if all(map(math.isfinite, loss.values())):
                tokens = step * run.batch_size * run.model.context
                noted.append(Evaluation(step=step, tokens=tokens, loss=loss))

    def snapshot(self) -> bytes:
        """The record for a checkpoint, once all metrics it names are on the disk."""
        self.record.metrics = [writer.sync() for writer in self._writers]
        return msgspec.json.encode(self.record)

    def results(self, bytes_per_token: dict[str, float], state_bytes: int) -> list[RunResult]:
        """The results of the runs, after their last step or divergence.

        Args:
            bytes_per_token: By split.
            state_bytes: Bytes of one run's optimizer state.
        """
        return [
            self._result(index, bytes_per_token, state_bytes) for index in range(len(self._runs))
        ]

    def _result(self, index: int, bytes_per_token: dict[str, float], state_bytes: int) -> RunResult:
        record, run, losses = self.record, self._runs[index], self.losses[index]
        diverged = record.diverged[index]
        steps = record.step if diverged is None else diverged
        loss = record.evaluations[index][-1].loss if diverged is None else {}
        many = len(self._runs)
        bits = {split: nats / math.log(2) / bytes_per_token[split] for split, nats in loss.items()}
        return RunResult(
            run_id=run_id(run),
            state="done" if diverged is None else "diverged",
            loss=loss,
            bits_per_byte=bits,
            evaluations=tuple(record.evaluations[index]),
            curve=thinned(losses),
            last_step=steps,
            last_finite_loss=losses[-1] if diverged is not None and losses else None,
            tokens=steps * run.batch_size * run.model.context,
            seconds=record.seconds / many,
            compile_seconds=record.compile_seconds / many,
            step_seconds=statistics.median(record.step_seconds or [0.0]) / many,
            state_bytes=state_bytes,
            environment=self._here | load() | _package(run) | _history(record) | _shared(many),
        )

    def close(self) -> None:
        """Close the metrics files."""
        for writer in self._writers:
            writer.close()


def _package(run: RunSpec) -> dict[str, str]:
    """What an optimizer of another package is, for whoever reads the result."""
    package = run.optimizer.package
    return {"optimizer package": package} if package else {}


def _shared(many: int) -> dict[str, str]:
    """With how many runs it was one program, where it was not alone."""
    return {POPULATION: str(many)} if many > 1 else {}


def _history(record: Record) -> dict[str, str]:
    """Where it went on with another kind of machine, or began at a shorter run's checkpoint."""
    moved = {"moved": record.moved} if record.moved else {}
    return moved | ({TRUNK_STEPS: str(record.trunk_steps)} if record.trunk_steps else {})


def _losses(metrics: bytes) -> list[float]:
    lines = (msgspec.json.decode(line, type=Metric) for line in metrics.splitlines())
    return [line.loss for line in lines if line.loss is not None]
