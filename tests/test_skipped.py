"""The second run of continuous integration: what the first one skipped, all of it, and no more."""

import pytest

SUITE = """
    import pytest
    absent = pytest.importorskip("nothing_of_this_name")

    def test_of_a_whole_file():
        pass
"""
MIXED = """
    import pytest

    @pytest.fixture
    def package():
        return pytest.importorskip("nothing_of_this_name")

    @pytest.mark.parametrize("needy", [False, True])
    def test_body(needy):
        if needy:
            pytest.importorskip("nothing_of_this_name")

    def test_fixture(package):
        pass

    @pytest.mark.xfail(reason="as it should")
    def test_expected_to_fail():
        assert False
"""


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the plug-ins of installed packages, which take seconds to import."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [(), ("-p", "xdist.plugin", "-n", "1")])
def test_what_was_skipped_is_run_once_it_can_be(
    pytester: pytest.Pytester, parallel: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_whole=SUITE, test_mixed=MIXED)
    run = ("-p", "tests.skipped", *parallel)
    pytester.runpytest(*run).assert_outcomes(passed=1, skipped=3, xfailed=1)
    pytester.makepyfile(nothing_of_this_name="")
    pytester.runpytest(*run, "--skipped-before").assert_outcomes(passed=3)


def test_without_a_cache_the_tests_run_as_well(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_mixed=MIXED)
    done = pytester.runpytest("-p", "tests.skipped", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, skipped=2, xfailed=1)
