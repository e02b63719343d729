"""In parallel processes files with many slow tests go first, and those with none last.

xdist hands out whole files, by its own choice those of most tests first: a file of few tests that
start processes comes last, and then one process works while the others wait. A pytest plug-in,
which tests/conftest.py loads.
"""

from collections import Counter

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sorted by file, so that the tests of each stay together and in their order."""
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: (-slow[item.path], -tests[item.path]))
