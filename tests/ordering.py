"""How many parallel processes there are, which has which files, and which files are begun first.

xdist hands out whole files, by its own choice those of most tests first: a file of few tests that
start processes comes last, and then one process works while the others wait. Here files with many
slow tests go first and those with none last, and files that compile the same programs go together.
A test of many seconds says about how many: `@pytest.mark.slow(60)`; else a slow one counts as one.
A pytest plug-in, which tests/conftest.py loads.
"""

import os
from collections import Counter
from typing import Any

import pytest

# Files that take what is compiled or drawn for another, and that other.
STEPS = "tests/optimizers"
COMPILED = ("first_steps", "safety", "variants")
DRAWN = ("exhibits", "files", "spending")
TOGETHER = {
    **{
        f"tests/optimizers/test_{name}.py": "tests/optimizers/test_contract.py" for name in COMPILED
    },
    **{f"tests/report/test_{name}.py": "tests/report/test_page.py" for name in DRAWN},
}


def unit_of(file: str) -> str:
    """The file that stands for all that one process has in one go."""
    return TOGETHER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, as many tests wait for processes that they have started."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(super()._split_scope(nodeid))

    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Together(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sorted by what goes together, of which the tests stay in their order."""
    if hasattr(config, "workerinput"):
        units = {item: unit_of(item.nodeid.partition("::")[0]) for item in items}
        tests = Counter(units.values())
        slow: Counter[str] = Counter()
        for item in items:
            slow[units[item]] += _seconds(item)
        items.sort(key=lambda item: (-slow[units[item]], -tests[units[item]], units[item]))


def _seconds(item: pytest.Item) -> int:
    """About how long a test takes, where its marker says so."""
    marker = item.get_closest_marker("slow")
    return 0 if marker is None else (*marker.args, 1)[0]
