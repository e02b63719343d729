"""`--skipped-before`: run only what the run before this one skipped.

Continuous integration runs every test as a bare machine has it, then installs what was missing and
runs the rest, and nothing twice. A pytest plug-in, which tests/conftest.py loads.
"""

import pytest

KEY = "bestiary/skipped"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--skipped-before",
        action="store_true",
        help="run only the tests that the run before this one skipped",
    )


def pytest_configure(config: pytest.Config) -> None:
    # xdist's workers report to the process that started them; `-p no:cacheprovider` has no cache.
    if not hasattr(config, "workerinput") and hasattr(config, "cache"):
        config.pluginmanager.register(_Skips(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("skipped_before"):
        skipped = tuple(config.cache.get(KEY, []))
        kept = [item for item in items if _is_one_of(item.nodeid, skipped)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def _is_one_of(nodeid: str, skipped: tuple[str, ...]) -> bool:
    """Whether it was skipped itself, or the file or folder that it stands in."""
    return any(nodeid == one or nodeid.startswith((f"{one}::", f"{one}/")) for one in skipped)


class _Skips:
    """Remembers, in pytest's cache, what a run has skipped."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._nodes: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_sessionfinish(self) -> None:
        self._config.cache.set(KEY, sorted(self._nodes))

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self._nodes.add(report.nodeid)
