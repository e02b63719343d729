"""Old and new versions of the packages: what is required is stated, and what is pinned fits it."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = {
    name.lower().replace("_", "-"): pin
    for name, pin in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M)
}


def parts(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", text)[:3])


@pytest.mark.parametrize("required", PROJECT["dependencies"])
def test_every_package_has_an_oldest_version_and_the_pinned_and_installed_are_no_older(
    required: str,
) -> None:
    found = re.fullmatch(r"([\w-]+)>=([\d.]+)", required)
    assert found, f"{required} must state its oldest version"
    name, oldest = found[1].lower().replace("_", "-"), parts(found[2])
    assert parts(PINNED[name]) >= oldest
    assert parts(version(name)) >= oldest


def test_the_sizes_of_versions_are_compared_as_numbers() -> None:
    assert parts("0.10.2") > parts("0.9.12")
    assert parts("2026.10.19.post1") == (2026, 10, 19)
