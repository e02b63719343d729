"""What reported runs scored on downstream tasks, beside their losses."""

from collections.abc import Mapping

import msgspec

from bestiary.evidence._record import Evidence, SeedRun
from bestiary.specs import Scores


def with_scores(evidence: Evidence, scores: Mapping[str, Scores]) -> Evidence:
    """The evidence, each of its reported runs with its scores.

    Args:
        evidence: Of an own study.
        scores: By run id; those of other runs are not read.
    """
    replace = msgspec.structs.replace
    observations = tuple(
        replace(one, runs=tuple(_scored(run, scores) for run in one.runs))
        for one in evidence.observations
    )
    return replace(evidence, observations=observations)


def _scored(run: SeedRun, scores: Mapping[str, Scores]) -> SeedRun:
    if run.run_id not in scores:
        return run
    return msgspec.structs.replace(run, scores=dict(scores[run.run_id].tasks))
