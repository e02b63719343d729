"""`--processor-time`: at the end, what the tests of each folder took of a core.

Seconds of a core, those of the processes that tests start among them: unlike times, they are much
the same on a busy machine. A pytest plug-in, which tests/conftest.py loads; with xdist every worker
counts its own, and the process that started them adds up.
"""

import resource
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

BEFORE = "importing and collecting"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--processor-time",
        action="store_true",
        help="print the seconds of a core that each folder of tests took",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("processor_time"):
        config.pluginmanager.register(_Clock(config))


class _Clock:
    """The seconds of this process by folder, and in the end those of all workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._seconds: Counter[str] = Counter()

    def pytest_collection_finish(self) -> None:
        self._seconds[BEFORE] += _spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        begun = _spent()
        try:
            return (yield)
        finally:
            parent = item.path.relative_to(self._config.rootpath).parent
            self._seconds[parent.as_posix()] += _spent() - begun

    def pytest_sessionfinish(self) -> None:
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["processor_time"] = dict(self._seconds)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._seconds.update(getattr(node, "workeroutput", {}).get("processor_time", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("seconds of a core")
        for folder, seconds in self._seconds.most_common():
            terminalreporter.write_line(f"{seconds:8.1f}  {folder}")
        terminalreporter.write_line(f"{self._seconds.total():8.1f}  in all")


def _spent() -> float:
    """Seconds of a core that this process and those it waited for have used."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, who))
