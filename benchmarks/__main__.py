"""Run benchmarks, print one table each, and write all rows as JSON.

Usage: python -m benchmarks [NAME ...] [--json PATH] [--sizes SIZE,... --rounds N]

Without names all run but `intervals`, which takes half an hour and measures coverage, not speed,
`peers`, which needs torch and takes the sizes and rounds that are asked for, `tokenising`, which
needs tokenizers and a gigabyte of text, `kernels`, which needs an accelerator, and `accelerators`,
which compiles for hours where there is none.
"""

import argparse
import json
import platform
import shlex
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import (
    accelerators,
    analysis_scale,
    batches,
    claims,
    compilation,
    driver,
    freezing,
    intervals,
    kernels,
    left_on_table,
    operations,
    optimizer_bounds,
    optimizer_steps,
    peers,
    planning,
    populations,
    products,
    start_up,
    tokenising,
    training,
)
from bestiary.errors import UserError
from bestiary.train import environment

BENCHMARKS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "training": training.run,
    "optimizer_steps": optimizer_steps.run,
    "optimizer_bounds": optimizer_bounds.run,
    "compilation": compilation.run,
    "start_up": start_up.run,
    "batches": batches.run,
    "claims": claims.run,
    "analysis_scale": analysis_scale.run,
    "planning": planning.run,
    "driver": driver.run,
    "populations": populations.run,
    "products": products.run,
    "left_on_table": left_on_table.run,
    "freezing": freezing.run,
    "operations": operations.run,
    "peers": peers.run,
    "intervals": intervals.run,
    "accelerators": accelerators.run,
    "kernels": kernels.run,
    "tokenising": tokenising.run,
}
ON_REQUEST = {"accelerators", "freezing", "intervals", "kernels", "peers", "tokenising"}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", metavar="PATH", help="where to write all rows")
    parser.add_argument("--sizes", default=",".join(peers.SIZES), help="of peers; %(default)s")
    parser.add_argument("--rounds", type=int, default=peers.ROUNDS, help="of peers; %(default)s")
    flags = parser.parse_args()
    asked = {"peers": {"sizes": flags.sizes.split(","), "rounds": flags.rounds}}
    unknown = [name for name in flags.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; known: {', '.join(BENCHMARKS)}")
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    about = {"command": command, "machine": platform.platform(), **environment()}
    console = Console(width=None if sys.stdout.isatty() else 140)  # a file has no width
    console.print("\n".join(f"{name}: {value}" for name, value in about.items()), highlight=False)
    rows = []
    for name in flags.names or [one for one in BENCHMARKS if one not in ON_REQUEST]:
        try:
            measured = BENCHMARKS[name](**asked.get(name, {}))
        except UserError as error:
            sys.exit(f"python -m benchmarks: {error}")
        show(console, name, measured)
        rows += measured
    if flags.json:
        with open(flags.json, "w") as file:
            json.dump({"about": about, "rows": rows}, file, indent=2)


def show(console: Console, name: str, rows: list[dict[str, Any]]) -> None:
    columns = list(dict.fromkeys(column for row in rows for column in row if column != "benchmark"))
    table = Table(*columns, title=name)
    for row in rows:
        table.add_row(*(_text(row.get(column, "")) for column in columns))
    console.print(table)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
