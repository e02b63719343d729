"""The packaged tables of the published study, each read once; `data/sources.json` says whence."""

import csv
import json
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from bestiary.specs import Configuration, Setting
from bestiary.store import ForeignResult

Version = Literal["printed", "released"]
# (optimizer, size, ratio) -> nats per token.
Losses = dict[tuple[str, str, float], float]

SIZES = ("130m", "300m", "520m", "1.2b")
# Seed noise of one loss, nats per token. The study ran one seed; its epsilon ablations, which
# should change nothing, scatter by this much.
NOISE = 8e-4
# The catalogue's spellings, in the order of the paper's tables; the catalogue itself is JAX, and
# this line of the ladder is not. Shampoo is a later side study of the authors.
LABELS = {
    "adamw": "AdamW",
    "nadamw": "NAdamW",
    "lion": "Lion",
    "adam_mini": "Adam-mini",
    "mars": "MARS",
    "cautious": "Cautious",
    "muon": "Muon",
    "scion": "Scion",
    "kron": "Kron",
    "soap": "SOAP",
    "sophia": "Sophia-H",
    "shampoo": "Shampoo",
}
FAMILIES = {
    "adamw": "scalar",
    "nadamw": "scalar",
    "lion": "scalar",
    "adam_mini": "scalar",
    "mars": "variance-reduced",
    "cautious": "variance-reduced",
    "muon": "matrix",
    "scion": "matrix",
    "kron": "matrix",
    "soap": "matrix",
    "sophia": "second-order",
    # A side study of the authors, not part of the paper's comparison.
    "shampoo": "matrix",
}


class Pair(NamedTuple):
    """The final training and validation loss of one run, in nats per token."""

    optimizer: str
    train: float
    validation: float


@cache
def losses(version: Version) -> Losses:
    """The minimum loss of every cell: as released, or as the paper presumably printed it."""
    return {
        (row["optimizer"], row["size"], float(row["ratio"])): float(row[version])
        for row in _csv("losses.csv")
        if row[version]
    }


@cache
def runs() -> tuple[ForeignResult, ...]:
    """Every stored run with its complete configuration."""
    return tuple(
        ForeignResult(
            optimizer=group["optimizer"],
            size=group["size"],
            ratio=group["ratio"],
            state="done" if isinstance(loss, float) else loss,
            loss=loss if isinstance(loss, float) else None,
            steps=steps,
            settings=_changed(group["settings"], changed, value),
            tags={"phase": group["phase"], "changed": changed},
            file="runs.csv",
            row=row,
        )
        for group in _json("runs.json")
        for row, changed, value, loss, steps in group["runs"]
    )


@cache
def configurations() -> dict[tuple[str, str, float], Configuration]:
    """The authors' best configuration of every cell."""
    return {
        (item["optimizer"], item["size"], item["ratio"]): item["settings"]
        for item in _json("configurations.json")
    }


@cache
def predictions() -> dict[tuple[str, float], dict[str, float]]:
    """What the study's hyperparameter laws predict for 1.2b, by optimizer and ratio, unrounded."""
    return {
        (item["optimizer"], float(item["ratio"])): item["settings"]
        for item in _json("predictions.json")
    }


@cache
def grids() -> dict[tuple[str, str, float], dict[str, tuple[Setting, ...]]]:
    """What the study swept in every cell, coordinate by coordinate."""
    return {
        (item["optimizer"], size, float(ratio)): {
            name: tuple(values) for name, values in item["grid"].items()
        }
        for item in _json("grids.json")
        for size, ratio in item["cells"]
    }


@cache
def pairs() -> tuple[Pair, ...]:
    """Final training and validation losses, by optimizer, cells not stated."""
    return tuple(Pair(*item) for item in _json("pairs.json"))


@cache
def figure(name: str) -> Losses:
    """A figure of the authors: speedups over AdamW by cell, as digitised."""
    return {
        (row["optimizer"], row["size"], float(row["ratio"])): float(row["speedup"])
        for row in _csv("figures.csv")
        if row["figure"] == name
    }


@cache
def curves(ratios: str) -> dict[str, tuple[float, float, float]]:
    """Published (a, B, b) of AdamW's curve per size, on the ratios `"1-8"` or `"1-16"`."""
    return {
        row["size"]: (float(row["a"]), float(row["B"]), float(row["b"]))
        for row in _csv("curves.csv")
        if row["ratios"] == ratios
    }


@cache
def figure1() -> dict[float, tuple[tuple[int, float], ...]]:
    """Figure 1: (step, loss) of AdamW at 130m by learning rate."""
    found: dict[float, tuple[tuple[int, float], ...]] = {}
    for row in _csv("figure1.csv"):
        rate = float(row["learning_rate"])
        found[rate] = (*found.get(rate, ()), (int(row["step"]), float(row["loss"])))
    return found


@cache
def downstream() -> dict[str, dict[str, float]]:
    """Table 5: percent correct by optimizer and task, at 1.2b and 8x, with the stated average."""
    return {
        row.pop("optimizer"): {task: float(score) for task, score in row.items()}
        for row in _csv("downstream.csv")
    }


@cache
def sensitive(where: Literal["table", "repository"]) -> dict[str, frozenset[str]]:
    """The hyperparameters the study calls scaling-sensitive: in table 4, or in its repository."""
    return {name: frozenset(found) for name, found in _json("sensitive.json")[where].items()}


@cache
def sources() -> dict[str, Any]:
    """Licence, repository and, for each packaged file, commit and origin."""
    return dict(_json("sources.json"))


def _changed(settings: Configuration, name: str, value: Any) -> Configuration:
    """A configuration with one coordinate changed; None means that it is not set."""
    if value is None:
        return {key: kept for key, kept in settings.items() if key != name}
    return settings | {name: value}


def _text(name: str) -> str:
    return files("bestiary.evidence.published").joinpath("data", name).read_text("utf-8")


def _json(name: str) -> Any:
    return json.loads(_text(name))


def _csv(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(name).splitlines()))
