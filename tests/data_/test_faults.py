"""Bad input is one line with nothing made; kills and full disks leave nothing half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bestiary.data import Corpus, prepare, source, starts
from bestiary.errors import BestiaryError, UserError

BAD = {
    "empty.txt": (b"", "empty"),
    "binary.txt": (b"text\n" * 999 + b"\0\1\2", "NUL"),
    "latin.txt": (b"caf\xe9 " * 999, "UTF-8"),
    "short.txt": (b"To be, or not to be.\n", "too short"),
    "same.txt": (b"all work and no play\n" * 9, "too short"),
    "torn.jsonl": (b'{"text": "a"}\n{"text": "b', "line 2"),
    "list.jsonl": (b"[1, 2]\n", "line 1"),
    "field.jsonl": (
        b'{"txt": "a"}\n',
        "has txt; say which it is, as in PATH,field=NAME",
    ),
    "type.jsonl": (b'{"text": 3}\n', "int"),
    "nul.jsonl": (b'{"text": "a\\u0000b"}\n', "NUL"),
    "surrogate.jsonl": (b'{"text": "\\ud800"}\n', "surrogate"),
    "deep.jsonl": (b"[" * 200_000 + b"\n", "line 1"),
    "random.bin": (bytes(range(256)) * 8, "byte 0"),
    "empty.bin": (b"", "empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_text_is_refused_in_one_line_with_nothing_made(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        prepare([source(path)], tmp_path / "corpora")
    assert "\n" not in str(caught.value)
    assert Path(name).stem in str(caught.value)
    assert os.listdir(tmp_path) == [name]


def test_bad_sources_are_refused(tmp_path: Path, texts: list[Path]) -> None:
    (tmp_path / "two").mkdir()
    (tmp_path / "none").mkdir()
    (tmp_path / "two" / "a.txt").write_text("a")
    (tmp_path / "two" / "b.jsonl").write_text("{}")
    (tmp_path / "a.doc").write_text("a")
    for path, message in [
        ("two", "one kind"),
        ("none", "no .txt"),
        ("a.doc", r"read from \.txt, .* files, got .*a\.doc"),
        ("missing.txt", "no such file"),
    ]:
        with pytest.raises(UserError, match=message):
            source(tmp_path / path)
    for weight in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(UserError, match=r"weight|finite"):
            source(texts[0], weight)
    with pytest.raises(UserError, match="at least one source"):
        prepare([], tmp_path / "c")
    with pytest.raises(UserError, match="256 or more"):
        prepare([source(texts[0])], tmp_path / "c", vocabulary=255)
    with pytest.raises(UserError, match="cannot make the folder"):
        prepare([source(texts[0])], texts[1])
    assert not (tmp_path / "c").exists()


def test_what_is_no_tokenizer_is_refused(tmp_path: Path, texts: list[Path]) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra `tokenizers`")
    with pytest.raises(UserError, match="is 'byte' or the path"):
        prepare([source(texts[0])], tmp_path / "c", "gpt2")
    with pytest.raises(UserError, match="not a tokenizer"):
        prepare([source(texts[0])], tmp_path / "c", str(texts[0]))
    assert not (tmp_path / "c").exists()


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    (tmp_path / "random.parquet").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(UserError, match=r"random\.parquet is not a readable parquet") as caught:
        prepare([source(tmp_path / "random.parquet")], tmp_path / "c")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["random.parquet"]


@pytest.mark.parametrize("package", ["tokenizers", "pyarrow"])
def test_without_the_package_a_line_says_what_to_install(
    texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "a.parquet").write_bytes(bytes(range(256)))
    (tmp_path / "tokenizer.json").write_text("{}")
    text, tokenizer = {
        "tokenizers": (texts[0], str(tmp_path / "tokenizer.json")),
        "pyarrow": (tmp_path / "a.parquet", "byte"),
    }[package]
    with pytest.raises(UserError, match=f"pip install {package}"):
        prepare([source(text)], tmp_path / "c", tokenizer)
    assert not (tmp_path / "c").exists()


def test_too_short_says_how_many_tokens_are_needed(corpus: Corpus) -> None:
    with pytest.raises(UserError, match="3 sequences of context 4000 need 12001 tokens"):
        corpus.require(4000, 3)
    with pytest.raises(UserError, match="too short"):
        starts(corpus, 10**6, 0, first_step=0, steps=1, batch_size=1)
    with pytest.raises(UserError, match="too short"):
        corpus.validation("report", 10**6)
    with pytest.raises(UserError, match="at least 1"):
        corpus.validation("report", 0)
    with pytest.raises(UserError, match="did you mean 'report'"):
        corpus.validation("reprt", 8)
    with pytest.raises(UserError, match="negative"):
        starts(corpus, 8, -1, first_step=0, steps=1, batch_size=1)


KILLS = """
import os, sys
from bestiary.data import prepare, source

def counted(function, count):
    def call(*arguments, **named):
        count[0] -= 1
        if count[0] < 0:
            os._exit(9)
        return function(*arguments, **named)
    return call

def child(operation):
    count = [operation]
    for name in ("fsync", "rename", "open", "mkdir", "close"):
        setattr(os, name, counted(getattr(os, name), count))
    prepare([source(sys.argv[1])], sys.argv[2])
    os._exit(0)

for line in sys.stdin:
    process = os.fork() or child(int(line))
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


@pytest.mark.slow
def test_a_killed_prepare_leaves_nothing_that_looks_whole(
    texts: list[Path], tmp_path: Path
) -> None:
    """Killed before every file operation in turn, then prepared again."""
    reference = prepare([source(texts[2])], tmp_path / "reference").spec
    folder = tmp_path / "corpora"
    command = [sys.executable, "-c", KILLS, str(texts[2]), str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, bufsize=1, **pipes) as process:
        for operation in range(200):
            print(operation, file=process.stdin)
            code = int(process.stdout.readline())
            for path in folder.glob("[!.]*"):
                assert Corpus.open(folder, path.name).spec == reference
            if code == 0:
                break
            assert code == 9
        process.stdin.close()
    assert operation > 10
    assert os.listdir(folder) == [reference.digest]


FULL = """
import resource, sys
from bestiary.data import prepare, source
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
prepare([source(sys.argv[1])], sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [500, 2000, 14000])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    texts: list[Path], tmp_path: Path, limit: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(texts[2]), str(tmp_path / "c"), str(limit)],
        check=False,
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"{BestiaryError.__module__}.BestiaryError: cannot write the corpus")
    assert os.listdir(tmp_path / "c") == []


def test_everything_is_on_disk_before_the_name_is(
    texts: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power loss: all files, then their folder, then the rename, then the folder above."""
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def record_fsync(descriptor: int) -> None:
        calls.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        fsync(descriptor)

    def record_rename(path: Path, target: Path) -> None:
        calls.append("rename")
        rename(path, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "rename", record_rename)
    corpus = prepare([source(texts[2])], tmp_path / "c")
    files = sorted(path.name for path in corpus.folder.iterdir())
    at = calls.index("rename")
    memories = {name for name in files if name.startswith(("verified.json", "from-"))}
    assert len(memories) == 2
    assert sorted(calls[: at - 1]) == sorted(set(files) - memories)
    assert calls[at - 1].startswith(".prepare-")
    assert calls[at + 1 :] == ["c"]
