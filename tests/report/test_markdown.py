"""The answer as Markdown: every number once, in tables that a reader of Markdown can parse."""

from pathlib import Path

import msgspec
from tests.report.made_up import made_up

from bestiary.report import write_markdown


def written(folder: Path, study: str = "made up") -> str:
    path = folder / "answer.md"
    write_markdown(msgspec.structs.replace(made_up(), study=study), path)
    return path.read_text()


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table."""
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    return [[line.strip("| ").split(" | ") for line in block] for block in blocks]


def test_every_loss_and_speedup_stands_in_the_row_of_its_optimizer(tmp_path: Path) -> None:
    text = written(tmp_path)
    cells = {(line[0], cell) for table in tables(text) for line in table for cell in line[1:]}
    for row in made_up().rows:
        assert any(
            label == row.label and cell.startswith(f"{row.loss.value:.4f}") for label, cell in cells
        )
        if row.optimizer != made_up().baseline and row.token_speedup.value:
            told = f"{row.token_speedup.value:.2f}\N{MULTIPLICATION SIGN}"
            assert any(label == row.label and cell.startswith(told) for label, cell in cells)


def test_tables_are_rectangular_and_every_sentence_is_there(tmp_path: Path) -> None:
    text = written(tmp_path)
    assert len(tables(text)) >= 5
    for table in tables(text):
        assert {len(line) for line in table} == {len(table[0])}
        assert set(table[1]) == {"---"}
    for sentence in (*made_up().answer, *made_up().limits):
        assert f"- {sentence}" in text.splitlines()
    assert text.count("\n# ") == 0
    assert text.startswith("# made up")


def test_the_same_analysis_gives_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path) == written(tmp_path)
