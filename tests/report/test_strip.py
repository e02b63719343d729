import msgspec
import pytest
from tests.report.made_up import NONE, made_up

from bestiary.report import page
from bestiary.report._strip import strips
from bestiary.specs import Estimate


def test_marks_lie_on_one_logarithmic_scale() -> None:
    scale = strips(made_up())
    assert [one.look.name for one in scale.strips] == ["muon", "soap", "lion"]
    muon, _, lion = scale.strips
    assert lion.marks["token"].value < scale.one < muon.marks["token"].value
    # Lion's 0.91 and Muon's 1.42 are as far from 1 as their logarithms say.
    left, right = scale.one - lion.marks["token"].value, muon.marks["token"].value - scale.one
    assert right / left == pytest.approx(0.3507 / 0.0943, rel=0.01)
    assert all(0 < place < 100 for _, place in scale.ticks)


@pytest.mark.slow
def test_an_interval_without_an_end_fades() -> None:
    analysis = made_up()
    open_end = Estimate(value=1.8, low=1.6, high=None)
    first = msgspec.structs.replace(analysis.summaries[0], token_speedup=open_end)
    rest = analysis.summaries[1:]
    analysis = msgspec.structs.replace(analysis, summaries=(first, *rest))
    mark = strips(analysis).strips[0].marks["token"]
    assert mark.ends == "open-high"
    assert mark.low + mark.width == pytest.approx(100)
    assert mark.value < 95
    assert all(one.marks["token"].ends == "" for one in strips(analysis).strips[1:])
    assert 'class="span token open-high"' in page(analysis)


@pytest.mark.slow
def test_an_optimizer_without_a_speedup_says_why() -> None:
    none = msgspec.structs.replace(NONE, note="all of its runs diverged")
    first, *rest = made_up().summaries
    lost = msgspec.structs.replace(first, token_speedup=none, time_speedup=none)
    analysis = msgspec.structs.replace(made_up(), summaries=(lost, *rest))
    assert strips(analysis).strips[-1].marks == {}
    assert "no speedup: all of its runs diverged" in page(analysis)
    none = [
        msgspec.structs.replace(one, token_speedup=NONE, time_speedup=NONE)
        for one in made_up().summaries
    ]
    assert 'class="scale"' in page(made_up())
    assert 'class="scale"' not in page(msgspec.structs.replace(analysis, summaries=tuple(none)))
