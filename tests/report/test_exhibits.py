import math

import msgspec
import plotly.graph_objects as go
import pytest
from tests.report.made_up import GAIN, RATIOS, SIZE_NAMES, made_up

from bestiary.report._identity import SHADES, identities
from bestiary.report._page import exhibits

EXHIBITS = {exhibit.key: exhibit for exhibit in exhibits(made_up())}


def traces_of(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.meta == name]


def test_every_exhibit_has_words_a_table_and_an_alternative() -> None:
    for exhibit in EXHIBITS.values():
        assert exhibit.caption.endswith(".")
        assert exhibit.title in exhibit.alternative
        assert exhibit.rows
        assert {len(cells) for cells in exhibit.rows} == {len(exhibit.header)}


def test_the_points_of_a_speedup_figure_are_the_rows_of_the_record() -> None:
    for size, panel in zip(SIZE_NAMES, EXHIBITS["speedup-ratio"].panels, strict=True):
        for name in GAIN:
            rows = [r for r in made_up().rows if (r.size, r.optimizer) == (size, name)]
            drawn = [y for trace in traces_of(panel.figure, name) for y in trace.y]
            expected = [] if name == "adamw" else [row.token_speedup.value for row in rows]
            assert drawn == expected


def test_whiskers_end_where_the_interval_ends() -> None:
    panel = EXHIBITS["speedup-ratio"].panels[0]
    (muon,) = traces_of(panel.figure, "muon")
    row = next(row for row in made_up().rows if row.optimizer == "muon")
    assert muon.y[0] + muon.error_y.array[0] == pytest.approx(row.token_speedup.high)
    assert muon.y[0] - muon.error_y.arrayminus[0] == pytest.approx(row.token_speedup.low)


def test_an_interval_without_an_upper_end_runs_to_the_edge_of_the_panel() -> None:
    panel = EXHIBITS["speedup-ratio"].panels[0]
    (soap,) = traces_of(panel.figure, "soap")
    top = soap.y[-1] + soap.error_y.array[-1]
    assert math.log10(top) == pytest.approx(panel.figure.layout.yaxis.range[1])


def test_an_extrapolated_point_is_hollow() -> None:
    (muon,) = traces_of(EXHIBITS["speedup-ratio"].panels[0].figure, "muon")
    assert [symbol.endswith("-open") for symbol in muon.marker.symbol] == [False, False, True]


def test_every_reported_run_has_its_curve() -> None:
    panels = EXHIBITS["curves"].panels
    assert len(panels) == len(SIZE_NAMES) * len(RATIOS)
    drawn = sum(len(panel.figure.data) for panel in panels)
    assert drawn == 2 * len(made_up().curves)


def test_diverged_tuning_runs_stay_visible() -> None:
    crosses = [
        x
        for panel in EXHIBITS["sensitivity"].panels
        for trace in panel.figure.data
        if trace.marker.symbol == "x"
        for x in trace.x
    ]
    diverged = [p.value for p in made_up().sensitivity if p.state == "diverged"]
    assert sorted(crosses) == sorted(diverged)


def test_colours_follow_the_family_and_not_the_company() -> None:
    looks = identities(made_up())
    alone = msgspec.structs.replace(
        made_up(), rows=tuple(row for row in made_up().rows if row.optimizer in ("adamw", "soap"))
    )
    assert identities(alone)["soap"].colour == looks["soap"].colour
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
    assert identities(msgspec.structs.replace(made_up(), rows=rows))["new"].colour.startswith("#")


def test_every_tick_of_the_ratios_is_in_view_whatever_was_drawn() -> None:
    begun = msgspec.structs.replace(made_up(), rows=made_up().rows[:4])
    for analysis in (made_up(), begun):
        for exhibit in exhibits(analysis):
            for panel in exhibit.panels:
                axis = panel.figure.layout.xaxis
                if axis.type == "log" and axis.range:
                    low, high = (10**end for end in axis.range)
                    assert low < min(axis.tickvals)
                    assert high > max(axis.tickvals)
