import io

import msgspec
import pytest
from rich.console import Console

from bestiary.cli._cadence import Cadence
from bestiary.cli._listing import console, show
from bestiary.cli._live import LiveDisplay, PlainLog, best, display, drawn, headline
from bestiary.launch import Running, Snapshot
from bestiary.specs import Cell

SNAPSHOT = Snapshot(
    done=12,
    planned=54,
    diverged=1,
    best_cell=Cell(size="65k", ratio=1.0),
    best={"adamw": 1.6312, "muon": 1.5523},
    seconds_elapsed=63.0,
    seconds_left=185.0,
    running=(
        Running(
            run_id="a" * 64,
            optimizer="soap",
            cell=Cell(size="65k", ratio=2.0),
            purpose="report",
            attempt=2,
            step=40,
            steps=640,
            loss=2.5,
        ),
    ),
)


def test_the_headline_says_how_far_and_how_long() -> None:
    expected = "12 of at most 54 runs, 1 diverged, 1 min 3 s so far, about 3 min 5 s left"
    assert headline(SNAPSHOT) == expected


def test_a_run_that_failed_is_not_done() -> None:
    failed = msgspec.structs.replace(SNAPSHOT, done=54, failed=3)
    assert headline(failed).startswith("51 of at most 54 runs, 1 diverged, 3 failed")


def test_the_best_losses_name_their_cell() -> None:
    assert best(SNAPSHOT) == "best at 65k 1x: adamw 1.6312, muon 1.5523"


def test_the_live_display_shows_what_is_running() -> None:
    stream = io.StringIO()
    Console(file=stream, width=100).print(drawn(SNAPSHOT))
    text = stream.getvalue()
    for part in (headline(SNAPSHOT), best(SNAPSHOT), "step 40 of 640 (attempt 2)", "loss 2.5000"):
        assert part in text


def test_a_terminal_gets_the_live_display_and_a_pipe_plain_lines() -> None:
    piped, terminal = io.StringIO(), io.StringIO()
    assert isinstance(display(Console(file=terminal, force_terminal=True)), LiveDisplay)
    with display(Console(file=piped)) as log:
        assert isinstance(log, PlainLog)
        for _ in range(100):
            log.update(SNAPSHOT)
        log.notice("lost, tried again")
    lines = piped.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(headline(SNAPSHOT))
    assert lines[1] == "lost, tried again"


def test_a_long_run_says_ever_less() -> None:
    now = 0.0
    cadence = Cadence(clock=lambda: now)
    said = []
    for now in range(8 * 3600):
        if cadence.due():
            said.append(now)
    assert said[:8] == [0, 5, 15, 35, 75, 155, 315, 615]
    assert said[-1] - said[-2] == 300
    assert len(said) < 110


def test_the_live_display_leaves_the_terminal_usable() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with LiveDisplay(console) as shown:
        shown.update(SNAPSHOT)
        shown.notice("lost, tried again")
    assert "lost, tried again" in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("\x1b[2K") or "\x1b[?25h" in stream.getvalue()


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display(Console(file=io.StringIO(), force_terminal=True)), PlainLog)


@pytest.mark.parametrize("width", [30, 60, 61, 200])
def test_text_never_runs_into_the_bar(width: int) -> None:
    stream = io.StringIO()
    Console(file=stream, width=width).print(drawn(SNAPSHOT))
    lines = stream.getvalue().splitlines()
    bars = [line for line in lines if "━" in line]
    assert len(bars) == 1
    assert set(bars[0].strip()) <= set("━╸╺ ")
    assert all(len(line) <= width for line in lines)


def test_piped_output_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "77")
    assert console().width == 77
    monkeypatch.delenv("COLUMNS")
    assert console().width == 160


def test_a_pipe_cuts_no_word_however_narrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    row = {"name": "precondition_frequency", "told": "extrapolated beyond 0.123456789", "more": 7}
    show([row], {"name": "hyperparameter", "told": "what", "more": "conditions"}, as_json=False)
    words = capsys.readouterr().out.split()
    assert {"precondition_frequency", "extrapolated", "0.123456789", "conditions"} <= set(words)
