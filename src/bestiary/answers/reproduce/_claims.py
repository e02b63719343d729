"""The checkable claims of arXiv 2509.02046, C1 to C22, in order."""

from collections.abc import Callable

from bestiary.answers.reproduce import _claims_beyond as beyond
from bestiary.answers.reproduce import _claims_ranking as ranking
from bestiary.answers.reproduce import _claims_speedup as speedup
from bestiary.answers.reproduce import _claims_tuning as tuning
from bestiary.answers.reproduce._verdict import ClaimVerdict
from bestiary.measures.published import Variant

CHECKS: tuple[Callable[[Variant], ClaimVerdict | tuple[ClaimVerdict, ...]], ...] = (
    speedup.no_optimizer_exceeds,
    speedup.speedup_falls_with_size,
    ranking.matrix_beats_scalar,
    speedup.simple_methods_stay_below,
    ranking.modest_gains,
    ranking.best_depends_on_data,
    ranking.nadamw_overtakes_muon,
    speedup.equal_at_the_top,
    speedup.tuning_alone_doubles,
    beyond.seven_billion,
    beyond.downstream_follows,
    tuning.weight_decay_differs,
    tuning.transfer_misranks,
    beyond.during_training,
    beyond.one_generalisation,
    ranking.nesterov_helps,
    ranking.sophia_is_no_better,
    speedup.one_family_gain,
    tuning.what_is_sensitive,
)


def verdicts(variant: Variant) -> tuple[ClaimVerdict, ...]:
    """The verdict on every claim."""
    found: list[ClaimVerdict] = []
    for check in CHECKS:
        verdict = check(variant)
        found += verdict if isinstance(verdict, tuple) else [verdict]
    return tuple(found)
