"""What a report makes of the made-up analysis: drawn once for all tests of a process."""

from functools import cache

from tests.report.made_up import made_up

from bestiary.report import page
from bestiary.report._exhibit import Exhibit
from bestiary.report._page import exhibits


@cache
def made_up_exhibits() -> dict[str, Exhibit]:
    """The exhibits by their keys; nobody may change a figure of them."""
    return {exhibit.key: exhibit for exhibit in exhibits(made_up())}


@cache
def made_up_page() -> str:
    return page(made_up())
