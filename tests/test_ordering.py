"""Files with slow tests are begun before those without, however many tests these have."""

import pytest

FILES = {
    "test_a": "@pytest.mark.parametrize('n', range(5))\ndef test_fast(n): pass",
    "test_b": "@pytest.mark.slow\ndef test_slow(): pass",
    "test_c": "def test_fast(): pass\n\n@pytest.mark.slow\n@pytest.mark.parametrize('n', [0, 1])\n"
    "def test_slow(n): pass",
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
    run.assert_outcomes(passed=9)
    begun = [line.split("::")[0] for line in run.outlines if line.startswith("test_")]
    assert list(dict.fromkeys(begun)) == ["test_c.py", "test_b.py", "test_a.py"]
