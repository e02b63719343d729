"""The answer as Markdown, for a repository or a review: the page's numbers without its figures."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bestiary.answers.report import Analysis, Row
from bestiary.report import _words as words
from bestiary.report._identity import identities
from bestiary.report._page import save
from bestiary.report._spending import SpendingTable, spending_table
from bestiary.report._table import footnotes
from bestiary.specs import NATS


def write_markdown(analysis: Analysis, path: Path) -> None:
    """Write it; the file is complete or not there.

    Args:
        analysis: Everything it shows.
        path: The file.

    Raises:
        UserError: the file cannot be written.
    """
    save(markdown(analysis), path, "--out")


def markdown(analysis: Analysis) -> str:
    """The answer, a table for every size, what was tuned, what it cost and what it rests on."""
    rivals = [row for row in analysis.rows if row.optimizer != analysis.baseline]
    baseline = next(
        (row.label for row in analysis.rows if row.optimizer == analysis.baseline),
        analysis.baseline,
    )
    spent = spending_table(analysis, identities(analysis.rows))
    sections = [
        f"# {analysis.study}: {analysis.question}" if analysis.question else f"# {analysis.study}",
        "\n".join(f"- {sentence}" for sentence in analysis.answer),
        *_section("With reserve", [f"- {sentence}" for sentence in analysis.limits]),
        *_by_cell(
            "Tokens",
            f"How many times fewer tokens than {baseline}, with 95% intervals.",
            rivals,
            lambda row: words.speedup(row.token_speedup),
        ),
        *_by_cell(
            "Time",
            "The same on the clock of the machine that trained.",
            rivals,
            lambda row: words.speedup(row.time_speedup),
        ),
        *_by_cell("Losses", f"Mean ± deviation between seeds, {NATS}.", analysis.rows, words.loss),
        "\n".join(f"- {line}" for line in footnotes(analysis)),
        *_tuned(analysis),
        *([] if spent is None else _spent(spent)),
        *_rests_on(analysis),
    ]
    return "\n\n".join(sections) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(lines)] if lines else []


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; a bar within a cell would end it."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def _by_cell(
    title: str, meaning: str, rows: Sequence[Row], told: Callable[[Row], str]
) -> list[str]:
    """A section with a table for every size: a line for each optimizer, a column for each ratio."""
    parts = [f"## {title}", meaning]
    for size in dict.fromkeys(row.size for row in rows):
        own = [row for row in rows if row.size == size]
        ratios = list(dict.fromkeys(row.ratio for row in own))
        cells = {(row.label, row.ratio): told(row) for row in own}
        lines = [
            [label, *(cells.get((label, ratio), words.NOTHING) for ratio in ratios)]
            for label in dict.fromkeys(row.label for row in own)
        ]
        table = _table(["optimizer", *map(words.ratio, ratios)], lines)
        parts += [f"{size} ({words.quantity(own[0].parameters)} parameters):", "\n".join(table)]
    return parts


def _tuned(analysis: Analysis) -> list[str]:
    lines = [
        [row.label, words.cell(row.size, row.ratio), words.tuned(row)]
        for row in analysis.rows
        if row.tuned or row.inherited_from
    ]
    return _section("Tuned", _table(["optimizer", "cell", "settings"], lines)) if lines else []


def _spent(spent: SpendingTable) -> list[str]:
    lines = [
        [row.purpose, *(f"{planned}, {used}" for planned, used in row.quantities)]
        for row in spent.phases
    ]
    header = ["for", *(f"{one}: planned, spent" for one in spent.headings)]
    return _section("Planned and spent", _table(header, lines))


def _rests_on(analysis: Analysis) -> list[str]:
    held = analysis.provenance
    facts = {
        "runs": f"{analysis.finished} of {analysis.planned} finished",
        "data": f"{held.data_name} {held.data_digest[:12]}".strip(),
        "study": held.study_digest[:12],
        "command": held.command,
        **held.environment,
    }
    lines = [[name, value] for name, value in facts.items() if value]
    return [*_section("What it rests on", _table(["what", "value"], lines)), analysis.method]
