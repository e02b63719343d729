"""Results in hand: of a study folder, of imported tables or of the published study."""

from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bestiary.cli._results import evidence_of
from bestiary.interactive._records import Records

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from bestiary.answers.report import Analysis
    from bestiary.evidence import Evidence
    from bestiary.specs import Estimate


class Opened:
    """What a study found so far; a notebook shows the answer and the table of speedups.

    It is the study as it was when it was opened: open it again to see how it goes on.

    Attributes:
        evidence: All that was seen, as every answer of Bestiary reads it.
    """

    evidence: "Evidence"

    def __init__(self, evidence: "Evidence") -> None:
        """Use `bestiary.open`."""
        self.evidence = evidence

    @cached_property
    def analysis(self) -> "Analysis":
        """Everything that the report shows, worked out once; takes a few seconds.

        Raises:
            UserError: there is no finished run of the baseline yet.
        """
        from bestiary.answers.report import analyse

        return analyse(self.evidence)

    @property
    def answer(self) -> tuple[str, ...]:
        """The answer in sentences, the most important first."""
        return self.analysis.answer

    @property
    def limits(self) -> tuple[str, ...]:
        """What could not be concluded, or only with reserve."""
        return self.analysis.limits

    def results(self) -> Records:
        """Every run that ended, tuning runs too: where, with which settings, and its loss.

        Losses are nats per token: on `selection` where `purpose` is `tune`, else on `report`.
        """
        tuning = [
            _run(one, "tune", tried.state, tried.loss, settings=tried.settings)
            for one in self.evidence.observations
            for tried in one.tried
        ]
        reported = [
            _run(one, "report", run.state, run.loss, seed=run.seed, run_id=run.run_id)
            for one in self.evidence.observations
            for run in one.runs
        ]
        return Records([*tuning, *reported])

    def speedups(self) -> Records:
        """Every optimizer at every cell: loss, speedup in tokens and time, with 95% intervals."""
        return Records(
            [
                {
                    "optimizer": row.optimizer,
                    "size": row.size,
                    "ratio": row.ratio,
                    "parameters": row.parameters,
                    **_interval("loss", row.loss),
                    **_interval("token_speedup", row.token_speedup),
                    **_interval("time_speedup", row.time_speedup),
                    "verdict": row.verdict,
                    "settings": row.configuration,
                }
                for row in self.analysis.rows
            ]
        )

    def curves(self) -> Records:
        """The losses of the reported runs over the training, a row for each point.

        `split` is `train` (one step's batch, thinned) or `report` (the validation set).
        """
        return Records(
            [
                {
                    "optimizer": curve.optimizer,
                    "size": curve.size,
                    "ratio": curve.ratio,
                    "seed": curve.seed,
                    "split": split,
                    "tokens": tokens,
                    "loss": loss,
                }
                for curve in self.analysis.curves
                for split, points in (
                    ("train", zip(curve.train_tokens, curve.train_loss, strict=True)),
                    ("report", zip(curve.report_tokens, curve.report_loss, strict=True)),
                )
                for tokens, loss in points
            ]
        )

    def ledger(self) -> Records:
        """What tuning cost every optimizer at every cell where it was tuned."""
        return Records(
            [
                {
                    "optimizer": effort.optimizer,
                    "size": cell.cell.size,
                    "ratio": cell.cell.ratio,
                    "runs": cell.runs,
                    "diverged": cell.diverged,
                    "failed": cell.failed,
                    "tokens": cell.tokens,
                    "device_seconds": cell.device_seconds,
                    "bracketed": cell.bracketed,
                    "varied": cell.varied,
                }
                for effort in self.evidence.effort
                for cell in effort.cells
            ]
        )

    def scores(self) -> Records:
        """What `bestiary evaluate` found on downstream tasks, a row for each metric of a run."""
        from bestiary.cli._evaluate import score_rows

        return Records(
            [
                {
                    "optimizer": one.optimizer,
                    "size": one.size,
                    "ratio": one.ratio,
                    "seed": run.seed,
                    "run_id": run.run_id,
                    "loss": run.loss,
                    **row,
                }
                for one in self.evidence.observations
                for run in one.runs
                for task in run.scores.values()
                for row in score_rows(task)
            ]
        )

    def figures(self) -> "dict[str, go.Figure]":
        """The report's figures by name, as plotly objects that a notebook draws."""
        from bestiary.report import figures

        return figures(self.analysis)

    def page(self, path: str | Path) -> Path:
        """Write the report as one HTML page that opens offline.

        Raises:
            UserError: it cannot be written there.
        """
        from bestiary.report import write_page

        write_page(self.analysis, Path(path))
        return Path(path)

    def __repr__(self) -> str:
        found = self.evidence
        return (
            f"<{found.source}: {', '.join(found.contenders)} at {len(found.cells)} cells, "
            f"{found.finished} of {found.planned} planned runs finished>"
        )

    def _repr_html_(self) -> str:
        if not self.evidence.found:
            return f"<p>{escape(repr(self))}</p>"
        sentences = "".join(f"<p>{escape(line)}</p>" for line in self.answer)
        rows = [
            {
                "size": row.size,
                "ratio": f"{row.ratio:g}x",
                "optimizer": row.label,
                "loss": row.loss.text(".4f"),
                "token speedup": row.token_speedup.times(),
                "time speedup": row.time_speedup.times(),
                "verdict": row.verdict,
            }
            for row in self.analysis.rows
        ]
        return f"<h3>{escape(self.evidence.source)}</h3>{sentences}{Records(rows)._repr_html_()}"


def open(name: str | Path) -> Opened:
    """Open results: also those of a study that is running, as they are now.

    Args:
        name: A study folder, a folder of imported results (FOLDER:SOURCE where it holds several),
            or `fantastic2025`, the published study.

    Raises:
        UserError: nothing of that name, or a folder that holds no results.
    """
    return Opened(evidence_of(str(name)))


def _run(
    one: Any,
    purpose: str,
    state: str,
    loss: float | None,
    *,
    seed: int | None = None,
    run_id: str = "",
    settings: Any = None,
) -> dict[str, Any]:
    return {
        "optimizer": one.optimizer,
        "size": one.size,
        "ratio": one.ratio,
        "purpose": purpose,
        "state": state,
        "loss": loss,
        "seed": seed,
        "run_id": run_id,
        "settings": dict(one.settings if settings is None else settings),
    }


def _interval(name: str, estimate: "Estimate") -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
