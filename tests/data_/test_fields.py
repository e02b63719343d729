"""A field that is not there: the message names those that are, and not all of thousands."""

import json
from pathlib import Path

import pytest

from bestiary.data import prepare, source
from bestiary.errors import UserError


def test_of_a_row_with_very_many_fields_a_few_are_named(tmp_path: Path) -> None:
    path = tmp_path / "wide.jsonl"
    path.write_text(json.dumps({f"field {index}": "x" for index in range(3000)}))
    with pytest.raises(UserError, match=r"'text', but .* has .*and 2960 more") as raised:
        prepare([source(path)], tmp_path / "corpora")
    assert len(str(raised.value)) < 1000
    assert "field 39" in str(raised.value)
    assert not list(tmp_path.glob("corpora/*/*"))
