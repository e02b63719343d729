"""docs/in-your-program.md does what it says: its code is read from the page."""

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "in-your-program.md").read_text()
BLOCKS = re.findall(r"```(\S*) ?(\w*)\n(.*?)```", PAGE, re.S)
OF_ALL = "\n".join(code for kind, package, code in BLOCKS if kind == "python" and not package)


def executed(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "in-your-program.md", "exec"), names)
    return names


@pytest.mark.slow
def test_the_page_runs_and_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    names = executed(OF_ALL)
    (shown,) = [code for kind, _, code in BLOCKS if not kind]
    assert capsys.readouterr().out == shown
    assert set(names["state"].inner["muon"]) == {"block/down", "block/up", "experts"}


@pytest.mark.slow
@pytest.mark.parametrize("package", ["flax", "equinox"])
def test_the_page_runs_in_other_frameworks(package: str) -> None:
    pytest.importorskip(package)
    (code,) = [code for _, own, code in BLOCKS if own == package]
    executed(f"import jax\nimport jax.numpy as jnp\n{code}")
