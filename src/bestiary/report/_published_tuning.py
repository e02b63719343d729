"""The exhibit of the published ablations: the loss around the study's own optimum."""

import math

from bestiary.answers.reproduce import Reproduction
from bestiary.evidence.published import runs
from bestiary.measures import SensitivityPoint
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel
from bestiary.report._published_looks import published_looks
from bestiary.report._sensitivity import HEADER, is_number, panel, point_cells
from bestiary.store import ForeignResult

RATE = "learning_rate"
OTHERS = ("weight_decay", "warmup", "beta1", "beta2", "train_batch_size", "max_grad_norm")
FIRST = ("130m", 1.0)
# Losses further above the optimum leave the panel; the study calls 0.0064 nats near-optimal.
CAP = 0.06


def sensitivity(found: Reproduction) -> Exhibit:
    """Every ablation of the learning rate, and those of the others at the smallest cell."""
    looks = published_looks()
    found_at = [(run.size, run.ratio) for run in runs() if run.tags["phase"] == "I"]
    cells = [(size, ratio) for size, ratio in dict.fromkeys(found_at) if ratio is not None]
    asked = [(RATE, size, ratio) for size, ratio in cells]
    asked += [(name, *FIRST) for name in OTHERS]
    band = 1.96 * math.sqrt(2) * found.measured_noise
    panels, points = [], []
    for coordinate, size, ratio in asked:
        own = _points(coordinate, size, ratio)
        title = f"{coordinate} · size {size} at {words.ratio(ratio)}"
        panels.append(Panel(title, panel(own, looks, coordinate, band=band, cap=CAP)))
        points += own
    return Exhibit(
        key="sensitivity",
        title="Sensitivity to the hyperparameters",
        caption=(
            "The study's ablations around the configuration its first phase ended at (large "
            "marker): loss above that configuration's. A cross at the top diverged, a ring did not "
            "finish; the dotted line spans the gap in which divergence begins. Inside the grey "
            "band a run is not told from the optimum (95%, by the scatter of the study's epsilon "
            f"ablations, {found.measured_noise:.1g} nats). Lines that leave the panel go on. On "
            "logarithmic axes optimizers at the same value stand side by side."
        ),
        panels=tuple(panels),
        header=HEADER,
        rows=tuple(point_cells(point) for point in points),
    )


def _points(coordinate: str, size: str, ratio: float) -> list[SensitivityPoint]:
    """The ablations of one coordinate; of runs that repeat a value, the best."""
    best: dict[tuple[str, float], ForeignResult] = {}
    for run in runs():
        here = (run.size, run.ratio, run.tags["phase"]) == (size, ratio, "I")
        around = run.tags["changed"] in ("", coordinate)
        if not (here and around and run.optimizer in published_looks()):
            continue
        value = run.settings.get(coordinate)
        if value is not None and is_number(value):
            key = (run.optimizer, float(value))
            if key not in best or _rank(run) < _rank(best[key]):
                best[key] = run
    found = [_point(run, ratio, coordinate, value) for (_, value), run in best.items()]
    several = {p.optimizer for p in found if sum(q.optimizer == p.optimizer for q in found) > 1}
    return [point for point in found if point.optimizer in several]


def _rank(run: ForeignResult) -> tuple[bool, float]:
    """The optimum itself before its repetitions, then the lowest loss."""
    return bool(run.tags["changed"]), math.inf if run.loss is None else run.loss


def _point(run: ForeignResult, ratio: float, coordinate: str, value: float) -> SensitivityPoint:
    return SensitivityPoint(
        optimizer=run.optimizer,
        label=published_looks()[run.optimizer].label,
        size=run.size,
        ratio=ratio,
        coordinate=coordinate,
        value=value,
        loss=run.loss,
        state="diverged" if run.state == "diverged" else "done" if run.loss else "failed",
        winner=run.tags["changed"] == "",
    )
