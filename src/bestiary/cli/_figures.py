"""The files a report leaves: formats as flags know them, and saying what was written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

Format = Literal["svg", "pdf", "png"]


def tell_written(paths: Sequence[Path]) -> None:
    """Say on stderr which files were written, so that stdout stays an answer."""
    console = Console(stderr=True)
    for path in paths:
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)
