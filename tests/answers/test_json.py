"""The keys of every answer, as the docs list them: what a script that reads `--json` relies on."""

import re
from pathlib import Path

import pytest

from bestiary.answers.advise import Advice
from bestiary.answers.check import ClaimReport
from bestiary.answers.compare import Comparison
from bestiary.answers.crossover import Crossover
from bestiary.answers.power import PowerAnswer
from bestiary.specs import Estimate

PAGE = (Path(__file__).parents[2] / "docs" / "answers.md").read_text()
RECORDS = {
    "check": ClaimReport,
    "advise": Advice,
    "crossover": Crossover,
    "power": PowerAnswer,
    "compare": Comparison,
}


@pytest.mark.parametrize("command", RECORDS)
def test_the_keys_are_those_of_the_docs(command: str) -> None:
    record = RECORDS[command]
    row = re.search(rf"^\| `{command}` \| `{record.__name__}` \| (.+) \|$", PAGE, re.MULTILINE)
    assert row is not None
    assert tuple(re.findall(r"`(\w+)`", row[1])) == record.__struct_fields__


def test_a_number_with_an_interval_has_the_keys_of_the_docs() -> None:
    assert f"`{{{', '.join(Estimate.__struct_fields__)}}}`" in PAGE
