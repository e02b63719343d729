"""Claims on how large speedups are: C1, C2, C4, C8, C9, C21."""

from itertools import combinations, pairwise

import numpy as np

from bestiary.answers.reproduce._verdict import (
    ClaimPart,
    ClaimVerdict,
    PublishedClaim,
    drawn,
    normal,
)
from bestiary.evidence.published import SIZES, figure1
from bestiary.laws import Array
from bestiary.measures.published import DELTA, MATRIX, SIMPLE, Variant, named

C1 = PublishedClaim(
    name="C1",
    statement="No optimizer exceeds 1.4x over tuned AdamW (1.4 to one decimal: below 1.45)",
    where="abstract",
)
C2 = PublishedClaim(
    name="C2",
    statement="The speedup of matrix methods falls with size, from 1.4x at 0.1B to 1.1x at 1.2B",
    where="abstract",
)
C4 = PublishedClaim(
    name="C4",
    statement="Scalar and variance-reduced methods stay below 1.2x",
    where="section 4",
)
C8 = PublishedClaim(
    name="C8",
    statement="At 1.2B and 8x, NAdamW, Muon and SOAP are equal (within 0.003 nats), at 1.1x",
    where="section 4",
)
C9 = PublishedClaim(
    name="C9",
    statement="Tuning the learning rate alone (6e-4 to 8e-3) makes AdamW 2x faster at 130M",
    where="figure 1",
)
C21 = PublishedClaim(
    name="C21",
    statement="The gain belongs to matrix preconditioning and not to one member: Muon, SOAP and "
    "Kron are within 0.05 of each other at 8x",
    where="section 4",
)


def no_optimizer_exceeds(variant: Variant) -> ClaimVerdict:
    """C1, at each optimizer's largest cell."""
    names = (*SIMPLE, *MATRIX, "sophia")
    parts = [_below(variant, name, 1.45) for name in names]
    top = max(names, key=lambda name: _value(variant, name))
    at = variant.largest(top)
    interval = variant.speedups.estimate(top, *at)
    strict = np.mean(variant.speedups.draws(top, *at) > 1.4)
    return C1.judged(
        parts,
        f"the largest is {top} at {named(at)} with {interval.value:.2f} "
        f"[{interval.low:.2f}, {interval.high:.2f}]; to the letter, 1.40, it is exceeded in "
        f"{strict:.0%} of the draws",
    )


def speedup_falls_with_size(variant: Variant) -> ClaimVerdict:
    """C2, for Muon and SOAP at 8x: the two ends, and every step between sizes."""
    parts: list[ClaimPart] = []
    shown = []
    for name in ("muon", "soap"):
        value = {size: variant.speedups.value(name, size, 8.0) for size in SIZES}
        draws = {size: variant.speedups.draws(name, size, 8.0) for size in SIZES}
        for large, small in [("130m", "1.2b"), *pairwise(SIZES)]:
            text = f"{name} gains more at {large} than at {small}"
            parts.append(drawn(text, value[large] - value[small], draws[large] - draws[small]))
        parts.append(_rounds_to(f"{name} at 130m", 1.4, value["130m"], draws["130m"]))
        parts.append(_rounds_to(f"{name} at 1.2b", 1.1, value["1.2b"], draws["1.2b"]))
        shown.append(f"{name} {' / '.join(f'{value[size]:.3f}' for size in SIZES)}")
    start = [f"{name} {variant.with_16x.value(name, '130m', 8.0):.2f}" for name in ("muon", "soap")]
    return C2.judged(
        parts,
        f"at 8x over sizes: {'; '.join(shown)}; the start rests on how AdamW's curve is drawn: "
        f"with its 16x point it is {', '.join(start)}",
    )


def simple_methods_stay_below(variant: Variant) -> ClaimVerdict:
    """C4, at each optimizer's largest cell."""
    top = max(SIMPLE, key=lambda name: _value(variant, name))
    at = variant.largest(top)
    interval = variant.speedups.estimate(top, *at)
    return C4.judged(
        [_below(variant, name, 1.2) for name in SIMPLE],
        f"the largest is {top} at {named(at)} with {interval.value:.3f} "
        f"[{interval.low:.2f}, {interval.high:.2f}]",
    )


def equal_at_the_top(variant: Variant) -> ClaimVerdict:
    """C8: losses equal within the study's own threshold, speedups that round to 1.1."""
    names = ("nadamw", "muon", "soap")
    at = ("1.2b", 8.0)
    parts: list[ClaimPart] = [
        drawn(
            f"{one} and {two} differ by less than {DELTA:g} nats",
            DELTA - abs(variant.losses[one, *at] - variant.losses[two, *at]),
            DELTA - abs(variant.loss_draws(one, at) - variant.loss_draws(two, at)),
        )
        for one, two in combinations(names, 2)
    ]
    for name in names:
        value, draws = variant.speedups.value(name, *at), variant.speedups.draws(name, *at)
        parts.append(_rounds_to(name, 1.1, value, draws))
    spread = np.ptp([variant.losses[name, *at] for name in names])
    found = ", ".join(_interval(variant, name) for name in names)
    return C8.judged(parts, f"losses within {spread:.1e} nats of each other; speedups {found}")


def tuning_alone_doubles(variant: Variant) -> ClaimVerdict:
    """C9: the untuned run at twice the steps against the tuned one."""
    slow, fast = figure1()[0.0006][-1], figure1()[0.008][-1]
    margin = slow[1] - fast[1]
    text = f"the untuned run is worse after {slow[0]} steps than the tuned one after {fast[0]}"
    speedups = variant.speedups
    equivalent = float(speedups.curves["130m"].ratio(slow[1]))
    gain = slow[0] / fast[0] / equivalent
    gain_K = slow[0] / fast[0] / speedups.redrawn["130m"].ratio(slow[1])
    return C9.judged(
        [
            normal(text, margin, variant.difference_noise),
            drawn("tuned AdamW needs less than half the data", gain - 2, gain_K - 2),
        ],
        f"{slow[1]:.3f} after {slow[0]} steps against {fast[1]:.3f} after {fast[0]}; on its curve, "
        f"continued below 1x, tuned AdamW has {slow[1]:.3f} at {equivalent:.2f}x, so it is "
        f"{gain:.1f}x faster",
    )


def one_family_gain(variant: Variant) -> ClaimVerdict:
    """C21: that every member gains, and their spread at 8x; the cause is not in the data."""
    gain = variant.speedups
    cells = [(name, size) for size in SIZES for name in MATRIX if (name, size, 8.0) in gain.losses]
    value = {cell: gain.value(*cell, 8.0) for cell in cells}
    draws = {cell: gain.draws(*cell, 8.0) for cell in cells}
    parts = [
        drawn(f"{name} gains at {size}", value[name, size] - 1, draws[name, size] - 1)
        for name, size in cells
    ]
    for one, two in combinations([cell for cell in cells if cell[0] != "scion"], 2):
        if one[1] == two[1]:
            text = f"{one[0]} and {two[0]} within 0.05 at {one[1]}"
            apart, apart_K = abs(value[one] - value[two]), abs(draws[one] - draws[two])
            parts.append(drawn(text, 0.05 - apart, 0.05 - apart_K))
    gaps = [value["muon", size] - value[name, size] for name, size in cells if name == "scion"]
    return C21.judged(
        parts,
        f"Scion, a matrix method too, is {min(gaps):.2f} to {max(gaps):.2f} below Muon; that the "
        "matrix causes the gain cannot be read off losses",
    )


def _value(variant: Variant, name: str) -> float:
    return variant.speedups.value(name, *variant.largest(name))


def _below(variant: Variant, name: str, limit: float) -> ClaimPart:
    at = variant.largest(name)
    value, draws = variant.speedups.value(name, *at), variant.speedups.draws(name, *at)
    return drawn(f"{name} at {named(at)} is below {limit:g}", limit - value, limit - draws)


def _rounds_to(what: str, target: float, value: float, draws: Array) -> ClaimPart:
    return drawn(
        f"{what} is {target:g} to one decimal",
        0.05 - abs(value - target),
        0.05 - abs(draws - target),
    )


def _interval(variant: Variant, name: str) -> str:
    found = variant.speedups.estimate(name, "1.2b", 8.0)
    return f"{name} {found.value:.3f} [{found.low:.2f}, {found.high:.2f}]"
