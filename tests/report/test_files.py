import re
import shutil
from pathlib import Path

import msgspec
import pytest
from tests.report.chromium import NAMES
from tests.report.drawn import made_up_exhibits
from tests.report.made_up import FIGURED, made_up

from bestiary.errors import UserError
from bestiary.report import write_figures
from bestiary.report._identity import identities
from bestiary.report._page import exhibits
from bestiary.report._sheet import LARGE, SMALL, sheets

LOOKS = identities(made_up().rows)
browser = any(map(shutil.which, NAMES))


@pytest.mark.slow
def test_a_sheet_holds_every_panel_with_its_own_axes() -> None:
    for exhibit in made_up_exhibits().values():
        (sheet,) = sheets(exhibit, LOOKS)
        places = [key for key in sheet.layout.to_plotly_json() if key.startswith("xaxis")]
        assert len(places) == len(exhibit.panels)
        drawn = [t.y for p in exhibit.panels for t in p.figure.data if t.x is not None and len(t.x)]
        assert [t.y for t in sheet.data if t.showlegend is False] == drawn
        shapes = sum(len(panel.figure.layout.shapes) for panel in exhibit.panels)
        assert len({(s.xref, s.yref, s.type, s.x0, s.y0) for s in sheet.layout.shapes}) == shapes


@pytest.mark.slow
def test_a_legend_names_each_optimizer_that_is_drawn_and_no_other() -> None:
    shown = made_up_exhibits()
    (losses,) = sheets(shown["loss-ratio"], LOOKS)
    (speedups,) = sheets(shown["speedup-ratio"], LOOKS)
    assert [t.name for t in losses.data if t.name] == ["AdamW", "Muon", "SOAP", "Lion"]
    assert [t.name for t in speedups.data if t.name] == ["Muon", "SOAP", "Lion"]


@pytest.mark.slow
def test_many_panels_go_on_several_sheets() -> None:
    exhibit = next(iter(made_up_exhibits().values()))
    many = exhibit._replace(panels=exhibit.panels * LARGE.most)
    assert len(sheets(many, LOOKS)) == 2
    small = many._replace(small=True)
    (sheet,) = sheets(small, LOOKS)
    assert sheet.layout.width <= 2 * (LARGE.wide + 64 + 13)
    assert len(small.panels) <= SMALL.most


@pytest.mark.slow
@pytest.mark.skipif(not browser, reason="no Chromium here; `apt-get install chromium` gives one")
def test_every_figure_becomes_the_same_file_again(tmp_path: Path) -> None:
    pytest.importorskip("kaleido")
    brief = msgspec.structs.replace(made_up(), **dict.fromkeys(FIGURED, ()))
    rows = tuple(row for row in brief.rows if row.size == "16k")
    brief = msgspec.structs.replace(brief, rows=rows)
    first = write_figures(brief, tmp_path / "one", "svg")
    assert [path.stem for path in first] == [exhibit.key for exhibit in exhibits(brief)]
    captions = (tmp_path / "one" / "captions.md").read_text()
    for path, exhibit in zip(first, exhibits(brief), strict=True):
        text = path.read_text()
        assert re.match(r"<svg ", text)
        assert all(panel.title in text for panel in exhibit.panels)
        assert "Muon" in text
        assert f"{path.name}\n\n{exhibit.caption}" in captions
    again = write_figures(brief, tmp_path / "two", "svg")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in first]
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "captions.md",
        *(path.name for path in first),
    }


@pytest.mark.slow
def test_a_format_that_is_none_is_named_and_nothing_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown figure format 'swg'; did you mean 'svg'"):
        write_figures(made_up(), tmp_path / "out", "swg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_without_kaleido_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'bestiary\[figures\]'"):
        write_figures(made_up(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_without_a_browser_one_line_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kaleido")
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"gone; install one .* or name it in BROWSER_PATH"):
        write_figures(made_up(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_browser_that_stops_leaves_one_line_and_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kaleido")
    monkeypatch.setenv("BROWSER_PATH", shutil.which("false") or "false")
    brief = msgspec.structs.replace(made_up(), **dict.fromkeys(FIGURED, ()))
    with pytest.raises(UserError, match=r"false stopped before it drew figures; install one"):
        write_figures(brief, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_folder_for_figures(tmp_path: Path) -> None:
    pytest.importorskip("kaleido")
    if not browser:
        pytest.skip("no Chromium here; `apt-get install chromium` gives one")
    (tmp_path / "out").write_text("kept")
    with pytest.raises(UserError, match="is a file; name another --figures"):
        write_figures(made_up(), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "kept"
