"""A result says what computed it."""

import os
import subprocess
from pathlib import Path

import jax

from bestiary.specs import is_busy
from bestiary.store import code_digest
from bestiary.train import environment
from bestiary.train._environment import _changes, load

ENVIRONMENT = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}


def test_it_names_versions_and_the_machine() -> None:
    found = environment()
    assert found["jax"] == jax.__version__
    assert found["cores"] == str(len(os.sched_getaffinity(0)))
    assert found["backend"] == "cpu"
    assert found["bits"].startswith("the same on every machine of this kind")
    assert all(isinstance(value, str) and value for value in found.values())
    assert environment() == found


def test_it_names_the_code_and_what_is_not_committed(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=n@n")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *words], check=True, env=ENVIRONMENT)

    (tmp_path / "a.py").write_text("1\n")
    git("init", "-q")
    git("add", "a.py")
    git("commit", "-qm", "first")
    assert _changes(tmp_path) == ""
    clean = code_digest(tmp_path, [""])
    (tmp_path / "a.py").write_text("2\n")
    changed = _changes(tmp_path)
    assert len(changed) == 12
    assert code_digest(tmp_path, [""]) != clean
    (tmp_path / "a.py").write_text("3\n")
    assert _changes(tmp_path) not in ("", changed)
    assert environment()["code"] == code_digest()


def test_the_load_is_that_of_the_whole_machine() -> None:
    found = load()
    assert float(found["load"]) >= 0
    assert found["machine cores"] == str(os.cpu_count())
    assert is_busy({"load": "3.1", "machine cores": "2"})
    assert not is_busy({"load": "2.9", "machine cores": "2"})
    assert not is_busy({})
