"""Corpora and runs on storage elsewhere: fsspec's own in memory, and a folder as `file://`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bestiary.cli import main
from bestiary.cli._corpora import here, prepared
from bestiary.cli._run_mirror import RunMirror
from bestiary.errors import BestiaryError, StopRequested, UserError
from bestiary.store import RemoteFolder, is_remote

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(params=["memory", "file"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"file://{tmp_path / 'elsewhere'}"
    return f"memory://{tmp_path.name}"


def pushed(text: Path, elsewhere: str, capsys: pytest.CaptureFixture[str]) -> str:
    prepared([str(text)])
    assert main(["data", "push", "book", "--out", elsewhere, "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["url"])


def test_a_corpus_goes_and_comes_back_in_every_byte(
    text: Path, elsewhere: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = pushed(text, elsewhere, capsys)
    first = prepared([str(text)])
    before = {one.name: one.read_bytes() for one in first.folder.glob("*.[bj]*")}
    shutil.rmtree(tmp_path / "cache")
    again = prepared(here([url]))
    assert again.spec.digest == first.spec.digest == url.rpartition("/")[2]
    for name in set(before) - {"verified.json"}:
        assert (again.folder / name).read_bytes() == before[name]
    capsys.readouterr()
    assert prepared(here([url])).spec == again.spec
    assert capsys.readouterr().err == "", "what is here is not copied again"
    assert main(["data", "pull", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == first.spec.digest


def test_a_corpus_that_changed_there_is_refused_and_leaves_nothing(
    text: Path, elsewhere: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = pushed(text, elsewhere, capsys)
    shutil.rmtree(tmp_path / "cache")
    remote = RemoteFolder(url)
    remote.get("train-0-0.bin" if "train-0-0.bin" in remote.names() else _shard(remote), _at(text))
    data = bytearray(_at(text).read_bytes())
    data[-1] ^= 1
    _at(text).write_bytes(data)
    remote.put(_at(text), _shard(remote))
    assert main(["train", "--data", url, "--steps", "1"]) == 2
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("bestiary:")]
    assert "is not what was put there" in line
    assert list((tmp_path / "cache" / "corpora").iterdir()) == []


def _shard(remote: RemoteFolder) -> str:
    return next(name for name in remote.names() if name.startswith("train-"))


def _at(text: Path) -> Path:
    return text.parent / "shard"


def test_text_is_copied_once_and_again_where_it_changed(
    text: Path, elsewhere: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = RemoteFolder(f"{elsewhere}/books")
    remote.put(text / "book.txt", "a.txt")
    remote.put(text / "book.txt", "README.md")
    (line,) = here([f"{elsewhere}/books,weight=2"])
    folder, _, rest = line.partition(",")
    assert rest == "weight=2"
    assert [one.name for one in Path(folder).iterdir()] == ["a.txt"]
    assert "a.txt" in capsys.readouterr().err
    assert here([f"{elsewhere}/books,weight=2"]) == (line,)
    assert capsys.readouterr().err == ""
    (text / "book.txt").write_text("another\n" * 3000)
    remote.put(text / "book.txt", "a.txt")
    here([f"{elsewhere}/books"])
    assert (Path(folder) / "a.txt").read_text() == "another\n" * 3000
    (alone,) = here([f"{elsewhere}/books/a.txt"])
    assert Path(alone).name == "a.txt"
    remote.remove("a.txt")
    with pytest.raises(UserError, match="no text at"):
        here([f"{elsewhere}/books"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "--data", "nowhere://x", "--steps", "1"], "Protocol not known: nowhere"),
        (["train", "--data", "memory://x/y", "--steps", "1"], "no text at"),
        (["train", "--data", f"memory://x/{'0' * 64}"], "no corpus at"),
        (["train", "--mirror", "folder"], "takes an address"),
        (["train", "--mirror", "nowhere://x", "--steps", "1"], "Protocol not known: nowhere"),
        (["data", "pull", "memory://x"], "64 digits"),
        (["data", "pull", "x"], "name the corpus"),
        (["data", "push", "x"], "name both"),
        (["run", "smoke", "--data", "nowhere://x"], "Protocol not known: nowhere"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    told: str,
    text: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (tmp_path / "bestiary-train").exists()


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec.core

    def lacking(url: str, **own: Any) -> Any:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", lacking)
    with pytest.raises(UserError, match=r"s3fs.*pip install 'bestiary\[remote\]'"):
        RemoteFolder("s3://bucket")


def test_what_the_storage_says_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def refusing(self: Any, path: str, **how: Any) -> Any:
        raise RuntimeError("Unable to locate credentials\nand more")

    monkeypatch.setattr(MemoryFileSystem, "find", refusing)
    assert main(["train", "--data", "memory://x/y", "--steps", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.count("cannot list memory://x/y") == line.count("credentials;") == 1


@pytest.mark.parametrize("forbidden", ["pipe_file", "rm_file"])
def test_an_account_that_may_not_write_is_refused_before_anything_is_done(
    forbidden: str,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def refusing(self: Any, path: str, *how: Any, **named: Any) -> Any:
        raise PermissionError("Access Denied")

    monkeypatch.chdir(tmp_path)
    mirrored = [*SMALL, "--data", str(text), "--mirror", f"memory://{tmp_path.name}"]
    monkeypatch.setattr(MemoryFileSystem, forbidden, refusing)
    assert main(mirrored) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"memory://{tmp_path.name}: Access Denied; check the account" in line
    assert not list((tmp_path / "cache").glob("corpora/*")), "no text is read"
    assert not (tmp_path / "bestiary-train").exists()


def test_asking_whether_one_may_write_leaves_nothing(elsewhere: str) -> None:
    remote = RemoteFolder(elsewhere)
    remote.check_writable()
    assert remote.names() == {}


def test_what_names_storage_elsewhere() -> None:
    assert all(map(is_remote, ["s3://a/b", "gs://a", "memory://x", "file:///a"]))
    assert not any(map(is_remote, ["a/b", "C:\\a", "text,field=http://x", "./s3://x"]))


SMALL = ["train", "--steps", "200", "--size", "8k", "--batch-size", "2", "--evaluations", "1"]


@pytest.mark.slow(20)
def test_a_run_whose_folder_is_lost_goes_on_from_elsewhere_to_the_bit(
    text: Path, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bestiary.train import _session

    own = [*SMALL, "--data", str(text)]
    assert main([*own, "--out", str(tmp_path / "whole")]) == 0
    saved = RunMirror.saved
    checkpoints: list[str] = []

    def lost(self: RunMirror, checkpoint: Path) -> None:
        saved(self, checkpoint)
        checkpoints.append(checkpoint.name)
        if len(checkpoints) == 2:
            raise StopRequested("the machine is gone")

    monkeypatch.setattr(_session.Session, "_clock_due", lambda self: True)
    monkeypatch.setattr(RunMirror, "saved", lost)
    mirrored = [*own, "--mirror", f"{elsewhere}/run"]
    assert main([*mirrored, "--out", str(tmp_path / "lost")]) != 0
    shutil.rmtree(tmp_path / "lost")
    assert main([*mirrored, "--out", str(tmp_path / "found")]) == 0
    assert int(checkpoints[2]) > int(checkpoints[1])
    shutil.rmtree(tmp_path / "found")
    assert main([*mirrored, "--out", str(tmp_path / "again")]) == 0
    losses = [
        json.loads((tmp_path / name / "result.json").read_text())["loss"]
        for name in ("whole", "again")
    ]
    assert losses[0] == losses[1]
    there = [name.split("/")[1] for name in RemoteFolder(f"{elsewhere}/run").names() if "/" in name]
    assert set(there) == {"200"}, "older checkpoints are removed there too"
    assert main([*own, "--seed", "1", "--mirror", f"{elsewhere}/run"]) == 2


def test_a_run_goes_on_where_its_copies_fail_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "run" / "checkpoints" / "5"
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")
    mirror = RunMirror(f"memory://{tmp_path.name}", tmp_path / "run")

    def failing(self: RemoteFolder, path: Path, name: str) -> None:
        raise BestiaryError("cannot write")

    monkeypatch.setattr(RemoteFolder, "put", failing)
    mirror.saved(checkpoint)
    assert "next checkpoint is tried again" in capsys.readouterr().err
    with pytest.raises(BestiaryError, match=r"the run is done in .* the same command tries again"):
        mirror.finish()


def test_no_name_there_leads_out_of_a_folder_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of objects are free text, also to whom the bucket belongs."""
    remote = RemoteFolder("memory://bucket/corpus")
    monkeypatch.setattr(
        remote._files, "find", lambda root, detail: {f"{root}/../../.profile": {"size": 1}}
    )
    with pytest.raises(UserError, match=r"'\.\./\.\./\.profile', which leads out of it"):
        remote.names()
