import re
from functools import cache
from html import unescape
from pathlib import Path

import msgspec
import pytest
from tests.report.chromium import open_page
from tests.report.made_up import made_up

from bestiary.answers.reproduce import Reproduction, reproduce
from bestiary.evidence.published import LABELS, losses, pairs, runs
from bestiary.report import _words as words
from bestiary.report import reproduction_page, write_reproduction
from bestiary.report._exhibit import Exhibit
from bestiary.report._page import exhibits
from bestiary.report._published_page import reproduction_exhibits

pytestmark = pytest.mark.slow


@cache
def found() -> Reproduction:
    return reproduce(draws=100)


@cache
def shown() -> dict[str, Exhibit]:
    return {exhibit.key: exhibit for exhibit in reproduction_exhibits(found())}


def test_every_exhibit_has_words_and_a_table() -> None:
    for exhibit in shown().values():
        assert exhibit.caption.endswith(".")
        assert {len(cells) for cells in exhibit.rows} == {len(exhibit.header)}


def test_the_headline_shows_the_recomputed_and_the_published_value_of_every_point() -> None:
    figure = shown()["headline"].panels[0].figure
    rings = [y for t in figure.data if t.marker.symbol == "circle-open" for y in t.y]
    drawn = [y for t in figure.data if t.marker.symbol != "circle-open" for y in t.y]
    assert sorted(rings) == sorted(one.published for one in found().against_size)
    assert sorted(drawn) == sorted(one.printed.value for one in found().against_size)


def test_every_printed_loss_is_a_point() -> None:
    panels = shown()["loss-ratio"].panels
    points = [t for panel in panels for t in panel.figure.data if t.mode not in ("lines", "none")]
    drawn = [y for t in points for y in t.y if y is not None]
    assert sorted(drawn) == sorted(losses("printed").values())


def test_the_curve_of_the_baseline_is_the_recomputed_one() -> None:
    for panel in shown()["loss-ratio"].panels:
        (law,) = [t for t in panel.figure.data if t.mode == "lines"]
        size = panel.title.split()[1]
        fitted = next(c for c in found().curves if (c.size, c.ratios) == (size, "1-8"))
        a, exponent, b = fitted.a.value, fitted.exponent.value, fitted.b.value
        assert law.y[0] == pytest.approx(a * law.x[0] ** -exponent + b)


def test_every_divergence_around_the_optimum_stays_visible() -> None:
    panels = [
        panel
        for panel in shown()["sensitivity"].panels
        if panel.figure.layout.xaxis.title.text == "learning rate"
    ]
    diverged = {
        (run.optimizer, run.settings["learning_rate"])
        for run in runs()
        if (run.size, run.ratio, run.state) == ("130m", 1.0, "diverged")
        and (run.tags["phase"], run.tags["changed"]) == ("I", "learning_rate")
    }
    crosses = {
        (t.meta, x)
        for panel in panels
        for t in panel.figure.data
        if isinstance(t.marker.symbol, tuple)
        for x, symbol, told in zip(t.customdata, t.marker.symbol, t.text, strict=True)
        if symbol == "x" and told.startswith("130m at 1x:")
    }
    assert crosses == diverged


def test_every_published_figure_value_stands_in_the_table() -> None:
    exhibit = shown()["speedup-ratio"]
    at = exhibit.header.index("published")
    known = {one.published for one in found().speedups if one.published is not None}
    written = {float(row[at]) for row in exhibit.rows if row[at] != words.NOTHING}
    assert written <= {round(value, 3) for value in known}
    assert len([row for row in exhibit.rows if row[at] != words.NOTHING]) >= 108
    assert "time speedup" not in exhibit.header


def test_both_pages_draw_the_same_exhibits() -> None:
    own = {exhibit.key: exhibit for exhibit in exhibits(made_up())}
    shared = own.keys() & shown().keys()
    assert shared == {
        *("speedup-size", "speedup-ratio", "loss-ratio", "loss-gap"),
        *("train-validation", "sensitivity"),
    }
    for key in shared:
        axes = [
            {title for panel in one[key].panels for title in [panel.figure.layout.yaxis.title.text]}
            for one in (own, shown())
        ]
        if key != "train-validation":
            assert axes[0] == axes[1]
            assert own[key].title == shown()[key].title


def test_every_published_pair_is_a_point() -> None:
    cloud = shown()["train-validation"].panels[0].figure
    assert sum(len(t.x) for t in cloud.data if t.meta) == len(pairs())
    assert {t.meta for t in cloud.data} - {None} <= LABELS.keys()


def test_the_page_has_every_claim_and_the_whole_record() -> None:
    text = reproduction_page(found())
    plain = unescape(text)
    for one in found().claims:
        assert one.verdict.statement in plain
        assert one.verdict.evidence in plain
    record = re.search(r'id="record">(.*?)</script>', text, flags=re.DOTALL)
    assert record
    assert msgspec.json.decode(record[1], type=Reproduction) == found()


def test_the_page_draws_everything_in_a_real_browser(tmp_path: Path) -> None:
    write_reproduction(found(), tmp_path / "page.html")
    opened = open_page(tmp_path / "page.html", tmp_path / "profile")
    panels = sum(len(exhibit.panels) for exhibit in shown().values())
    assert f'data-drawn="{panels}"' in opened.dom
    assert opened.complaints == []


def test_the_headline_names_the_best_at_both_ends() -> None:
    text = reproduction_page(found())
    assert "beaten by 1.4\N{MULTIPLICATION SIGN} at 130m and by 1.1\N{MULTIPLICATION SIGN}" in text
    best = {
        size: max(p.printed.value for p in found().against_size if p.size == size)
        for size in ("130m", "1.2b")
    }
    for value in best.values():
        assert f"{value:.2f}\N{MULTIPLICATION SIGN}" in text


def test_speedups_at_16x_are_those_of_the_paper() -> None:
    panel = shown()["speedup-size"].panels[-1]
    assert panel.title == "ratio 16x"
    drawn = {(t.meta, y) for t in panel.figure.data if t.meta for y in t.y}
    # Digitised from the authors' figure with AdamW's 16x: muon 1.35, soap 1.38, nadamw 1.16.
    for name, published in (("muon", 1.35), ("soap", 1.38), ("nadamw", 1.16)):
        assert any(meta == name and abs(y - published) < 0.006 for meta, y in drawn)


def test_panels_of_one_exhibit_share_their_scale() -> None:
    for key in ("headline", "speedup-size", "speedup-ratio"):
        ranges = {tuple(panel.figure.layout.yaxis.range) for panel in shown()[key].panels}
        assert len(ranges) == 1


def test_a_claim_says_where_it_would_be_judged_otherwise() -> None:
    plain = unescape(reproduction_page(found()))
    otherwise = [one.otherwise for one in found().claims if one.otherwise]
    assert otherwise
    for said in otherwise:
        assert said in plain
