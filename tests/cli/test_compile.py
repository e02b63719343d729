"""What `bestiary compile` says of a step, and of a part of one."""

from typing import Any

import pytest

from bestiary.cli._compile import Flags, _text


def record(part: str, **changed: Any) -> dict[str, Any]:
    found = {
        "part": part,
        "topology": "v5e:2x4",
        "placement": "data=8",
        "accumulation": 2,
        "kernels": {"attention": "splash"},
        "recomputed": True,
        "fits": True,
        "memory": 16 * 10**9,
        "needed": 12 * 10**9,
        "held": {"parameters": 10**9},
        "flops": 1e14,
        "seconds": 2.0,
        "optimizer_seconds": 0.1 * (part != "gradient"),
        "share": 0.25,
        "spoken": {"all-reduce": {"count": 1, "megabytes": 525.0}},
        "compile_seconds": 371.0,
    }
    return found | changed


@pytest.mark.parametrize(
    ("part", "told", "untold"),
    [
        ("step", "2 micro-batches of 64, layers computed again|5.0% of the step|25.0% of peak", ""),
        ("gradient", "the gradient of 130m|25.0% of peak", "compiled alone"),
        ("optimizer", "the optimizer of 130m|0.1000 s of kernels", "of peak"),
    ],
)
def test_a_part_is_told_as_one(part: Any, told: str, untold: str) -> None:
    text = _text(Flags(part=part), record(part))
    assert all(words in text for words in told.split("|"))
    assert not untold or untold not in text
    assert "fits: 12.00 of 16.00 GB a chip" in text
    assert "1 all-reduce, 525.0 MB" in text


@pytest.mark.parametrize("part", ["step", "gradient"])
def test_what_does_not_fit_says_by_how_much_and_what_would(part: Any) -> None:
    text = _text(Flags(part=part), record(part, fits=False, needed=18 * 10**9))
    assert "18.00 GB a chip, 2.00 GB more than there are; more chips, --mesh shard=N" in text
    assert ("beside two moments" in text) == (part == "gradient")
