"""Make the packaged tables from a folder of published results; run once, kept for whoever doubts.

    python -m bestiary.evidence.published._pack FOLDER

FOLDER is what `bestiary import fantastic2025` reads. The figure values and the tables of the paper
are not made here: they were transcribed by hand (see `data/sources.json`).
"""

import csv
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bestiary.store import ForeignResult, read_fantastic2025

DATA = Path(__file__).parent / "data"
_NAMES = {"soape": "soap", "mini": "adam_mini", "mudam": "shampoo"}
DECIMALS = 6  # nats; a thousandth of seed noise


def pack(folder: Path, into: Path = DATA) -> None:
    """Write `losses.csv` and the `.json` of configurations, runs, pairs, predictions, grids."""
    results = read_fantastic2025(folder).results
    reported = [row for row in results if row.kind == "reported"]
    _write_losses(into / "losses.csv", reported)
    _write_lines(into / "configurations.json", map(_configuration, _table(reported, "best")))
    _write_lines(into / "runs.json", _groups([row for row in results if row.kind == "run"]))
    _write_lines(
        into / "pairs.json",
        (
            [row.optimizer, _short(row.train_loss), _short(row.loss)]
            for row in results
            if row.kind == "pair"
        ),
    )
    predicted = json.loads((folder / "predicted_configs_1.2b.json").read_text())
    _write_lines(into / "predictions.json", map(_prediction, predicted))
    swept = json.loads((folder / "sweep_grids.json").read_text())
    _write_lines(into / "grids.json", _grids(swept))


def _write_losses(path: Path, reported: list[ForeignResult]) -> None:
    printed = {_cell(row): row.loss for row in _table(reported, "printed")}
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["optimizer", "size", "ratio", "released", "printed", "row"])
        for row in _table(reported, "released"):
            was = printed.get(_cell(row), "")
            writer.writerow([row.optimizer, row.size, f"{row.ratio:g}", row.loss, was, row.row])


def _configuration(row: ForeignResult) -> dict[str, Any]:
    return {
        "optimizer": row.optimizer,
        "size": row.size,
        "ratio": row.ratio,
        "steps": row.steps,
        "loss": _short(row.loss),
        "row": row.row,
        "settings": row.settings,
    }


def _groups(runs: Iterable[ForeignResult]) -> list[dict[str, Any]]:
    """Runs as one-coordinate changes of a shared configuration: a tenth of the bytes."""
    groups: list[dict[str, Any]] = []
    for row in runs:
        cell = {"optimizer": row.optimizer, "size": row.size, "ratio": row.ratio}
        cell["phase"] = row.tags["phase"]
        changed = row.tags["ablated_param"]
        for group in groups:
            other = group["settings"].keys() ^ row.settings.keys() | {
                key for key, value in row.settings.items() if group["settings"].get(key) != value
            }
            if cell.items() <= group.items() and other <= {changed}:
                break
        else:
            group = cell | {"settings": row.settings, "runs": []}
            groups.append(group)
        value = row.settings.get(changed)  # None where the change is that it is not set
        loss = _short(row.loss) if row.state == "done" else row.state
        group["runs"].append([row.row, changed, value, loss, row.steps])
    return groups


def _grids(swept: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every grid once, with the cells that have it; cells without one are left out."""
    found: dict[str, dict[str, Any]] = {}
    for stated in swept:
        if not stated["sweep_grids"]:
            continue
        optimizer = _NAMES.get(stated["optimizer_name"], stated["optimizer_name"])
        grid = {"optimizer": optimizer, "grid": stated["sweep_grids"]}
        cells = found.setdefault(json.dumps(grid), {**grid, "cells": []})["cells"]
        cells.append([stated["model_size"], stated["target_chinchilla"]])
    return list(found.values())


def _prediction(stated: dict[str, Any]) -> dict[str, Any]:
    return {
        "optimizer": stated["optimizer"].replace("soape", "soap"),
        "size": stated["model_size"],
        "ratio": stated["chinchilla"],
        "settings": stated["predicted"],
    }


def _table(reported: Iterable[ForeignResult], name: str) -> list[ForeignResult]:
    return [row for row in reported if row.tags["table"] == name]


def _cell(row: ForeignResult) -> tuple[str, str, float | None]:
    return row.optimizer, row.size, row.ratio


def _short(loss: float | None) -> float | None:
    return None if loss is None else round(loss, DECIMALS)


def _write_lines(path: Path, items: Iterable[Any]) -> None:
    """A JSON list with one item a line, so that a change shows as a line."""
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in items)
    path.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
