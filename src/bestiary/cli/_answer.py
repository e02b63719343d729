"""From what a study folder holds to its answer: the page, the table, or JSON."""

from pathlib import Path

import msgspec

from bestiary.analysis import Analysis, analyse
from bestiary.cli._listing import console, print_json
from bestiary.report import print_table, write_page
from bestiary.store import StudyStore


def analysis_of(store: StudyStore) -> Analysis:
    """The analysis of everything committed so far."""
    planned = list(store.planned().values())
    return analyse(store.study, planned, store.results(), command=store.meta()["command"])


def conclude(store: StudyStore, page: Path, *, as_json: bool) -> Analysis:
    """Write the page, then print the table and the page's path, or the analysis as JSON.

    Returns:
        The analysis.
    """
    analysis = analysis_of(store)
    write_page(analysis, page)
    if as_json:
        print_json(msgspec.to_builtins(analysis))
        return analysis
    print_table(analysis, console())
    console().print(f"\nreport {page}", highlight=False, markup=False, soft_wrap=True)
    return analysis
