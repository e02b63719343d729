"""The final table on the terminal, then the answer in words."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bestiary.answers.report import Analysis, Row
from bestiary.report import _words as words
from bestiary.report._identity import Identity, identities

# Columns from which the tuned hyperparameters stand in the table and not below it.
WIDE = 118
VERDICT_STYLE = {
    **dict.fromkeys(("fewer tokens", "less time"), "bold green"),
    **dict.fromkeys(("more tokens", "more time"), "bold red"),
}


def print_table(analysis: Analysis, console: Console) -> None:
    """Print every optimizer at every cell, the footnotes that apply, and the answer.

    Args:
        analysis: What to show.
        console: Where; 100 columns or more are best.
    """
    looks = identities(analysis.rows)
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1 if wide else 0, 0, 0))
    for heading in ("size", "ratio", "optimizer"):
        table.add_column(heading, no_wrap=True)
    for heading in ("loss ± seeds", "token speedup", "time speedup"):
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        table.add_column("tuned")
    previous = None
    for row in analysis.rows:
        cell = (row.size, row.ratio)
        if previous not in (None, cell):
            table.add_section()
        cells = _cells(row, looks[row.optimizer], repeated=cell == previous)
        table.add_row(*(cells if wide else cells[:-1]))
        previous = cell
    console.print(table)
    for line in [*([] if wide else _tuned(analysis)), *footnotes(analysis)]:
        console.print(Text(line, style="dim"))
    console.print()
    for sentence in analysis.answer:
        console.print(Text(sentence, style="bold"))
    for sentence in analysis.limits:
        console.print(Text(f"- {sentence}", style="dim"))


def _cells(row: Row, look: Identity, *, repeated: bool) -> list[Text]:
    name = Text.assemble((f"{look.glyph} ", look.colour), row.label)
    gains = ["baseline", ""]
    if row.verdict != "baseline":
        gains = [words.speedup(row.token_speedup), words.speedup(row.time_speedup)]
    return [
        Text("" if repeated else row.size),
        Text("" if repeated else words.ratio(row.ratio)),
        name,
        Text(words.loss(row)),
        Text(gains[0], style=VERDICT_STYLE.get(words.tokens_verdict(row), "dim")),
        Text(gains[1], style=VERDICT_STYLE.get(words.time_verdict(row), "dim")),
        Text(words.tuned(row), style="dim"),
    ]


def _tuned(analysis: Analysis) -> list[str]:
    """What was tuned where, as lines: for a terminal that has no room for a column."""
    return [
        f"{row.label} at {row.size} {words.ratio(row.ratio)}: {words.tuned(row)}"
        for row in analysis.rows
        if row.tuned and row.inherited_from is None
    ]


def footnotes(analysis: Analysis) -> list[str]:
    """The footnotes whose marks occur in the table."""
    rows = analysis.rows
    lines = [f"Loss in {words.NATS}; speedups with 95% intervals over the baseline."]
    if any(row.token_speedup.extrapolated or row.time_speedup.extrapolated for row in rows):
        lines.append(f"{words.EXTRAPOLATED} read off the baseline's law beyond its own runs.")
    if any(one.half_open for row in rows for one in (row.token_speedup, row.time_speedup)):
        lines.append("… in an interval: the data set no bound on that side.")
    if any(row.unbracketed for row in rows):
        lines.append(f"{words.UNBRACKETED} the best value lies on the edge of what was tried.")
    return lines
