"""Do the baseline's losses follow the curve that every speedup is read off?"""

from bestiary.answers.check._compared import Compared
from bestiary.answers.check._item import Item


def baseline_curve(compared: Compared) -> Item | None:
    """Whether they do, by an F test at every size; None of a claim that needs no curve."""
    if compared.claim.quantity == "loss":
        return None
    sizes = compared.measures.draws.sizes
    fits = {one.size: fit for one in compared.own if (fit := sizes[one.size].fitted) is not None}
    name, baseline = "baseline's curve", compared.claim.baseline
    rejected = [f"{size} (p = {fit.misfit:.1g})" for size, fit in fits.items() if fit.rejected]
    if rejected:
        return Item(
            name=name,
            outcome="failed",
            evidence=(
                f"{baseline}'s losses miss the form a D^-B + b by more than their noise at "
                f"{', '.join(rejected)}, and no interval of a speedup there contains that"
            ),
            cure=f"tune {baseline} alike in every cell there, or compare losses at equal tokens",
        )
    tested = [fit.misfit for fit in fits.values() if fit.tested]
    if not tested:
        return Item(
            name=name,
            outcome="unknown",
            evidence=f"{baseline} has fewer than four ratios at every size: no form can be tested",
            cure=f"run {baseline} at four ratios or more",
        )
    return Item(
        name=name,
        outcome="passed",
        evidence=(
            f"{baseline}'s losses follow it within their noise at {len(tested)} of {len(fits)} "
            f"sizes (least p = {min(tested):.1g}); the others have too few ratios to tell"
            if len(tested) < len(fits)
            else f"{baseline}'s losses follow it within their noise (least p = {min(tested):.1g})"
        ),
    )
