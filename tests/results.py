"""Results for tests: the synthetic study, whole, and a small import."""

from functools import cache

import msgspec
from tests.synthetic import SPEEDUP, evidence_of, synthetic_results, synthetic_study, true_loss

from bestiary.evidence import Evidence
from bestiary.specs import RunResult
from bestiary.store import ForeignImport, ForeignResult, ImportOrigin


@cache
def synthetic_evidence(
    sizes: tuple[str, ...] = ("16k", "65k"),
    random_seed: int = 0,
    shift: float = 0.0,
    ratios: tuple[float, ...] = (1.0, 2.0, 4.0),
) -> Evidence:
    """The evidence of the synthetic study; `shift` raises every loss by so many nats."""
    study = synthetic_study(sizes=sizes, ratios=ratios)
    planned, results = synthetic_results(study, random_seed=random_seed)
    raised = {key: _raised(result, shift) for key, result in results.items()}
    return evidence_of(study, planned, raised)


def _raised(result: RunResult, shift: float) -> RunResult:
    loss = {split: value + shift for split, value in result.loss.items()}
    return msgspec.structs.replace(result, loss=loss)


def beside_its_curve(evidence: Evidence, size: str) -> Evidence:
    """The same where the baseline at a size and 2x was tuned worse than elsewhere, by 0.2 nats."""
    observations = tuple(
        msgspec.structs.replace(
            one,
            runs=tuple(
                msgspec.structs.replace(run, loss=None if run.loss is None else run.loss + 0.2)
                for run in one.runs
            ),
        )
        if (one.optimizer, one.size, one.ratio) == (evidence.baseline, size, 2.0)
        else one
        for one in evidence.observations
    )
    return msgspec.structs.replace(evidence, observations=observations)


def only(evidence: Evidence, *optimizers: str) -> Evidence:
    """The same results of some optimizers alone."""
    kept = tuple(one for one in evidence.observations if one.optimizer in optimizers)
    return msgspec.structs.replace(evidence, observations=kept)


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
    return ForeignImport(origin=ImportOrigin(source="theirs"), results=tuple(rows))


TRUE_SPEEDUP = SPEEDUP
