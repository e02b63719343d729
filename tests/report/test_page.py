import re
import zlib
from base64 import b64decode
from pathlib import Path

import msgspec
import plotly.offline
import pytest
from tests.report.chromium import open_page
from tests.report.drawn import made_up_page
from tests.report.made_up import NONE, made_up, row

from bestiary.answers.report import Analysis
from bestiary.errors import UserError
from bestiary.report import page, write_page
from bestiary.specs import Estimate

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


def plots_in(dom: str) -> int:
    return len(re.findall(r'<svg class="main-svg"[^>]*>.*?<g class="cartesianlayer"', dom))


# What a reader does after the plots are drawn: hides an optimizer, switches the colours and prints.
CLICKS = """<script>
const waiting = setInterval(async () => {
  if (!document.documentElement.dataset.drawn) return;
  clearInterval(waiting);
  document.querySelector('[data-optimizer="muon"]').click();
  document.getElementById("theme").click();
  await new Promise((done) => setTimeout(done, 500));
  const traces = Object.keys(plots).flatMap((id) => document.getElementById(id).data);
  const visible = (name) => traces.filter((t) => t.meta === name && t.visible !== false).length;
  document.body.dataset.visible = `muon ${visible("muon")}, soap ${visible("soap")}`;
  const state = () => {
    const drawn = Object.keys(plots).map((id) => document.getElementById(id)._fullLayout);
    const ink = new Set(drawn.map((one) => one.font.color)).size;
    return `${root.dataset.theme} ${ink} ${Math.max(...drawn.map((one) => one.width))}`;
  };
  const before = state();
  dispatchEvent(new Event("beforeprint"));
  document.body.dataset.printed = state();
  dispatchEvent(new Event("afterprint"));
  document.body.dataset.restored = state() === before;
}, 100);
</script></body>"""


def packed_in(text: str, key: str) -> str:
    found = re.search(rf'<script type="text/plain" id="{key}">(.*?)</script>', text)
    assert found
    return zlib.decompress(b64decode(found[1])).decode()


@pytest.mark.slow
def test_every_plot_is_drawn_in_a_real_browser_without_a_complaint(tmp_path: Path) -> None:
    text = made_up_page()
    soap = packed_in(text, "plots").count('"meta": "soap"')
    assert soap > 10
    (tmp_path / "report.html").write_text(text.replace("</body>", CLICKS))
    opened = open_page(tmp_path / "report.html", tmp_path / "profile")
    assert f'data-visible="muon 0, soap {soap}"' in opened.dom
    assert 'data-theme="dark"' in opened.dom
    assert 'data-printed="light 1 310"' in opened.dom
    assert 'data-restored="true"' in opened.dom
    expected = opened.dom.count('class="plot js-plotly-plot"')
    assert expected >= 15
    assert plots_in(opened.dom) == expected
    assert f'data-drawn="{expected}"' in opened.dom
    assert opened.complaints == []


@pytest.mark.slow
def test_names_and_sentences_can_not_become_code(tmp_path: Path) -> None:
    analysis = made_up()
    rows = tuple(msgspec.structs.replace(one, label=HOSTILE, size="<b>&") for one in analysis.rows)
    hostile = msgspec.structs.replace(
        analysis, rows=rows, question=HOSTILE, answer=(HOSTILE,), study=HOSTILE
    )
    write_page(hostile, tmp_path / "report.html")
    opened = open_page(tmp_path / "report.html", tmp_path / "profile")
    assert "<title>owned" not in opened.dom
    assert '<img src="x"' not in opened.dom
    assert "data-drawn" in opened.dom
    assert opened.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize(("width", "wider"), [(500, True), (1400, False)])
def test_a_table_wider_than_the_window_says_that_it_scrolls(
    tmp_path: Path, width: int, wider: bool
) -> None:
    write_page(made_up(), tmp_path / "report.html")
    size = f"--window-size={width},900"
    opened = open_page(tmp_path / "report.html", tmp_path / "profile", size)
    (cells,) = re.findall(r'<div class="scroll"[^>]*aria-label="Results by cell"[^>]*>', opened.dom)
    assert ("data-wider" in cells) == wider
    headings = re.findall(r"<th[^>]*>(.*?)</th>", opened.dom.split('class="cells"')[1])
    assert headings.index("token speedup") < headings.index("time speedup") < headings.index("loss")


# A window is never narrower than 500 pixels, a frame may be. Told once the page in it stands.
FRAME = """<iframe id="frame" src="report.html" style="width: 390px; height: 900px"></iframe>
<script>
frame.onload = () => {
  const root = frame.contentDocument.documentElement;
  document.title = `wide ${root.scrollWidth} of ${root.clientWidth}`;
};
</script>"""


@pytest.mark.slow
def test_a_telephone_shows_the_page_in_its_width(tmp_path: Path) -> None:
    write_page(made_up(), tmp_path / "report.html")
    (tmp_path / "frame.html").write_text(FRAME)
    flag = "--allow-file-access-from-files"
    opened = open_page(tmp_path / "frame.html", tmp_path / "profile", flag)
    wide, of = re.findall(r"<title>wide (\d+) of (\d+)", opened.dom)[0]
    assert 300 < int(wide) <= int(of) <= 390


@pytest.mark.slow
def test_the_page_fetches_nothing() -> None:
    text = made_up_page()
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)=["']?https?:""", text)
    assert "@import" not in text


@pytest.mark.slow
def test_the_page_is_less_than_half_as_heavy_as_the_library_that_draws_it() -> None:
    text = made_up_page()
    assert packed_in(text, "plotly") == plotly.offline.get_plotlyjs()
    assert len(text) < len(plotly.offline.get_plotlyjs()) / 2


@pytest.mark.slow
def test_each_printed_figure_has_a_key_to_the_optimizers_that_it_shows() -> None:
    figures = re.findall(r"<figure.*?</figure>", made_up_page(), flags=re.DOTALL)
    keys = [re.search(r'<p class="key".*?</p>', one, flags=re.DOTALL)[0] for one in figures]
    named = {
        re.search('id="(.*?)"', one)[1]: re.findall(r"</span>(.*?)</span>", key)
        for one, key in zip(figures, keys, strict=True)
    }
    assert named["speedup-ratio"] == ["Muon", "SOAP", "Lion"]
    assert named["loss-ratio"] == ["AdamW", "Muon", "SOAP", "Lion"]


@pytest.mark.slow
def test_the_record_in_the_page_is_the_analysis() -> None:
    found = re.search(r'id="record">(.*?)</script>', made_up_page(), flags=re.DOTALL)
    assert found
    assert msgspec.json.decode(found[1], type=Analysis) == made_up()


@pytest.mark.slow
def test_every_loss_and_speedup_of_the_record_stands_on_the_page() -> None:
    text = made_up_page()
    for one in made_up().rows:
        assert f"{one.loss.value:.4f} ± {one.loss_deviation:.4f}" in text
    assert "1.42\N{MULTIPLICATION SIGN} [1.30, 1.56]" in text


@pytest.mark.slow
def test_every_reported_run_can_be_found_and_a_lost_one_is_named() -> None:
    first, *rest = made_up().rows
    for seed in first.seeds:
        assert f"runs/{seed.run_id[:12]}" in made_up_page()
    lost = msgspec.structs.replace(first.seeds[0], loss=None, state="diverged")
    first = msgspec.structs.replace(first, seeds=(lost, *first.seeds[1:]))
    text = page(msgspec.structs.replace(made_up(), rows=(first, *rest)))
    assert "AdamW, 16k at 1x, seed 1 (diverged)" in text
    assert "Without a loss" not in made_up_page()


@pytest.mark.slow
def test_more_time_is_never_green_beside_fewer_tokens() -> None:
    slow = Estimate(value=0.86, low=0.8, high=0.9)
    rows = tuple(msgspec.structs.replace(one, time_speedup=slow) for one in made_up().rows)
    text = page(msgspec.structs.replace(made_up(), rows=rows))
    assert '<span class="verdict fewer-tokens">fewer tokens</span>' in text
    assert '<span class="verdict more-time">more time</span>' in text
    assert ">faster<" not in text


@pytest.mark.slow
def test_a_study_that_has_only_begun_has_a_page_too() -> None:
    estimates = ("loss", "token_speedup", "time_speedup", "step_time_ratio", "loss_difference")
    nothing = msgspec.structs.replace(
        row("adamw", "16k", 1.0),
        **dict.fromkeys(estimates, NONE),
        loss_deviation=None,
        seeds=(),
        pending=3,
        bits_per_byte=None,
        configuration={},
        tuned=(),
    )
    begun = msgspec.structs.replace(
        made_up(),
        rows=(nothing,),
        summaries=(),
        laws=(),
        curves=(),
        sensitivity=(),
        effort=(),
        midway=(),
    )
    assert "pending" in page(begun)


@pytest.mark.slow
def test_the_same_record_gives_the_same_page() -> None:
    assert page(made_up()) == made_up_page()


@pytest.mark.slow
def test_a_page_that_can_not_be_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot write"):
        write_page(made_up(), tmp_path / "missing" / "report.html")
    assert list(tmp_path.iterdir()) == []
