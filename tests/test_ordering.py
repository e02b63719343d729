"""Files with slow tests are begun before those without, and some are in one process's hands."""

from pathlib import Path

import pytest
from tests.ordering import TOGETHER, unit_of

FILES = {
    "test_a": "@pytest.mark.parametrize('n', range(5))\ndef test_fast(n): pass",
    "test_b": "@pytest.mark.slow\ndef test_slow(): pass",
    "test_c": "def test_fast(): pass\n\n@pytest.mark.slow\n@pytest.mark.parametrize('n', [0, 1])\n"
    "def test_slow(n): pass",
    "test_d": "@pytest.mark.slow(60)\ndef test_long(): pass",
}


@pytest.mark.slow
def test_files_with_slow_tests_go_first(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini("[pytest]\nmarkers = slow")
    pytester.makepyfile(**{name: f"import pytest\n\n{text}" for name, text in FILES.items()})
    parallel = ("-p", "xdist.plugin", "-n", "1", "--dist", "loadfile")
    run = pytester.runpytest("-p", "tests.ordering", *parallel, "-v")
    run.assert_outcomes(passed=10)
    begun = [line.split("::")[0] for line in run.outlines if line.startswith("test_")]
    assert list(dict.fromkeys(begun)) == ["test_d.py", "test_c.py", "test_b.py", "test_a.py"]


def test_files_that_go_together_are_there() -> None:
    root = Path(__file__).parent.parent
    assert [file for pair in TOGETHER.items() for file in pair if not (root / file).is_file()] == []


@pytest.mark.slow
def test_files_that_go_together_are_in_one_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    files = [*TOGETHER, *set(TOGETHER.values()), "tests/test_a.py", "tests/test_b.py"]
    for file in files:
        path = pytester.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def test_one(): pass\n\ndef test_two(): pass\n\ndef test_three(): pass\n")
    parallel = ("-p", "xdist.plugin", "-n", "2", "--dist", "loadfile")
    run = pytester.runpytest("-p", "tests.ordering", *parallel, "-v")
    run.assert_outcomes(passed=3 * len(files))
    processes: dict[str, set[str]] = {}
    for process, *_, test in (line.split() for line in run.outlines if line.startswith("[gw")):
        processes.setdefault(unit_of(test.split("::")[0]), set()).add(process)
    assert [len(those) for those in processes.values()] == [1] * 4
    assert len(set.union(*processes.values())) == 2
