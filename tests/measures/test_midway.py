"""The ranking over training: a made-up early leader is unmasked, and noise is not a lead."""

import msgspec
import numpy as np
from tests.synthetic import evidence_of, synthetic_results, synthetic_study

from bestiary.evidence import SeedNoise
from bestiary.laws import Noise
from bestiary.measures import midway
from bestiary.measures._midway import ranking
from bestiary.specs import Cell, Planned, RunResult, Study, canonical_json, run_id

Data = tuple[Study, list[Planned], dict[str, RunResult]]


def data(early_gain: float, noise: float = 0.001) -> Data:
    """SOAP is ahead of where it ends by `early_gain` at the start, and loses it linearly."""
    study = synthetic_study(sizes=("65k",))
    planned, results = synthetic_results(study, noise, noise / 2)
    for one in planned:
        key = run_id(one.run)
        if one.optimizer == "soap" and one.purpose == "report":
            results[key] = with_gain(results[key], early_gain)
    return study, planned, results


def measured_noise(own: float, *, freedom: int) -> SeedNoise:
    """Own noise alone, measured with so many degrees of freedom."""
    squares = Noise(own_squares=freedom * own**2, own_freedom=freedom)
    return SeedNoise(squares=squares, source="measured", measured=True)


def with_gain(result: RunResult, gain: float) -> RunResult:
    last = result.evaluations[-1].tokens
    changed = []
    for one in result.evaluations:
        lower = gain * (1 - one.tokens / last)
        loss = {split: value - lower for split, value in one.loss.items()}
        changed.append(msgspec.structs.replace(one, loss=loss))
    return msgspec.structs.replace(result, evaluations=tuple(changed))


def test_an_early_leader_that_loses_is_named_with_the_time() -> None:
    found = midway(evidence_of(*data(early_gain=0.5)), ("muon", "soap"))
    assert [one.ratio for one in found] == [1.0, 2.0, 4.0]
    for one in found:
        assert one.winner == "muon"
        assert one.certain
        assert one.optimizers == ("muon", "soap")
        assert one.seeds == (1, 2, 3)
        assert one.moments[0].leader == "soap"
        assert one.moments[0].beyond_noise
        assert one.moments[-1].share == 1.0
        assert one.moments[-1].leader == "muon"
        assert one.wrong_until is not None
        # Muon wins by a few hundredths of a nat, so SOAP leads until little of its gain is left.
        assert 0.8 < one.wrong_until < 1.0
    assert canonical_json(found[0])


def test_a_winner_that_always_led_was_never_wrong() -> None:
    for one in midway(evidence_of(*data(early_gain=0.0))):
        assert one.winner == "muon"
        assert one.wrong_until is None
        assert one.wrong_beyond_noise_until is None
        assert one.misleader == ""
        assert len(one.moments) == 8


def test_a_lead_within_noise_is_not_counted_as_a_wrong_answer() -> None:
    for one in midway(evidence_of(*data(early_gain=0.04, noise=0.1)), ("muon", "soap")):
        assert not one.certain
        assert one.wrong_beyond_noise_until is None


def test_real_curves_show_the_third_finding_of_the_study() -> None:
    """Muon and SOAP of a quickstart at 33k 4x, report losses of two seeds, as they were trained.

    Muon's rate is constant for 40% of the run and then falls in a line, SOAP's falls as a cosine:
    SOAP leads while Muon's rate is still high, and Muon ends ahead.
    """
    muon = {1: (1.7861, 1.6316, 1.5143, 1.3796), 2: (1.7664, 1.652, 1.5293, 1.3811)}
    soap = {1: (1.8474, 1.6145, 1.4757, 1.4051), 2: (1.8395, 1.6478, 1.4732, 1.4015)}
    share = np.array([0.25, 0.5, 0.75, 1.0])
    curves = {
        name: {seed: (share, np.array(losses)) for seed, losses in runs.items()}
        for name, runs in (("muon", muon), ("soap", soap))
    }
    # The noise of that study at this size: 0.012 nats of one optimizer alone.
    found = ranking(Cell(size="33k", ratio=4.0), curves, measured_noise(0.012, freedom=12))
    assert found is not None
    assert [moment.leader for moment in found.moments] == ["muon", "soap", "soap", "muon"]
    assert [moment.beyond_noise for moment in found.moments] == [False, False, True, False]
    assert (found.winner, found.misleader) == ("muon", "soap")
    assert found.wrong_until == found.wrong_beyond_noise_until == 0.75


def test_cells_without_a_common_seed_are_left_out() -> None:
    study, planned, results = data(early_gain=0.0)
    kept = [
        p
        for p in planned
        if p.purpose == "tune" or p.run.seed == (1 if p.optimizer == "muon" else 2)
    ]
    assert midway(evidence_of(study, kept, results), ("muon", "soap")) == ()
