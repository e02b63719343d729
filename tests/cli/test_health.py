from pathlib import Path

import pytest

from bestiary.cli import _health
from bestiary.cli._health import file_system_of

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /home nfs4 rw 0 0
tmpfs /home/me/ram tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/srv/x", "ext4"), ("/home/you", "nfs4"), ("/home/me/ram/x", "tmpfs"), ("/homes", "ext4")],
)
def test_the_file_system_is_that_of_the_deepest_mount(tmp_path: Path, path: str, kind: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert file_system_of(Path(path), tmp_path / "mounts") == kind


def test_a_network_file_system_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_health, "file_system_of", lambda *_: "nfs4")
    finding = _health.file_system()
    assert finding.state == "warn"
    assert "local disk" in finding.detail


def test_a_cache_that_can_not_be_written_fails_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "file" / "cache"))
    finding = _health.cache()
    assert finding.state == "fail"
    assert "BESTIARY_CACHE" in finding.detail


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_health.shutil, "disk_usage", lambda _: 1 / 0)
    assert _health.free_disk().state == "fail"


@pytest.mark.parametrize("check", [_health.python, _health.packages, _health.devices])
def test_this_machine_passes(check: object) -> None:
    assert callable(check)
    assert check().state == "ok"


def test_the_kernels_of_this_machine_are_named() -> None:
    finding = _health.kernels()
    assert finding.state == "ok"
    assert finding.detail == "attention chunked, cross-entropy tiles of 134,217,728 logits"


def test_durable_files_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert _health.durable_files().state == "ok"
    assert list(tmp_path.iterdir()) == []
