"""Claims on hyperparameters: C12, C13, C22."""

from bestiary.answers.reproduce._verdict import (
    ClaimPart,
    ClaimVerdict,
    PublishedClaim,
    certain,
    normal,
)
from bestiary.evidence.published import configurations, runs, sensitive
from bestiary.measures.published import DELTA, DELTA_NEAR, Variant, insensitive
from bestiary.store import ForeignResult

ADAM_FAMILY = ("adamw", "nadamw", "adam_mini", "mars", "cautious")
C12 = PublishedClaim(
    name="C12",
    statement="Optimal weight decay differs (Lion 0.6 to 0.7, Kron 0.5 to 0.7, AdamW's family 0.1 "
    "to 0.2), so sharing hyperparameters between optimizers is unfair",
    where="section 4",
)
C13 = PublishedClaim(
    name="C13",
    statement="Blind transfer misranks: at 520M 8x, SOAP at twice its learning rate loses to MARS",
    where="section 4",
)
C22 = PublishedClaim(
    name="C22",
    statement="Epsilon and beta2 (but Lion's) are insensitive to scale; the learning rate nearly "
    "always is not",
    where="table 4",
)


def weight_decay_differs(variant: Variant) -> ClaimVerdict:
    """C12: the tuned values, and what Lion pays for AdamW's."""
    tuned: dict[str, set[float]] = {}
    for (name, _, _), settings in configurations().items():
        tuned.setdefault(name, set()).add(float(settings.get("weight_decay", 0.0)))
    shared = max(value for name in ADAM_FAMILY for value in tuned[name])
    by_decay = ablations("lion", "130m", 1.0)
    price = by_decay[0.1] - min(by_decay.values())
    parts = [
        certain(f"{name} wants more than {shared:g} everywhere", min(tuned[name]) - shared)
        for name in ("lion", "kron")
    ]
    text = f"0.1 costs Lion more than {DELTA:g} nats at 130m 1x"
    parts.append(normal(text, price - DELTA, variant.difference_noise))
    shown = "; ".join(
        f"{name} {', '.join(f'{value:g}' for value in sorted(tuned[name]))}"
        for name in ("adamw", "lion", "kron")
    )
    return C12.judged(parts, f"tuned weight decays: {shown}; 0.1 costs Lion {price:.4f} nats")


def transfer_misranks(variant: Variant) -> ClaimVerdict:
    """C13: what twice the learning rate costs SOAP, and whether MARS then wins."""
    at = ("520m", 8.0)
    by_rate = {float(run.settings["learning_rate"]): _loss(run) for run in _finished("soap", *at)}
    best, twice = by_rate[0.004], by_rate[0.008]
    mars = variant.losses["mars", *at]
    noise = variant.difference_noise
    parts = [
        normal(f"twice the rate costs SOAP more than {DELTA:g} nats", twice - best - DELTA, noise),
        normal("SOAP then loses to MARS", twice - mars, noise),
    ]
    return C13.judged(parts, f"SOAP {best:.4f} at 0.004, {twice:.4f} at 0.008; MARS {mars:.4f}")


def what_is_sensitive(variant: Variant) -> ClaimVerdict:
    """C22, by the study's rule on its own phase I runs, redrawn with noise."""
    parts: list[ClaimPart] = []
    again: dict[str, frozenset[str]] = {}
    censored: list[str] = []
    table = sensitive("table")
    for name, listed in table.items():
        found = insensitive(name, variant)
        for coordinate in ("epsilon", "beta2"):
            if coordinate in found and coordinate not in listed:
                text = f"{coordinate} of {name} is insensitive"
                support = found[coordinate].share
                parts.append(ClaimPart(text=text, margin=found[coordinate].margin, support=support))
        if "learning_rate" in listed:
            rate = found["learning_rate"]
            if rate.margin > 0 and rate.censored:
                # What the optimum beyond the grid is nobody saw: no evidence that it stays.
                censored.append(
                    f"learning_rate of {name}, whose best is an end of the rates tried in "
                    f"{rate.censored} of six regimes"
                )
            else:
                text = f"learning_rate of {name} is sensitive"
                parts.append(ClaimPart(text=text, margin=-rate.margin, support=1 - rate.share))
        again[name] = frozenset(name for name, rule in found.items() if rule.margin <= 0)
    rates = sum("learning_rate" in found for found in again.values())
    return C22.judged(
        parts,
        f"by the study's rule on its own runs (one value within {DELTA_NEAR:g} nats of the best in "
        f"all six regimes) the learning rate is sensitive for {rates} of {len(again)} optimizers; "
        f"{_agreement(again, table, 'table 4')}; "
        f"{_agreement(again, sensitive('repository'), 'the file in their repository')}",
        unjudged=censored,
    )


def _agreement(
    again: dict[str, frozenset[str]], listed: dict[str, frozenset[str]], where: str
) -> str:
    """For which optimizers the rule gives a list, and what differs for the others."""
    differing = []
    for name, found in listed.items():
        more, less = sorted(again[name] - found), sorted(found - again[name])
        if more or less:
            signed = [*(f"+{one}" for one in more), *(f"-{one}" for one in less)]
            differing.append(f"{name} {' '.join(signed)}")
    same = len(listed) - len(differing)
    return f"{where} agrees for {same} of {len(listed)} (else the rule has {', '.join(differing)})"


def ablations(optimizer: str, size: str, ratio: float) -> dict[float, float]:
    """The losses of a cell's runs that differ in weight decay alone."""
    return {
        float(run.settings["weight_decay"]): _loss(run)
        for run in _finished(optimizer, size, ratio)
        if run.tags["changed"] in ("", "weight_decay") and run.tags["phase"] == "I"
    }


def _finished(optimizer: str, size: str, ratio: float) -> list[ForeignResult]:
    return [
        run
        for run in runs()
        if (run.optimizer, run.size, run.ratio, run.state) == (optimizer, size, ratio, "done")
    ]


def _loss(run: ForeignResult) -> float:
    assert run.loss is not None
    return run.loss
