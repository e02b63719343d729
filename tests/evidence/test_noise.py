"""Seed noise: measured at a size where it can be, else over all sizes, else assumed and said so."""

import numpy as np
import pytest

from bestiary.evidence import noise_by_size, stated_noise

OTHERWISE = stated_noise(0.02, "assumed")


def cells(deviation: float, count: int, seeds: int) -> list[list[tuple[str, int, float]]]:
    """Runs of two optimizers, so many seeds a cell."""
    generator = np.random.default_rng(0)
    return [
        [
            (name, seed, 2.0 + deviation * generator.standard_normal())
            for name in ("one", "other")
            for seed in range(seeds)
        ]
        for _ in range(count)
    ]


def test_each_size_has_its_own_where_its_seeds_tell_it() -> None:
    noise = noise_by_size(
        {"loud": cells(0.04, 6, 4), "quiet": cells(0.004, 6, 4)}, lambda _: OTHERWISE
    )
    assert noise["loud"].total == pytest.approx(0.04, rel=0.2)
    assert noise["quiet"].total == pytest.approx(0.004, rel=0.2)
    assert noise["loud"].source == f"measured at loud, {noise['loud'].freedom} degrees of freedom"


def test_a_size_with_few_seeds_takes_the_noise_of_all() -> None:
    noise = noise_by_size(
        {"many": cells(0.03, 6, 4), "few": cells(0.03, 1, 1)}, lambda _: OTHERWISE
    )
    assert noise["few"].total == noise["many"].total
    assert noise["few"].source.startswith("measured at all sizes together")


def test_without_seeds_the_noise_is_the_assumed_one() -> None:
    (noise,) = noise_by_size({"size": cells(0.03, 6, 1)}, lambda _: OTHERWISE).values()
    assert noise == OTHERWISE
    assert noise.total == pytest.approx(0.02)
    assert noise.freedom is None


def test_an_interval_is_students_where_noise_was_measured_and_normal_where_it_was_stated() -> None:
    (measured,) = noise_by_size({"size": cells(0.03, 3, 3)}, lambda _: OTHERWISE).values()
    assert measured.freedom == 6
    assert measured.half_width(1.0) == pytest.approx(2.4469, abs=1e-4)  # any table of t
    assert OTHERWISE.half_width(1.0) == pytest.approx(1.95996, abs=1e-5)
