import math

import msgspec
import plotly.graph_objects as go
import pytest
from tests.report.drawn import made_up_exhibits
from tests.report.made_up import GAIN, NONE, RATIOS, SIZE_NAMES, made_up, made_up_evidence

from bestiary.measures import SensitivityPoint, midway
from bestiary.report import _words as words
from bestiary.report._exhibit import TOGETHER, dodged, round_ticks
from bestiary.report._identity import SHADES, identities, looks_of
from bestiary.report._labels import LINE, apart
from bestiary.report._page import exhibits


def traces_of(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.meta == name]


def test_every_exhibit_has_words_a_table_and_an_alternative() -> None:
    for exhibit in made_up_exhibits().values():
        assert exhibit.caption.endswith(".")
        assert exhibit.title in exhibit.alternative
        assert exhibit.rows
        assert {len(cells) for cells in exhibit.rows} == {len(exhibit.header)}


@pytest.mark.slow
def test_the_points_of_a_speedup_figure_are_the_rows_of_the_record() -> None:
    for size, panel in zip(SIZE_NAMES, made_up_exhibits()["speedup-ratio"].panels, strict=True):
        for name in GAIN:
            rows = [r for r in made_up().rows if (r.size, r.optimizer) == (size, name)]
            drawn = [y for trace in traces_of(panel.figure, name) for y in trace.y]
            expected = [] if name == "adamw" else [row.token_speedup.value for row in rows]
            assert drawn == expected


def test_whiskers_end_where_the_interval_ends() -> None:
    panel = made_up_exhibits()["speedup-ratio"].panels[0]
    (muon,) = traces_of(panel.figure, "muon")
    row = next(row for row in made_up().rows if row.optimizer == "muon")
    assert muon.y[0] + muon.error_y.array[0] == pytest.approx(row.token_speedup.high)
    assert muon.y[0] - muon.error_y.arrayminus[0] == pytest.approx(row.token_speedup.low)


def test_an_interval_without_an_upper_end_runs_to_the_edge_of_the_panel() -> None:
    panel = made_up_exhibits()["speedup-ratio"].panels[0]
    (soap,) = traces_of(panel.figure, "soap")
    top = soap.y[-1] + soap.error_y.array[-1]
    assert math.log10(top) == pytest.approx(panel.figure.layout.yaxis.range[1])


def test_an_extrapolated_point_is_hollow() -> None:
    (muon,) = traces_of(made_up_exhibits()["speedup-ratio"].panels[0].figure, "muon")
    assert [symbol.endswith("-open") for symbol in muon.marker.symbol] == [False, False, True]


@pytest.mark.slow
def test_no_panel_is_empty() -> None:
    lost = tuple(
        msgspec.structs.replace(one, token_speedup=NONE, time_speedup=NONE)
        if one.size == "16k" or one.optimizer == "adamw" else one
        for one in made_up().rows
    )  # fmt: skip
    shown = {e.key: e for e in exhibits(msgspec.structs.replace(made_up(), rows=lost))}
    assert [panel.title for panel in shown["speedup-ratio"].panels] == ["size 65k"]
    none = tuple(msgspec.structs.replace(r, token_speedup=NONE, time_speedup=NONE) for r in lost)
    shown = {e.key: e for e in exhibits(msgspec.structs.replace(made_up(), rows=none))}
    assert not [key for key in shown if "speedup" in key or key == "tokens-time"]
    assert "loss-ratio" in shown


def test_points_that_share_a_place_stay_at_it_however_many_they_are() -> None:
    for places in (2, 5, 26):
        at = [dodged(2.0, place, places) for place in range(places)]
        assert at == sorted(set(at))
        assert at[-1] / at[0] <= TOGETHER + 1e-12
        assert math.sqrt(at[0] * at[-1]) == pytest.approx(2.0)


def test_every_reported_run_has_its_curve() -> None:
    panels = made_up_exhibits()["curves"].panels
    assert len(panels) == len(SIZE_NAMES) * len(RATIOS)
    drawn = sum(len(panel.figure.data) for panel in panels)
    assert drawn == 2 * len(made_up().curves)


def test_diverged_tuning_runs_stay_visible() -> None:
    crosses = [
        x
        for panel in made_up_exhibits()["sensitivity"].panels
        for trace in panel.figure.data
        if isinstance(trace.marker.symbol, tuple)
        for x, symbol in zip(trace.customdata, trace.marker.symbol, strict=True)
        if symbol == "x"
    ]
    diverged = [p.value for p in made_up().sensitivity if p.state == "diverged"]
    assert sorted(crosses) == sorted(diverged)


@pytest.mark.slow
def test_colours_follow_the_family_and_not_the_company() -> None:
    looks = identities(made_up().rows)
    alone = msgspec.structs.replace(
        made_up(), rows=tuple(row for row in made_up().rows if row.optimizer in ("adamw", "soap"))
    )
    assert identities(alone.rows)["soap"].colour == looks["soap"].colour
    for look in looks.values():
        assert look.colour in SHADES[look.family]
    assert len({look.colour for look in looks.values()}) == len(looks)
    assert len({look.symbol for look in looks.values()}) == len(looks)


def test_an_optimizer_of_an_unknown_family_has_a_look() -> None:
    rows = tuple(
        msgspec.structs.replace(row, optimizer="new", family="quantum")
        if row.optimizer == "lion" else row
        for row in made_up().rows
    )  # fmt: skip
    assert identities(rows)["new"].colour.startswith("#")


@pytest.mark.slow
def test_every_tick_of_the_ratios_is_in_view_whatever_was_drawn() -> None:
    begun = msgspec.structs.replace(made_up(), rows=made_up().rows[:4])
    for drawn in (made_up_exhibits().values(), exhibits(begun)):
        for exhibit in drawn:
            for panel in exhibit.panels:
                axis = panel.figure.layout.xaxis
                # A speedup's ticks are the same on every panel; a ratio's or a size's its own.
                if axis.type == "log" and axis.range and "speedup" not in axis.title.text:
                    low, high = (10**end for end in axis.range)
                    assert low < min(axis.tickvals)
                    assert high > max(axis.tickvals)


@pytest.mark.slow
def test_break_even_is_where_the_clock_gains_nothing() -> None:
    for size, panel in zip(SIZE_NAMES, made_up_exhibits()["tokens-time"].panels, strict=True):
        (line,) = [shape for shape in panel.figure.layout.shapes if shape.x0 == shape.x1]
        assert line.x0 == 1
        rows = [r for r in made_up().rows if r.size == size and r.verdict != "baseline"]
        drawn = {(x, y) for t in panel.figure.data if t.meta for x, y in zip(t.x, t.y, strict=True)}
        assert drawn == {(r.time_speedup.value, r.token_speedup.value) for r in rows}


def test_the_ranking_shows_who_would_have_won_a_stopped_comparison() -> None:
    exhibit = made_up_exhibits()["ranking"]
    assert len(exhibit.panels) == len(SIZE_NAMES) * len(RATIOS)
    for panel in exhibit.panels:
        (muon,) = traces_of(panel.figure, "muon")
        (soap,) = traces_of(panel.figure, "soap")
        assert set(muon.y) == {0.0}
        assert soap.y[0] < 0 < soap.y[-1]
    assert [row[-1].split(", ")[0] for row in exhibit.rows[:8]][:: len(muon.y) - 1] == [
        "SOAP",
        "Muon",
    ]


@pytest.mark.slow
def test_a_ranking_needs_seeds_that_all_finished() -> None:
    evidence = made_up_evidence()
    observations = tuple(
        msgspec.structs.replace(
            one,
            runs=tuple(r for r in one.runs if (one.optimizer == "muon") == (r.seed == 1)),
        )
        for one in evidence.observations
    )
    apart = midway(msgspec.structs.replace(evidence, observations=observations))
    assert apart == ()
    shown = exhibits(msgspec.structs.replace(made_up(), midway=apart))
    assert "ranking" not in {exhibit.key for exhibit in shown}


@pytest.mark.slow
def test_without_a_measured_noise_there_is_no_band() -> None:
    (size, *_) = SIZE_NAMES
    (band,) = made_up_exhibits()["sensitivity"].panels[0].figure.layout.shapes
    assert band.y1 == made_up().indistinct[size]
    alone = msgspec.structs.replace(made_up(), indistinct={})
    shown = {exhibit.key: exhibit for exhibit in exhibits(alone)}["sensitivity"]
    assert not shown.panels[0].figure.layout.shapes
    assert "No noise band" in shown.caption


def sensitivity_of(name: str) -> go.Figure:
    title = f"{identities(made_up().rows)[name].label}: learning rate"
    (panel,) = [panel for panel in made_up_exhibits()["sensitivity"].panels if panel.title == title]
    return panel.figure


def test_sensitivity_has_a_panel_for_each_optimizer_and_a_line_for_each_cell() -> None:
    panels = made_up_exhibits()["sensitivity"].panels
    titles = [panel.title for panel in panels]
    assert titles == [f"{name}: learning rate" for name in ("AdamW", "Muon", "SOAP", "Lion")]
    for name, panel in zip(GAIN, panels, strict=True):
        assert {trace.meta for trace in panel.figure.data} == {name}
        assert sum(trace.mode == "lines+markers" for trace in panel.figure.data) == len(SIZE_NAMES)
        assert [one.text for one in panel.figure.layout.annotations] == ["16k 1x", "65k 1x"]
        assert panel.figure.layout.xaxis.title.text == "learning rate"
    assert len({tuple(panel.figure.layout.yaxis.range) for panel in panels}) == 1


@pytest.mark.slow
def test_sensitivity_starts_at_the_winner_and_marks_where_divergence_begins() -> None:
    drawn = traces_of(sensitivity_of("adamw"), "adamw")
    dotted = [t for t in drawn if t.line.dash == "dot"]
    points = [p for p in made_up().sensitivity if (p.optimizer, p.size) == ("adamw", "16k")]
    last = max(p.value for p in points if p.loss is not None)
    first = min(p.value for p in points if p.loss is None)
    assert {tuple(t.customdata) for t in dotted} == {(last, first)}
    line = next(t for t in drawn if t.mode == "lines+markers")
    winner = next(p.loss for p in points if p.winner)
    finished = [p.loss for p in points if p.loss is not None]
    assert list(line.y) == [loss - winner for loss in finished]


@pytest.mark.slow
def test_a_winner_on_the_edge_of_what_was_tried_is_hollow() -> None:
    for lion in [t for t in sensitivity_of("lion").data if t.mode == "lines+markers"]:
        assert sum(symbol.endswith("-open") for symbol in lion.marker.symbol) == 1
        assert lion.marker.size[lion.marker.symbol.index("triangle-up-open")] == max(
            lion.marker.size
        )
    for muon in [t for t in sensitivity_of("muon").data if t.mode == "lines+markers"]:
        assert not any(symbol.endswith("-open") for symbol in muon.marker.symbol)


@pytest.mark.slow
def test_a_value_tried_only_beside_other_settings_is_a_small_hollow_marker() -> None:
    def beside(point: SensitivityPoint) -> SensitivityPoint:
        apart = point.optimizer == "soap" and not point.winner
        return msgspec.structs.replace(point, differs={"weight_decay": 0.2} if apart else {})

    apart = tuple(beside(point) for point in made_up().sensitivity)
    analysis = msgspec.structs.replace(made_up(), sensitivity=apart)
    shown = {exhibit.key: exhibit for exhibit in exhibits(analysis)}["sensitivity"]
    line, hollow, *_ = traces_of(shown.panels[2].figure, "soap")
    assert len(line.x) == 1
    assert len(hollow.x) == 4
    assert hollow.mode == "markers"
    assert hollow.marker.symbol == "diamond-open"
    assert max(hollow.marker.size) < line.marker.size[0]
    assert all("weight_decay 0.2" in text for text in hollow.text)
    assert {row[-1] for row in shown.rows if row[0] == "SOAP"} == {
        words.NOTHING,
        "weight_decay 0.2",
    }


@pytest.mark.slow
def test_a_training_loss_is_drawn_as_its_running_mean() -> None:
    curve = made_up().curves[0]
    shown = made_up_exhibits()["curves"].panels[0].figure.data[0]
    assert (shown.x, shown.y) == (curve.train_tokens, curve.train_mean)


def test_axes_of_losses_name_their_unit() -> None:
    for exhibit in made_up_exhibits().values():
        for panel in exhibit.panels:
            axes = (panel.figure.layout.xaxis, panel.figure.layout.yaxis)
            for title in [axis.title.text for axis in axes if "loss" in axis.title.text]:
                assert title.endswith(f"({words.NATS})")


def test_a_full_house_has_different_looks() -> None:
    families = {"scalar": 10, "variance-reduced": 4, "matrix": 12, "second-order": 4}
    seen = {
        f"{family}-{place}": (f"{family} {place}", family)
        for family, count in families.items()
        for place in range(count)
    }
    looks = looks_of(seen).values()
    assert len({look.colour for look in looks}) == len(seen)
    assert len({(look.symbol, look.dash) for look in looks}) == len(seen)
    assert len({(look.symbol, look.colour) for look in looks}) == len(seen)


@pytest.mark.slow
def test_losses_less_the_baselines_are_those_of_the_record() -> None:
    for size, panel in zip(SIZE_NAMES, made_up_exhibits()["loss-gap"].panels, strict=True):
        rows = [r for r in made_up().rows if r.size == size and r.verdict != "baseline"]
        drawn = {(t.meta, y) for t in panel.figure.data for y in t.y}
        assert drawn == {(row.optimizer, row.loss_difference.value) for row in rows}


@pytest.mark.parametrize("key", ["speedup-ratio", "speedup-size", "speedup-time"])
def test_panels_of_speedups_share_their_scale(key: str) -> None:
    assert (
        len({tuple(panel.figure.layout.yaxis.range) for panel in made_up_exhibits()[key].panels})
        == 1
    )


@pytest.mark.parametrize(
    "key", ["speedup-ratio", "loss-ratio", "loss-gap", "curves", "ranking", "ledger"]
)
def test_every_line_has_its_name_at_the_edge(key: str) -> None:
    for panel in made_up_exhibits()[key].panels:
        named = {one.name for one in panel.figure.layout.annotations}
        assert named == {trace.meta for trace in panel.figure.data if trace.meta}
        assert all(one.xref == "paper" and one.x == 1 for one in panel.figure.layout.annotations)


@pytest.mark.slow
def test_a_marker_says_its_cell_its_loss_and_its_seeds() -> None:
    for key in ("speedup-ratio", "speedup-time", "tokens-time", "loss-ratio", "loss-gap"):
        traces = [t for p in made_up_exhibits()[key].panels for t in p.figure.data if t.meta]
        said = [text for trace in traces for text in (trace.text or ())]
        for one in (r for r in made_up().rows if r.verdict != "baseline"):
            assert any(words.told(one) in text for text in said), (key, words.told(one))
    assert words.told(made_up().rows[0]) == "16k at 1x: loss 1.9000 ± 0.0121, 3 seeds"


def test_labels_stand_apart_in_the_order_of_their_lines() -> None:
    assert apart([10.0, 100.0], 200) == [10.0, 100.0]
    near = apart([50.0, 50.0, 51.0], 200)
    assert near == pytest.approx([50.33 - LINE, 50.33, 50.33 + LINE], abs=0.01)
    for wanted in ([0.0] * 12, [200.0] * 12, [0.0] * 40):
        places = apart(wanted, 200)
        assert min(places) >= 0
        assert max(places) <= 200 + 1e-9
        assert places == sorted(set(places))


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("count", range(1, 13))
def test_no_panel_is_alone_in_its_row(count: int, small: bool) -> None:
    exhibit = made_up_exhibits()["curves"]
    shown = exhibit._replace(panels=(exhibit.panels[0],) * count, small=small)
    assert count == 1 or count % shown.columns != 1
    assert shown.columns <= count


def test_ticks_are_round() -> None:
    assert round_ticks(0.0007, 0.009) == pytest.approx([0.001, 0.002, 0.005])
    assert round_ticks(1e-5, 0.3) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1])
    for panel in made_up_exhibits()["sensitivity"].panels:
        for tick in panel.figure.layout.xaxis.tickvals:
            assert f"{tick:e}"[:2] in ("1.", "2.", "3.", "5.")
            assert float(f"{tick:e}".split("e")[0]) == int(f"{tick:e}"[0])


@pytest.mark.slow
def test_training_against_validation_shows_every_finished_run() -> None:
    panels = made_up_exhibits()["train-validation"].panels
    drawn = [y for panel in panels for t in panel.figure.data if t.meta for y in t.y]
    assert sorted(drawn) == sorted(curve.report_loss[-1] for curve in made_up().curves)
