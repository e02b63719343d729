"""From what a study folder holds to its answer: the page, the table, or JSON."""

from pathlib import Path

import msgspec

from bestiary.answers.report import Analysis, analyse
from bestiary.cli._listing import console, print_json
from bestiary.cli._results import evidence_in
from bestiary.report import print_table, write_page
from bestiary.store import StudyStore


def conclude(store: StudyStore, page: Path, *, as_json: bool) -> Analysis:
    """Write the page, then print the table and the page's path, or the analysis as JSON.

    Returns:
        The analysis.
    """
    analysis = analyse(evidence_in(store))
    write_page(analysis, page)
    if as_json:
        print_json(msgspec.to_builtins(analysis))
        return analysis
    print_table(analysis, console())
    console().print(f"\nreport {page}", highlight=False, markup=False, soft_wrap=True)
    return analysis
