"""What the study's own tuning gives when it is replayed, as tables for a terminal."""

from bestiary.cli._listing import console, show
from bestiary.measures.published import Replay, TunerDuel

CELLS = {
    "optimizer": "optimizer",
    "cell": "cell",
    "runs": "stored runs",
    "missing": "of its star not stored",
    "what": "derived, not the study's",
    "apart": "the study's loss is higher by",
}
SENSITIVE = {
    "optimizer": "optimizer",
    "derived": "by the rule",
    "table": "in table 4",
    "repository": "in the repository",
}
PREDICTIONS = {
    "optimizer": "optimizer",
    "ratio": "ratio",
    "name": "hyperparameter",
    "fitted": "fitted again",
    "published": "published",
    "executed": "executed",
}


def tell_replay(found: Replay) -> None:
    """Print what comes back and what does not."""
    differing = [cell for cell in found.cells if cell.differences]
    complete = sum(cell.missing == 0 for cell in found.cells)
    _say(
        f"Best configurations: {len(found.cells) - len(differing)} of {len(found.cells)} cells end "
        f"where the study did; in {complete} of them the star is complete in the stored runs."
    )
    show(
        [
            {
                "optimizer": cell.optimizer,
                "cell": f"{cell.size} {cell.ratio:g}x",
                "runs": str(cell.runs),
                "missing": str(cell.missing),
                "what": ", ".join(
                    f"{one.name} {one.derived}, not {one.published}" for one in cell.differences
                ),
                "apart": "not stored"
                if cell.published_loss is None
                else f"{cell.published_loss - cell.loss:.4f}",
            }
            for cell in differing
        ],
        CELLS,
        as_json=False,
    )
    _say("Hyperparameters that depend on scale:")
    show(
        [
            {
                "optimizer": one.optimizer,
                **{key: _names(getattr(one, key)) for key in ("derived", "table", "repository")},
            }
            for one in found.sensitive
        ],
        SENSITIVE,
        as_json=False,
    )
    differing_laws = [one for one in found.predictions if not one.same]
    _say(
        f"Predictions for 1.2b: {len(found.predictions) - len(differing_laws)} of "
        f"{len(found.predictions)} come back to a thousandth."
    )
    if differing_laws:
        rows = [
            {
                "optimizer": one.optimizer,
                "ratio": f"{one.ratio:g}",
                "name": one.name,
                "fitted": "no fit" if one.fitted is None else f"{one.fitted:.4g}",
                "published": f"{one.published:.4g}",
                "executed": "" if one.executed is None else f"{one.executed:g}",
            }
            for one in differing_laws
        ]
        show(rows, PREDICTIONS, as_json=False)


def tell_duel(found: TunerDuel) -> None:
    """Print how far every tuner's best lies above the pool's best, run by run."""
    _say(
        f"Nats above the best of {found.pools} pools of stored runs, after so many runs, on "
        f"average over {found.starts} starts in each:"
    )
    shown = (2, 3, 4, 6, 8, 10, 14)
    rows = [
        {
            "tuner": one.tuner,
            **{
                str(run): f"{one.regrets[run - 1]:.4f} ± {one.errors[run - 1]:.4f}" for run in shown
            },
        }
        for one in found.courses
    ]
    show(rows, {"tuner": "tuner", **{str(run): str(run) for run in shown}}, as_json=False)
    _say("The pools are stars around where coordinate descent ended, which favours it.")
    if found.absent:
        _say(f"Left out: {found.absent}.")


def _names(names: tuple[str, ...] | None) -> str:
    return "not stated" if names is None else ", ".join(names) or "none"


def _say(line: str) -> None:
    console().print(line, highlight=False, markup=False)
