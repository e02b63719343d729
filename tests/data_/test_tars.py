"""Tars of text read like the files in them."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from bestiary.data import prepare, source
from bestiary.errors import UserError

TEXTS = [f"{n} caf\u00e9 " * 50 for n in range(300)]


def packed(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def rows(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


LAYOUTS = {
    "txt": {f"{n:04}.txt": text.encode() for n, text in enumerate(TEXTS)},
    "json": {f"{n:04}.json": rows([text]) for n, text in enumerate(TEXTS)},
    "jsonl": {"a.jsonl": rows(TEXTS[:100]), "b.jsonl": rows(TEXTS[100:])},
    "with others": {"0.jpg": b"\0", **{f"{n:04}.txt": t.encode() for n, t in enumerate(TEXTS)}},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz")])
def test_a_tar_is_the_rows_in_it(tmp_path: Path, layout: str, suffix: str, mode: str) -> None:
    (tmp_path / "rows.jsonl").write_bytes(rows(TEXTS))
    path = packed(tmp_path / f"shard{suffix}", LAYOUTS[layout], mode)
    plain = prepare([source(tmp_path / "rows.jsonl")], tmp_path / "c")
    found = prepare([source(path)], tmp_path / "c")
    assert found.spec.digest == plain.spec.digest
    assert found.reading is not None
    skipped = found.reading.sources[0].skipped
    expected = {"members of a tar that hold no text": 1} if layout == "with others" else {}
    assert skipped == expected


@pytest.mark.parametrize(
    ("members", "cut", "message"),
    [
        (LAYOUTS["txt"], 2000, "shard.tar cannot be read as a tar"),
        ({"a.json": b"{"}, 0, "every line must be JSON, but a.json in .*shard.tar is not"),
        ({"a.json": b'{"body": "x"}'}, 0, "looked for in the field 'text', but a.json"),
        ({"a.txt": b"\xff"}, 0, "must be UTF-8, but it is not after a.txt in"),
    ],
)
def test_a_damaged_tar_is_named(tmp_path: Path, members: dict, cut: int, message: str) -> None:
    path = packed(tmp_path / "shard.tar", members)
    if cut:
        path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UserError, match=message):
        prepare([source(path)], tmp_path / "c")
    assert not list((tmp_path / "c").glob("*"))
