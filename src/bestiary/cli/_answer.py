"""From what was seen to its answer: the page, the table, or JSON."""

from pathlib import Path

import msgspec

from bestiary.answers.report import Analysis, analyse
from bestiary.cli._listing import console, print_json
from bestiary.evidence import Evidence
from bestiary.report import print_table, write_markdown, write_page


def conclude(evidence: Evidence, page: Path, *, as_json: bool) -> Analysis:
    """Write the page, then print the table and the page's path, or the analysis as JSON.

    Returns:
        The analysis.
    """
    analysis = analyse(evidence)
    write = write_markdown if page.suffix == ".md" else write_page
    write(analysis, page)
    if as_json:
        print_json(msgspec.to_builtins(analysis))
        return analysis
    print_table(analysis, console())
    console().print(f"\nreport {page}", highlight=False, markup=False, soft_wrap=True)
    return analysis
