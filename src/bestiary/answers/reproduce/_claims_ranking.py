"""Claims on who beats whom: C3, C5, C6, C7, C19, C20."""

import numpy as np

from bestiary.answers.reproduce._lower import lower
from bestiary.answers.reproduce._verdict import ClaimPart, ClaimVerdict, PublishedClaim, drawn
from bestiary.evidence.published import runs
from bestiary.measures.published import DELTA, MATRIX, SIMPLE, Place, Variant, named

SMALL = ("130m", "300m", "520m")
C3 = PublishedClaim(
    name="C3",
    statement="Every matrix method beats every scalar and variance-reduced one up to 520M",
    where="abstract",
)
C5 = PublishedClaim(
    name="C5",
    statement="On average NAdamW, MARS and Cautious gain modestly over AdamW, Lion equals it "
    "(within 5%), Adam-mini is slightly worse",
    where="section 4",
)
C6 = PublishedClaim(
    name="C6",
    statement="The best optimizer depends on data: Muon at 1x to 4x, SOAP and Kron from 8x on",
    where="section 4",
)
C7 = PublishedClaim(name="C7", statement="NAdamW overtakes Muon at 130M and 16x", where="section 4")
C19 = PublishedClaim(
    name="C19",
    statement="Nesterov momentum beats plain AdamW slightly but consistently (130M 1x excepted)",
    where="section 4",
)
C20 = PublishedClaim(
    name="C20",
    statement="Sophia is not better than AdamW below 0.5B",
    where="appendix",
)


def matrix_beats_scalar(variant: Variant) -> ClaimVerdict:
    """C3: worst matrix method against the best of the others, cell by cell."""
    simple = ("adamw", *SIMPLE)
    places = variant.places("adamw", "muon", sizes=SMALL)
    parts = [
        lower(variant, MATRIX, simple, at, f"matrix methods lead at {named(at)}") for at in places
    ]
    shown = {named(at): part.margin for at, part in zip(places, parts, strict=True)}
    least = sorted(shown.items(), key=lambda item: item[1])[:3]
    beyond = lower(variant, ("muon", "soap"), ("adamw", "nadamw"), ("1.2b", 8.0), "")
    return C3.judged(
        parts,
        f"the worst matrix method leads in {sum(part.margin > 0 for part in parts)} of "
        f"{len(parts)} cells, by {max(shown.values()):.4f} nats at most and least at "
        + ", ".join(f"{place} ({margin:.4f})" for place, margin in least)
        + f"; beyond the claim, at 1.2b 8x, the worse of Muon and SOAP leads NAdamW by "
        f"{beyond.margin:+.5f}",
    )


def modest_gains(variant: Variant) -> ClaimVerdict:
    """C5: the geometric mean speedup of each over the cells of the smaller sizes."""
    mean, draws = {}, {}
    for name in SIMPLE:
        places = variant.within(name, SMALL)
        values = [np.log(variant.speedups.value(name, *at)) for at in places]
        mean[name] = float(np.mean(values))
        logs = [np.log(variant.speedups.draws(name, *at)) for at in places]
        draws[name] = np.mean(logs, axis=0)
    parts = [
        drawn(f"{name} gains on average", mean[name], draws[name])
        for name in ("nadamw", "mars", "cautious")
    ]
    text = "lion is within 5% of AdamW on average"
    parts.append(drawn(text, 0.05 - abs(mean["lion"]), 0.05 - abs(draws["lion"])))
    parts.append(drawn("adam_mini loses on average", -mean["adam_mini"], -draws["adam_mini"]))
    shown = ", ".join(f"{name} {np.exp(value):.3f}" for name, value in mean.items())
    losing = [
        f"{name} at {named(at)}"
        for name in ("nadamw", "mars", "cautious")
        for at in variant.within(name, SMALL)
        if variant.losses[name, *at] > variant.losses["adamw", *at]
    ]
    return C5.judged(
        parts, f"geometric mean speedups {shown}; no gain for {', '.join(losing) or 'none'}"
    )


def best_depends_on_data(variant: Variant) -> ClaimVerdict:
    """C6: Muon lowest at 1x to 4x, SOAP and Kron below Muon from 8x on."""
    parts: list[ClaimPart] = []
    for at in variant.places("muon", "soap"):
        if at[1] <= 4:
            text = f"muon leads at {named(at)}"
            parts.append(lower(variant, ("muon",), ("soap", "kron"), at, text))
            continue
        for name in ("soap", "kron"):
            if (name, *at) in variant.losses:
                text = f"{name} is below muon at {named(at)}"
                parts.append(lower(variant, (name,), ("muon",), at, text))
    late = {
        name: [p for p in parts if p.text.startswith(f"{name} is")] for name in ("soap", "kron")
    }
    ahead = [
        f"{name} in {sum(part.margin > 0 for part in found)} of {len(found)} cells"
        for name, found in late.items()
    ]
    largest = max(abs(part.margin) for found in late.values() for part in found)
    return C6.judged(
        parts,
        f"from 8x on below Muon: {', '.join(ahead)}, by at most {largest:.1e} nats either way; the "
        f"study's own threshold for a difference is {DELTA:g}",
    )


def nadamw_overtakes_muon(variant: Variant) -> ClaimVerdict:
    """C7: with Muon's tuned learning rate, and with the one that was first run."""
    at: Place = ("130m", 16.0)
    part = lower(variant, ("nadamw",), ("muon",), at, "nadamw is below tuned muon at 130m 16x")
    rates = {
        run.settings["learning_rate"]: run.loss or 0.0
        for run in runs()
        if (run.optimizer, run.size, run.ratio, run.state) == ("muon", *at, "done")
    }
    shown = ", ".join(f"{loss:.4f} with learning rate {rate:g}" for rate, loss in rates.items())
    nadamw = variant.losses["nadamw", *at]
    overtaken = [f"{rate:g}" for rate, loss in rates.items() if loss > nadamw]
    return C7.judged(
        [part],
        f"nadamw {nadamw:.4f}; muon {shown}; it is overtaken with {', '.join(overtaken)} only",
    )


def nesterov_helps(variant: Variant) -> ClaimVerdict:
    """C19: NAdamW against AdamW in every cell but the excepted one."""
    places = [at for at in variant.places("adamw", "nadamw") if at != ("130m", 1.0)]
    parts = [
        lower(variant, ("nadamw",), ("adamw",), at, f"nadamw is below adamw at {named(at)}")
        for at in places
    ]
    gains = [part.margin for part in parts]
    excepted = variant.losses["adamw", "130m", 1.0] - variant.losses["nadamw", "130m", 1.0]
    return C19.judged(
        parts,
        f"ahead in {sum(gain > 0 for gain in gains)} of {len(gains)} cells, by {min(gains):.4f} to "
        f"{max(gains):.4f} nats; at 130m 1x by {excepted:.4f}",
    )


def sophia_is_no_better(variant: Variant) -> ClaimVerdict:
    """C20, at 130m and 300m."""
    places = variant.places("sophia", sizes=("130m", "300m"))
    parts = [
        lower(variant, ("adamw",), ("sophia",), at, f"adamw is below sophia at {named(at)}")
        for at in places
    ]
    shown = ", ".join(
        f"{named(at)} {part.margin:+.4f}" for at, part in zip(places, parts, strict=True)
    )
    above = variant.losses["sophia", "520m", 1.0] - variant.losses["adamw", "520m", 1.0]
    return C20.judged(
        parts, f"sophia minus AdamW in nats: {shown}; at 520m 1x, above 0.5B, {above:+.4f}"
    )
