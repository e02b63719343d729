"""Were both trained to the end, on equal tokens, with seeds, and at more than one size?"""

from scipy.stats import norm

from bestiary.answers.check._compared import Compared
from bestiary.answers.check._item import Item
from bestiary.evidence import places

# Two models closer than this in N say little about how a speedup changes with size.
SPAN = 3.0


def end_of_schedule(compared: Compared) -> Item:
    """Whether the losses are final ones of complete schedules."""
    name = "end of schedule"
    every = compared.both
    unknown = [one for one in every if one.full_length is None]
    short = [one for one in every if one.full_length is False]
    if short:
        return Item(
            name=name,
            outcome="failed",
            evidence=f"the run behind the loss ended early at {places(short)}",
            cure="compare losses at the end of each schedule",
        )
    if unknown:
        return Item(
            name=name,
            outcome="unknown",
            evidence=f"{len(unknown)} of {len(every)} losses do not say how long their run was",
            cure="state the tokens of each run, or its steps and batch size",
        )
    told = f"{len(every)} of {len(every)} losses come from runs of full length"
    return Item(name=name, outcome="passed", evidence=told)


def same_tokens(compared: Compared) -> Item:
    """Whether both were given the same tokens."""
    name = "same tokens"
    differing = [own for own, other in compared.pairs if abs(own.tokens / other.tokens - 1) > 0.02]
    if differing:
        return Item(
            name=name,
            outcome="failed",
            evidence=f"token counts differ by more than 2% at {places(differing)}",
            cure="compare at equal tokens",
        )
    return Item(
        name=name,
        outcome="passed",
        evidence=f"the same data-to-model ratio in {compared.cells}: {places(compared.own)}",
    )


def enough_seeds(compared: Compared) -> Item:
    """Whether the difference was repeated with other seeds."""
    name = "seeds"
    seeds = [one.seed_count for one in compared.both]
    known = [count for count in seeds if count is not None]
    told = compared.noise
    if not known:
        return Item(
            name=name,
            outcome="unknown",
            evidence=f"the results state no seeds; {told}",
            cure="state the seed of each run",
        )
    fewest, most = min(known), max(known)
    shown = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    told = f"{shown} seed{'s' if most != 1 else ''} a cell; {told}"
    if fewest >= 2 and len(known) == len(seeds):
        return Item(name=name, outcome="passed", evidence=told)
    return Item(
        name=name,
        outcome="failed" if fewest < 2 else "unknown",
        evidence=told,
        cure="repeat both with fresh seeds; `bestiary power` says how many",
    )


def fresh_measurement(compared: Compared) -> Item:
    """Whether the losses were measured after tuning, not chosen as the lowest of many."""
    name = "not the best of many"
    every = compared.both
    counts = [one.selected_from for one in every]
    if max(counts) == 1:
        told = "losses come from runs that tuning did not choose by their result"
        return Item(name=name, outcome="passed", evidence=told)
    noise = compared.evidence.noise
    bias = max(noise[one.size].total * _expected_best(one.selected_from) for one in every)
    own = sum(one.selected_from for one in compared.own) / len(compared.pairs)
    other = sum(one.selected_from for one in compared.baselines) / len(compared.pairs)
    return Item(
        name=name,
        outcome="failed",
        evidence=(
            f"each loss is the lowest of up to {max(counts)} noisy runs (on average {own:.0f} for "
            f"{compared.claim.optimizer}, {other:.0f} for {compared.claim.baseline}): too low by "
            f"up to {bias:.1e} nats"
        ),
        cure="re-run the winners on fresh seeds",
    )


def several_sizes(compared: Compared) -> Item:
    """Whether the claim was tested over sizes and ratios."""
    name = "several sizes"
    parameters = sorted({one.parameters for one in compared.own})
    ratios = sorted({one.ratio for one in compared.own})
    span = parameters[-1] / parameters[0]
    told = (
        f"{len(parameters)} size{'s' if len(parameters) != 1 else ''} over a factor of "
        f"{span:.3g} in N, ratios {', '.join(f'{ratio:g}x' for ratio in ratios)}"
    )
    if span >= SPAN and len(ratios) > 1:
        return Item(name=name, outcome="passed", evidence=told)
    return Item(
        name=name,
        outcome="failed",
        evidence=told,
        cure=f"add sizes over a factor of {SPAN:g} or more in N, and a second ratio",
    )


def _expected_best(count: int) -> float:
    """By how many standard deviations the best of several is better than the mean (Blom 1958)."""
    return float(norm.ppf((count - 0.375) / (count + 0.25)))
