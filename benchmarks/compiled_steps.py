"""Training steps of the study's sizes, compiled for slices of TPU v5e where no TPU is.

A step is compiled in two parts (`bestiary compile --part gradient`, and `--part optimizer`): eleven
optimizers share a gradient. Each part is kept in the cache of Bestiary by what was compiled, the
command and the version of the compiler, with the commit that it was compiled at, so a second call
goes on where a first was stopped.

    python -m benchmarks.compiled_steps [--kept] > src/bestiary/cli/compiled_steps.csv

writes the table that `bestiary plan --topology` reads; `--kept` compiles nothing, and writes what
earlier calls have.
"""

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bestiary.train import cache_folder

STUDIED = ("130m", "300m", "520m", "1.2b")
OPTIMIZERS = (
    *("adamw", "muon", "lion", "nadamw", "mars", "cautious"),
    *("adam_mini", "scion", "sophia", "kron", "soap"),
)
SLICES = ("v5e:2x4", "v5e:4x4", "v5e:8x8", "v5e:16x8", "v5e:16x16")
# What a part needs besides parameters and state; a step needs the larger of its two parts'.
WORK = ("gradients, activations and work", "batch, results and program")
COLUMNS = (
    *("size", "optimizer", "topology", "mesh", "micro_batches", "fits", "GB"),
    *("parameters_GB", "state_GB", "work_GB", "rest_GB", "model_flops", "step_seconds"),
    *("peak_percent", "optimizer_seconds", "optimizer_least_seconds"),
    *("gradient_collectives", "optimizer_collectives", "libtpu", "commit"),
)

Found = dict[str, Any]


def cells() -> list[tuple[str, str, str]]:
    """Size, optimizer and slice of every cell, small ones first."""
    return [(size, one, where) for size in STUDIED for where in SLICES for one in OPTIMIZERS]


def row(size: str, optimizer: str, topology: str) -> dict[str, Any]:
    """What was compiled of one cell, on each chip; times are the compiler's estimates."""
    gradient = part("gradient", size, "adamw", topology)
    about = {"size": size, "optimizer": optimizer, "topology": topology}
    about |= {"mesh": gradient["placement"], "micro_batches": gradient["accumulation"]}
    if not gradient["fits"]:
        return about | {"fits": False, "GB": gradient["needed"] / 1e9, **_compiled_at(gradient)}
    update = part("optimizer", size, optimizer, topology)
    return about | _summed(gradient, update) | _compiled_at(gradient, update)


def part(what: str, size: str, optimizer: str, topology: str) -> Found:
    """One part of a step: what an earlier call kept, else compiled now."""
    flags = ["--part", what, "--size", size, "--optimizer", optimizer, "--topology", topology]
    kept = place(flags)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        found = compiled(flags) | {"libtpu": version("libtpu"), "commit": _commit()}
        kept.write_text(json.dumps({"command": flags, **found}))
    read: Found = json.loads(kept.read_text())
    return read


def place(flags: list[str]) -> Path:
    """Where the answer to a command is kept, for the compiler that is installed."""
    digest = hashlib.sha256(json.dumps([flags, version("libtpu")]).encode()).hexdigest()
    folder = cache_folder()
    if folder is None:
        sys.exit("what is compiled is kept in Bestiary's cache, but BESTIARY_CACHE is off")
    return folder / "compiled-for-chips" / f"{digest}.json"


def compiled(flags: list[str]) -> Found:
    """The answer of `bestiary compile`, in a process of its own; one that failed ends this one."""
    command = [sys.executable, "-m", "bestiary.cli", "compile", *flags, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(f"could not compile {' '.join(flags)}: see above")
    found: Found = json.loads(done.stdout)
    return found


def _summed(gradient: Found, update: Found) -> dict[str, Any]:
    """The two parts as one step: times add up, and of the work's memory the larger is taken."""
    held = {
        "parameters": update["held"]["parameters"],
        "state": update["held"]["optimizer state"],
        "work": max(gradient["held"][WORK[0]], update["held"][WORK[0]]),
        "rest": max(gradient["held"][WORK[1]], update["held"][WORK[1]]),
    }
    seconds = gradient["seconds"] + update["seconds"]
    return {
        "fits": sum(held.values()) <= gradient["memory"],
        "GB": sum(held.values()) / 1e9,
        **{f"{kind}_GB": size / 1e9 for kind, size in held.items()},
        "model_flops": gradient["flops"],
        "step_seconds": seconds,
        "peak_percent": 100 * gradient["share"] * gradient["seconds"] / seconds,
        "optimizer_seconds": update["seconds"],
        "optimizer_least_seconds": update["least_seconds"],
        "gradient_collectives": spoken(gradient),
        "optimizer_collectives": spoken(update),
    }


def spoken(found: Found) -> str:
    """The collectives of a part in words: how many of each kind, with megabytes on each chip."""
    kinds = found["spoken"].items()
    return "; ".join(f"{row['count']} {kind} {row['megabytes']:.1f} MB" for kind, row in kinds)


def _compiled_at(*parts: Found) -> dict[str, str]:
    """By which compiler, and at which commits."""
    return {
        name: " and ".join(dict.fromkeys(one[name] for one in parts))
        for name in ("libtpu", "commit")
    }


@cache
def _commit() -> str:
    """The commit that this code is of."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def _kept() -> Iterator[dict[str, Any]]:
    """The rows of which both parts were compiled before."""
    for size, optimizer, where in cells():
        names = [("gradient", "adamw"), ("optimizer", optimizer)]
        flags = (
            ["--part", what, "--size", size, "--optimizer", one, "--topology", where]
            for what, one in names
        )
        if all(place(one).exists() for one in flags):
            yield row(size, optimizer, where)


def _written(rows: list[dict[str, Any]]) -> None:
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    table.writeheader()
    for one in rows:
        table.writerow(
            {
                name: f"{value:.4g}" if isinstance(value, float) else value
                for name, value in one.items()
            }
        )


if __name__ == "__main__":
    _written(list(_kept()) if "--kept" in sys.argv else [row(*one) for one in cells()])
