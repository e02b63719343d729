"""An unfinished folder belongs to a process; only what a dead one left is removed."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bestiary.data import prepare, source
from bestiary.store import _owner, is_abandoned, owned_name

NAME_OF_A_DEAD_PROCESS = "from bestiary.store import owned_name; print(owned_name('.prepare-'))"


@pytest.fixture(scope="module")
def dead() -> str:
    command = [sys.executable, "-c", NAME_OF_A_DEAD_PROCESS]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_name_is_given_once() -> None:
    assert len({owned_name() for _ in range(100)}) == 100


def test_the_living_are_not_abandoned_and_the_dead_are(dead: str) -> None:
    assert not is_abandoned(owned_name())
    assert is_abandoned(dead)


def test_a_process_number_given_again_is_another_process() -> None:
    *before, start, token = owned_name().split(".")
    assert is_abandoned(".".join([*before, str(int(start) + 1), token]))


@pytest.mark.parametrize("name", [".prepare-", ".prepare-x1y2z3", ".prepare-a.b.c.d.e"])
def test_of_a_folder_without_owner_nothing_is_proved(name: str) -> None:
    assert not is_abandoned(name)


def test_of_another_machine_or_start_nothing_is_proved(
    dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_owner, "_boot", lambda: "0" * 8)
    assert not is_abandoned(dead)


def test_preparing_removes_what_the_dead_left_and_nothing_else(
    texts: list[Path], tmp_path: Path, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(_owner, "_boot", lambda: "0" * 8)
        elsewhere = owned_name(".prepare-")
    here, unowned = owned_name(".prepare-"), ".prepare-abcdefgh"
    for name in (here, dead, elsewhere, unowned):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train-0-00000.bin").write_bytes(b"half")
    digest = prepare([source(texts[2])], tmp_path).spec.digest
    assert set(os.listdir(tmp_path)) == {digest, here, elsewhere, unowned}
    assert all(os.listdir(tmp_path / name) for name in (here, elsewhere, unowned))


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, 524])
def test_a_file_system_without_locks_holds_corpora(
    texts: list[Path], tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """38 is what Lustre without -o flock answers, 524 what NFS without lockd does."""

    def refused(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    monkeypatch.setattr(fcntl, "lockf", refused)
    assert prepare([source(texts[2])], tmp_path).train_token_count > 0


RACE = """
import sys
from bestiary.data import prepare, source
import bestiary.data._prepare as preparing
write = preparing._write
def wait(*arguments, **named):
    print("writing", flush=True)
    sys.stdin.readline()
    return write(*arguments, **named)
preparing._write = wait
print(prepare([source(sys.argv[1])], sys.argv[2]).spec.digest)
"""


@pytest.mark.slow
def test_two_that_prepare_the_same_text_at_once_both_get_it(
    texts: list[Path], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", RACE, str(texts[2]), str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen(command, text=True, bufsize=1, **pipes) as first,
        subprocess.Popen(command, text=True, bufsize=1, **pipes) as second,
    ):
        for process in (first, second):
            assert process.stdout.readline() == "writing\n"
        digests = set()
        for process in (first, second):
            print(file=process.stdin)
            digests.add(process.stdout.readline().strip())
    assert os.listdir(tmp_path) == [*digests]
