"""`bestiary power`: what it says of the noise behind its rows."""

from types import SimpleNamespace
from typing import Any

from bestiary.cli._power import _noise


def row(size: str, noise: float) -> Any:
    return SimpleNamespace(size=size, noise=noise, paired_noise=noise, noise_source="measured")


def test_a_noise_of_some_sizes_names_them_and_one_of_all_does_not() -> None:
    """Two lines without a size contradicted each other."""
    several: Any = SimpleNamespace(rows=[row("8k", 0.03), row("8k", 0.03), row("33k", 0.01)])
    told = list(_noise(several))
    assert [one.partition(" nats")[0] for one in told] == [
        "Standard deviation between seeds at 8k 0.03",
        "Standard deviation between seeds at 33k 0.01",
    ]
    (one,) = _noise(SimpleNamespace(rows=[row("8k", 0.03), row("33k", 0.03)]))  # type: ignore[arg-type]
    assert one.startswith("Standard deviation between seeds 0.03 nats, of a paired difference")
