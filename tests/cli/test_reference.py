import importlib
from pathlib import Path

import pytest

from bestiary.cli._commands import COMMANDS
from bestiary.cli._reference import described, reference

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_what_the_flags_say() -> None:
    cure = "run `python -m bestiary.cli._reference > docs/cli.md`"
    assert PAGE.read_text() == reference(), cure


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_a_meaning_that_is_a_sentence(name: str) -> None:
    kind = importlib.import_module(COMMANDS[name].module).Flags
    flags = described(kind)
    assert flags
    assert all(meaning.endswith(".") for _, meaning, _ in flags)
