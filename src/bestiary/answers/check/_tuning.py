"""Was the baseline tuned, were optima bracketed, and was the effort equal?"""

from bestiary.answers.check._compared import Compared
from bestiary.answers.check._item import Item
from bestiary.evidence import Observation, places

# A learning rate alone takes three values to bracket, and one more to know that it is.
FEWEST = 4
# Runs of the claimed optimizer over the baseline's, above which the effort is unequal.
UNEQUAL = 1.25


def baseline_tuned(compared: Compared) -> Item:
    """Whether the baseline's learning rate was searched at the cells compared."""
    name = f"{compared.claim.baseline} tuned"
    tuned = [one for one in compared.baselines if _is_tuned(one)]
    unknown = [one for one in compared.baselines if one.tuning.runs is None]
    runs = [one.tuning.runs for one in compared.baselines if one.tuning.runs]
    told = f"learning rate searched for {len(tuned)} of {compared.cells}"
    if runs:
        span = f"{min(runs)} to {max(runs)}" if min(runs) < max(runs) else f"{max(runs)}"
        told += f", with {span} runs each"
    if len(tuned) == len(compared.pairs):
        return Item(name=name, outcome="passed", evidence=told)
    if len(unknown) == len(compared.pairs):
        return Item(
            name=name,
            outcome="unknown",
            evidence="the results list no tuning runs",
            cure="add the tuning runs to the results",
        )
    rest = [one for one in compared.baselines if one not in tuned]
    return Item(
        name=name,
        outcome="failed",
        evidence=f"{told}; not at {places(rest)}",
        cure=f"tune {compared.claim.baseline} there as well",
    )


def optimum_bracketed(compared: Compared) -> Item:
    """Whether chosen values lie inside what was tried, for both."""
    name = "optima bracketed"
    every = compared.both
    if not any(one.tuning.coordinates for one in every):
        return Item(
            name=name,
            outcome="unknown",
            evidence="the results do not show what was tried",
            cure="add the tuning runs to the results",
        )
    labels = compared.evidence.labels
    edges: dict[tuple[str, str], list[Observation]] = {}
    for one in every:
        for coordinate in one.tuning.unbracketed:
            edges.setdefault((labels[one.optimizer], coordinate), []).append(one)
    searched = sum(bool(one.tuning.coordinates) for one in every)
    if not edges:
        told = f"no chosen value on an edge that the loss still falls towards, {searched} searches"
        return Item(name=name, outcome="passed", evidence=told)
    worst = sorted(edges.items(), key=lambda item: -len(item[1]))
    told = "; ".join(f"{label} {what} at {places(found)}" for (label, what), found in worst[:4])
    more = f"; {len(worst) - 4} more" if len(worst) > 4 else ""
    return Item(
        name=name,
        outcome="failed",
        evidence=f"on an edge that the loss still falls towards: {told}{more}",
        cure="extend these grids",
    )


def equal_effort(compared: Compared) -> Item:
    """Whether the claimed optimizer had no more tuning runs than the baseline."""
    name = "equal effort"
    # A configuration that was tuned elsewhere cost nothing here, unless all of them were.
    here = [pair for pair in compared.pairs if not all(one.tuning.inherited for one in pair)]
    both = [
        (own.tuning.runs, other.tuning.runs)
        for own, other in here or compared.pairs
        if own.tuning.runs is not None and other.tuning.runs is not None
    ]
    if not both:
        return Item(
            name=name,
            outcome="unknown",
            evidence="the results list no tuning runs",
            cure="add the tuning runs to the results",
        )
    own, other = (sum(runs) for runs in zip(*both, strict=True))
    told = (
        f"{own} tuning runs for {compared.claim.optimizer}, {other} for "
        f"{compared.claim.baseline}, over {len(both)} of {compared.cells}"
    )
    if own <= UNEQUAL * other:
        return Item(name=name, outcome="passed", evidence=told)
    return Item(
        name=name,
        outcome="failed",
        evidence=told,
        cure=f"give {compared.claim.baseline} as many runs, or compare after equally many",
    )


def _is_tuned(one: Observation) -> bool:
    """Whether several learning rates were tried for this configuration."""
    searched = any(name in ("learning_rate", "lr") for name in one.tuning.coordinates)
    return searched and (one.tuning.runs or 0) >= FEWEST
