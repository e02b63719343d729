"""Claims beyond tuned losses: C10 (7B), C11 (downstream), C14 to C17 (training), C18."""

import numpy as np
from scipy.special import stdtr

from bestiary.analysis.published._data import downstream
from bestiary.analysis.published._evidence import DELTA, Evidence
from bestiary.analysis.published._generalisation import offsets
from bestiary.analysis.published._seven_billion import PREDICTIONS
from bestiary.analysis.published._verdict import Claim, Part, Verdict, drawn

C10 = Claim(
    name="C10",
    statement="Predicted to 7B at 1x, Muon is slightly worse than AdamW",
    where="appendix B.1",
)
C11 = Claim(
    name="C11",
    statement="Downstream accuracy follows loss; at 1.2B 8x Muon is no better than AdamW",
    where="table 5",
)
C18 = Claim(
    name="C18",
    statement="All optimizers share one relation of training loss to C4 loss: none generalises "
    f"better at equal training loss (by more than {DELTA:g} nats)",
    where="section 4",
)
NO_CURVES = "the published data hold final losses only, no {what} over training"
DYNAMICS = (
    (
        Claim(
            name="C14",
            statement="Rankings during training differ from final ones and flip in the decay phase",
            where="abstract",
        ),
        "loss curves",
    ),
    (
        Claim(
            name="C15",
            statement="Weight decay hurts early and helps at the end of the decay",
            where="section 4",
        ),
        "loss curves at several weight decays",
    ),
    (
        Claim(
            name="C16",
            statement="Parameter norms follow the learning rate: up in warm-up, down in decay",
            where="section 4",
        ),
        "parameter norms",
    ),
    (
        Claim(
            name="C17",
            statement="Gradient norms rise in the decay phase while the loss falls",
            where="section 4",
        ),
        "gradient norms",
    ),
)


def seven_billion(evidence: Evidence) -> Verdict:
    """C10: what three forms fitted to the same losses say at 7B; it is about a prediction."""
    parts = []
    for form, predict in PREDICTIONS.items():
        margin_K = predict(evidence, "muon") - predict(evidence, "adamw")
        parts.append(drawn(f"{form} puts Muon above AdamW", margin_K[0], margin_K[1:]))
    shown = "; ".join(f"{part.text}: {part.margin:+.4f} nats, {part.support:.0%}" for part in parts)
    text = f"Muon minus AdamW at 7B 1x and share of draws above 0: {shown}"
    if len({part.margin > 0 for part in parts}) > 1:
        why = "nobody trained 7B, 6 times beyond the largest size, and the forms disagree"
        return C10.unchecked(f"{why}. {text}.", parts)
    return C10.judged(parts, f"a prediction only, nobody trained 7B. {text}")


def downstream_follows(evidence: Evidence) -> Verdict:
    """C11: paired differences over the ten tasks of table 5."""
    table = downstream()
    tasks = [task for task in table["adamw"] if task != "average"]
    gap = np.array([table["muon"][task] - table["adamw"][task] for task in tasks])
    error = gap.std(ddof=1) / np.sqrt(gap.size)
    worse = float(stdtr(gap.size - 1, -gap.mean() / error))
    parts = [
        Part(text="Muon's average is not above AdamW's", margin=-float(gap.mean()), support=worse),
        Part(
            text="the lower loss has the higher average",
            margin=float(gap.mean()),
            support=1 - worse,
        ),
    ]
    return C11.judged(
        parts,
        f"Muon minus AdamW over {gap.size} tasks {gap.mean():+.2f} +- {error:.2f} points, its loss "
        f"{evidence.losses['adamw', '1.2b', 8.0] - evidence.losses['muon', '1.2b', 8.0]:.4f} nats "
        "lower",
    )


def during_training(evidence: Evidence) -> tuple[Verdict, ...]:
    """C14 to C17: what would be needed."""
    del evidence
    return tuple(claim.unchecked(NO_CURVES.format(what=what)) for claim, what in DYNAMICS)


def one_generalisation(evidence: Evidence) -> Verdict:
    """C18: each optimizer's C4 loss at equal training loss, against AdamW's."""
    del evidence
    parts = []
    shown = []
    for name, offset in offsets().items():
        within = stdtr(offset.cells - 1, (DELTA - offset.median) / offset.error)
        within -= stdtr(offset.cells - 1, (-DELTA - offset.median) / offset.error)
        text = f"{name} is within {DELTA:g} nats of AdamW at equal training loss"
        parts.append(Part(text=text, margin=DELTA - abs(offset.median), support=float(within)))
        shown.append(f"{name} {offset.median:+.4f} +- {offset.error:.4f}")
    return C18.judged(
        parts,
        "C4 loss minus AdamW's at equal training loss, same cell and batch size, in nats: "
        f"{', '.join(shown)}",
    )
