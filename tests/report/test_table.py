import io
import subprocess
import sys

import pytest
from rich.console import Console
from tests.report.made_up import made_up

from bestiary.report import print_table


def printed(width: int) -> str:
    stream = io.StringIO()
    print_table(made_up(), Console(file=stream, width=width))
    return stream.getvalue()


@pytest.mark.slow
def test_the_table_has_a_line_for_every_row_and_ends_with_the_answer() -> None:
    lines = printed(140).splitlines()
    for row in made_up().rows:
        assert any(row.label in line and f"{row.loss.value:.4f}" in line for line in lines)
    assert lines[-3:] == [*made_up().answer, f"- {made_up().limits[0]}"]


@pytest.mark.slow
def test_numbers_are_whole_on_a_narrow_terminal() -> None:
    text = printed(80)
    assert "1.42\N{MULTIPLICATION SIGN} [1.30, 1.56]" in text
    assert "1.8276 ± 0.0121" in text


@pytest.mark.slow
def test_only_footnotes_whose_marks_occur_are_printed() -> None:
    assert "edge of what was tried" in printed(140)
    assert "beyond its own runs" in printed(140)


@pytest.mark.slow
def test_reading_a_report_never_loads_jax() -> None:
    code = "import sys, bestiary.report, bestiary.answers.report; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
