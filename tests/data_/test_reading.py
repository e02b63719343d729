"""After preparing it is said what was read, and nothing in a named folder is passed in silence."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tests.data_.conftest import words

from bestiary.data import Corpus, _prepare, prepare, source
from bestiary.errors import UserError


def said(corpus: Corpus) -> list[str]:
    assert corpus.reading is not None
    return list(corpus.reading.lines())


def test_files_documents_bytes_and_tokens_add_up(mixed: Corpus, texts: list[Path]) -> None:
    reading = mixed.reading
    assert reading is not None
    assert [one.text_bytes for one in reading.sources] == [path.stat().st_size for path in texts]
    assert [one.files for one in reading.sources] == [1, 1, 1]
    splits = reading.splits.values()
    for field in ("documents", "text_bytes"):
        read = sum(getattr(one, field) for one in reading.sources)
        assert sum(getattr(one, field) for one in splits) == read
    content = mixed.manifest.content
    assert reading.splits["train"].tokens == mixed.train_token_count
    assert reading.splits["report"].tokens == content.report.tokens
    assert reading.splits["selection"].text_bytes == content.selection.text_bytes


def test_what_is_skipped_has_a_reason_and_a_count(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"{n} " * 60}) for n in range(80)]
    rows[5:5] = ['{"text": ""}', "", '{"text": ""}', "   "]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n")
    corpus = prepare([source(tmp_path / "rows.jsonl")], tmp_path / "c")
    assert "skipped in rows: 2 rows without text" in said(corpus)
    assert "skipped in rows: 2 blank lines" in said(corpus)


def test_what_else_lies_in_a_named_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    (folder / "more").mkdir(parents=True)
    (folder / "a.txt").write_text(words(900, 1))
    for name in ("README.md", "notes.md", "LICENSE", "b.txt.gz"):
        (folder / name).write_text("text")
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    lines = said(prepare([source(folder)], tmp_path / "c"))
    for line in (
        "passed over in a: 2 of kind .md, such as README.md",
        "passed over in a: 1 of kind .gz, such as b.txt.gz",
        "passed over in a: 1 without suffix, such as LICENSE",
        "passed over in a: 1 of kind folder, such as more",
        "passed over in a: 1 of kind .txt but no file, such as gone.txt",
    ):
        assert line in lines


def test_a_folder_without_text_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "part-0").mkdir()
    with pytest.raises(UserError, match=r"no \.txt, .* \(1 of kind folder, such as part-0\)"):
        source(tmp_path)


def test_what_was_read_is_known_when_nothing_is_read_again(tmp_path: Path) -> None:
    """Two folders of one content: each with what lies beside its text."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.txt").write_text(words(900, 1))
    (tmp_path / "b" / "more.md").write_text("text")
    for _ in range(2):
        first, second = (prepare([source(tmp_path / name)], tmp_path / "c") for name in "ab")
        assert first.spec == second.spec
        assert not any("more.md" in line for line in said(first))
        assert any("more.md" in line for line in said(second))
    assert said(Corpus.open(tmp_path / "c", first.spec.digest)) == said(first)


def test_a_corpus_is_called_as_the_text_is_now(tmp_path: Path) -> None:
    for name in ("copy", "book"):
        (tmp_path / f"{name}.txt").write_text(words(900, 1))
    specs = [
        prepare([source(tmp_path / f"{name}.txt")], tmp_path / "c").spec
        for name in ("copy", "book", "copy", "book")
    ]
    assert [spec.name for spec in specs] == ["copy", "book", "copy", "book"]
    assert len({spec.digest for spec in specs}) == 1


def test_text_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.txt"
    path.write_text(words(900, 1))
    write = _prepare._write

    def late(*arguments: object, **named: object) -> object:
        path.write_text(words(901, 1))
        return write(*arguments, **named)

    monkeypatch.setattr(_prepare, "_write", late)
    with pytest.raises(UserError, match="changed while they were read"):
        prepare([source(path)], tmp_path / "c")
    assert os.listdir(tmp_path / "c") == []


def test_a_name_that_is_not_utf8_is_read_and_shown(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.txt")
    try:
        with open(path, "w") as file:
            file.write(words(900, 1))
    except OSError:
        pytest.skip("this file system takes no such names")
    for origin in (source(tmp_path), source(os.fsdecode(path))):
        for _ in range(2):
            corpus = prepare([origin], tmp_path / "c")
            assert corpus.spec.name == "caf\\udce9"
            "\n".join(said(corpus)).encode()
    assert corpus.manifest.sources[0].paths[0].endswith("caf\\xe9.txt")


@pytest.mark.parametrize("name", ["a\0b.txt", "x" * 5000, "x" * 5000 + ".txt", "a\n\x1b[2Jb"])
def test_an_absurd_path_is_one_short_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        prepare([source(tmp_path / name)], tmp_path / "c")
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [-1.0, 1e308, float("inf"), float("nan")])
def test_an_absurd_number_of_a_source_is_refused(tmp_path: Path, value: float) -> None:
    (tmp_path / "a.bin").write_bytes(np.zeros(300, "<i4").tobytes())
    with pytest.raises(UserError) as caught:
        source(tmp_path / "a.bin", bytes_per_token=value)
    assert len(str(caught.value)) < 250


def test_a_long_field_is_quoted_short(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "a"}\n')
    with pytest.raises(UserError, match="has body; say which") as caught:
        prepare([source(tmp_path / "a.jsonl", field="x" * 5000)], tmp_path / "c")
    assert len(str(caught.value)) < 500
