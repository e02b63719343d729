"""One bad seed is set apart and said; noise alone, also noise that differs by ratio, is not."""

import numpy as np
import pytest
from benchmarks.made_up import seen

from bestiary.evidence import Evidence

KEY = ("adamw", "small", 2.0)


def losses(noise: dict[float, float], odd: float = 0.0, seed: int = 0) -> dict:
    generator, found = np.random.default_rng(seed), {}
    for ratio, deviation in noise.items():
        for name in ("adamw", "muon", "soap"):
            luck = generator.normal(0, deviation, 3)
            found[name, "small", ratio] = list(3 - np.log(ratio) / 9 + luck)
    found[KEY][1] += odd
    return found


def evidence(found: dict) -> Evidence:
    return seen(found, {"small": 1e6})


def test_a_seed_far_off_is_left_out_of_the_mean() -> None:
    quiet = dict.fromkeys((1.0, 2.0, 4.0), 0.002)
    good, bad = losses(quiet), losses(quiet, odd=0.1)
    one = next(one for one in evidence(bad).observations if one.key == KEY)
    assert [run.odd for run in one.runs] == [False, True, False]
    assert one.loss == pytest.approx(np.mean([good[KEY][0], good[KEY][2]]))
    assert one.seeds == {0, 2}
    assert evidence(bad).noise["small"].total < 0.01


@pytest.mark.parametrize("noise", [(0.01, 0.01, 0.01), (0.002, 0.008, 0.03)])
def test_noise_alone_is_not_odd(noise: tuple[float, ...]) -> None:
    found = [
        evidence(losses(dict(zip((1.0, 2.0, 4.0), noise, strict=True)), seed=seed))
        for seed in range(20)
    ]
    odd = sum(run.odd for one in found for cell in one.observations for run in cell.runs)
    assert odd <= 2


def test_two_seeds_do_not_say_which_is_odd() -> None:
    found = {key: runs[:2] for key, runs in losses({1.0: 0.002, 2.0: 0.002}, odd=0.1).items()}
    assert not any(run.odd for one in evidence(found).observations for run in one.runs)
