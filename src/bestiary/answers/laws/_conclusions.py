"""Which terms the losses ask for, in sentences."""

from bestiary.measures import FormResult, JointComparison, SeparateFit

# A smaller difference of the criterion is no evidence (Burnham and Anderson 2002).
_CLEAR = 4.0
# The form of one law for all optimizers with the terms that the law of one alone has.
SHARED = "data, without interaction"


def conclusions(comparison: JointComparison) -> list[str]:
    """What the comparison of the joint laws says, in sentences."""
    forms = {one.form: one for one in comparison.forms}
    told = []
    for question, with_term, without in (
        ("efficiency that changes with size", "data and size", "data"),
        ("benefit of data that changes with size", "data", "data, without interaction"),
        ("efficiency that changes with the ratio", "data, size and ratio", "data and size"),
        ("parameter efficiency of each optimizer", "parameters and data", "data"),
    ):
        if with_term in forms and without in forms:
            told.append(_question(question, forms[with_term], forms[without]))
    # The law of one optimizer alone has no kappa, so neither has the one that it is compared with.
    if SHARED in forms and len(comparison.separate) > 1:
        told.append(_alone(forms[SHARED], comparison.separate))
    return told


def _question(question: str, more: FormResult, less: FormResult) -> str:
    """Whether a term is needed."""
    told = (
        f"held-out error at the largest size {1e3 * more.held_out_largest:.1f} mnats with it, "
        f"{1e3 * less.held_out_largest:.1f} without"
    )
    if more.criterion is None or less.criterion is None:
        return f"Too few losses to judge a term for the {question} by criterion; {told}."
    gain = less.criterion - more.criterion
    better = more.held_out_largest < less.held_out_largest
    if gain > _CLEAR and better:
        return f"The losses need a term for the {question}: AICc falls by {gain:.0f}, {told}."
    if gain > _CLEAR:
        return f"A term for the {question} fits (AICc falls by {gain:.0f}) but misleads: {told}."
    return f"The losses ask for no term for the {question}: AICc changes by {-gain:+.0f}, {told}."


def _alone(together: FormResult, separate: tuple[SeparateFit, ...]) -> str:
    """What sharing exponents gains."""
    shared = {one.name: one.error for one in together.values}
    told = []
    for name in ("log alpha", "log beta"):
        errors = [one.error for fit in separate for one in fit.values if one.name == name]
        told.append(
            f"{name} has a standard error of {min(errors):.2f} to {max(errors):.2f} "
            f"against {shared[name]:.2f} shared"
        )
    return f"Fitted to one optimizer at a time, {' and '.join(told)}."
