"""Names become folders here and nowhere else."""

import pytest

from bestiary.cli._folders import default_folder
from bestiary.errors import UserError


@pytest.mark.parametrize(
    "name", ["", "x/../../../../escaped", "/etc/x", "a\0b", "a\nb", "\x1b[2J", "x" * 5000]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="no slash") as raised:
        default_folder(name)
    assert len(str(raised.value)) < 500
    assert str(raised.value).isprintable()


def test_a_name_is_a_folder_here() -> None:
    assert str(default_folder("fantastic 2025 (mine)")) == "bestiary-fantastic 2025 (mine)"
