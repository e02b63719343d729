"""docs/notebook.ipynb runs, cell by cell, and what its cells end with can be shown."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

PAGE = json.loads((Path(__file__).parents[2] / "docs" / "notebook.ipynb").read_text())


def shown(code: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does: the value of its last line, if it is an expression."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "notebook", "exec"), names)
    return eval(compile(ast.Expression(last.value), "notebook", "eval"), names) if last else None


@pytest.mark.slow
def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in PAGE["cells"]:
        assert not cell.get("outputs"), "a notebook is kept without outputs"
        if cell["cell_type"] == "code":
            value = shown("".join(cell["source"]), names)
            assert value is None or hasattr(value, "_repr_html_") or isinstance(value, str | tuple)
    assert names["found"].evidence.finished == names["found"].evidence.planned
