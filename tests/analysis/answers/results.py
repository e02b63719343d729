"""Findings for tests: the synthetic study, whole, and a small import."""

from functools import cache

import msgspec
from tests.analysis.synthetic import SPEEDUP, synthetic_results, synthetic_study, true_loss

from bestiary.analysis import Analysis, analyse
from bestiary.analysis.answers import Findings, own_findings
from bestiary.specs import RunResult
from bestiary.store import ForeignImport, ForeignResult, Origin


@cache
def synthetic_analysis(
    sizes: tuple[str, ...] = ("16k", "65k"), random_seed: int = 0, shift: float = 0.0
) -> Analysis:
    """The analysis of the synthetic study; `shift` raises every loss by so many nats."""
    study = synthetic_study(sizes=sizes)
    planned, results = synthetic_results(study, random_seed=random_seed)
    raised = {key: _raised(result, shift) for key, result in results.items()}
    return analyse(study, planned, raised, draws=200)


def _raised(result: RunResult, shift: float) -> RunResult:
    loss = {split: value + shift for split, value in result.loss.items()}
    return msgspec.structs.replace(result, loss=loss)


def synthetic_findings(
    sizes: tuple[str, ...] = ("16k", "65k"), random_seed: int = 0, shift: float = 0.0
) -> Findings:
    return own_findings(synthetic_analysis(sizes, random_seed, shift))


def imported(**changes: object) -> ForeignImport:
    """Noise-free runs of two optimizers at two named sizes, without settings or seeds."""
    rows = [
        ForeignResult(
            optimizer=name,
            size=size,
            ratio=ratio,
            loss=true_loss(size, ratio, name),
            file="table.csv",
            row=2,
            **changes,  # type: ignore[arg-type]
        )
        for name in ("adamw", "muon")
        for size in ("16k", "262k")
        for ratio in (1.0, 2.0, 4.0, 8.0)
    ]
    return ForeignImport(origin=Origin(source="theirs"), results=tuple(rows))


TRUE_SPEEDUP = SPEEDUP
