"""A file system that does not lock is named as the cause, and nobody is blamed for it."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bestiary.errors import UserError
from bestiary.store._lock import DriverLock, driver


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, 524])
def lockless(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """38 is what Lustre without -o flock answers, 524 what NFS without lockd does."""

    def refused(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refused)


@pytest.mark.usefixtures("lockless")
def test_a_file_system_without_locks_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"does not lock files .* on another disk") as caught:
        DriverLock(tmp_path / "driver.lock")
    assert "\n" not in str(caught.value)
    assert "unknown" not in str(caught.value)


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_named_and_not_waited_for(
    tmp_path: Path, put: Callable[[Path], None]
) -> None:
    path = tmp_path / "driver.lock"
    put(path)
    assert driver(path) == ""
    with pytest.raises(UserError, match=r"driver.lock must be a file, .* remove what is there"):
        DriverLock(path)


@pytest.mark.usefixtures("lockless")
def test_where_nothing_locks_nobody_drives(tmp_path: Path) -> None:
    (tmp_path / "driver.lock").write_text('{"pid": 1, "host": "a"}')
    assert driver(tmp_path / "driver.lock") == ""
