"""What the tests of each folder took of a core, in one process and added up over several."""

import re
import textwrap

import pytest

BUSY = """
    import time

    def test_busy():
        begun = time.process_time()
        while time.process_time() - begun < 0.2:
            pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [(), ("-p", "xdist.plugin", "-n", "2")])
def test_the_seconds_of_each_folder_are_told(
    pytester: pytest.Pytester, parallel: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name in ("one/test_a.py", "two/test_b.py", "two/test_c.py"):
        file = pytester.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(BUSY))
    run = pytester.runpytest("-p", "tests.processor_time", *parallel, "--processor-time")
    run.assert_outcomes(passed=3)
    told = re.findall(r"^ +([\d.]+)  (.+)$", run.stdout.str(), flags=re.MULTILINE)
    seconds = {name: float(value) for value, name in told}
    assert seconds["one"] >= 0.2
    assert seconds["two"] >= 0.4
    assert seconds["in all"] >= seconds["one"] + seconds["two"]
