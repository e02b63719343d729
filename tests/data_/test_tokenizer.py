"""Whatever a tokenizer.json was saved with, a corpus is all of its text and nothing else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bestiary.data import Corpus, _tokenizer, end_of_text, kept_tokenizer, prepare, source
from bestiary.data._tokenizer import load_tokenizer
from bestiary.data._tokenizer_file import _json_of_bytes
from bestiary.errors import UserError

END = "<|endoftext|>"
PADDING = {
    "strategy": "BatchLongest",
    "direction": "Right",
    "pad_to_multiple_of": None,
    "pad_id": 1,
    "pad_type_id": 0,
    "pad_token": "<pad>",
}
TRUNCATION = {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0}


def special(identity: int, content: str, *, is_special: bool = True) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": identity, "content": content, "special": is_special, **flags}


def byte_level(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of single bytes: no merges, so its ids can be told by hand."""
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {END: 0, "<pad>": 1} | {letter: n + 2 for n, letter in enumerate(alphabet)}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [special(0, END), special(1, "<pad>")],
        "normalizer": None,
        "pre_tokenizer": {**level, "use_regex": True},
        "post_processor": None,
        "decoder": {**level, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [],
        },
        **changes,
    }


def saved(path: Path, file: dict[str, Any]) -> str:
    path.write_text(json.dumps(file))
    return str(path)


def prepared(folder: Path, tokenizer: str) -> Corpus:
    rows = [json.dumps({"text": f"{n} " * (20 + n % 50)}) + "\n" for n in range(400)]
    (folder / "rows.jsonl").write_text("".join(rows))
    return prepare([source(folder / "rows.jsonl")], folder / "corpora", tokenizer, vocabulary=300)


@pytest.mark.parametrize("setting", [{"truncation": TRUNCATION}, {"padding": PADDING}])
def test_saved_cutting_and_padding_change_nothing(
    tmp_path: Path, setting: dict[str, object]
) -> None:
    plain = prepared(tmp_path, saved(tmp_path / "plain.json", byte_level()))
    file = saved(tmp_path / "encoder.json", byte_level(**setting))
    assert prepared(tmp_path, file).spec.digest == plain.spec.digest
    assert plain.tokenizer_json == (tmp_path / "plain.json").read_text()
    assert plain.train_tokens is not None
    assert not (plain.train_tokens == 1).any()


@pytest.mark.parametrize("is_special", [True, False])
def test_a_separator_in_a_text_is_text(tmp_path: Path, is_special: bool) -> None:
    file = byte_level(added_tokens=[special(0, END, is_special=is_special)])
    tokenizer = load_tokenizer(saved(tmp_path / "t.json", file), 300)
    texts = [f"a{END}b{END}", END * 2, "<|endoftext", f"no such {END[:-1]} >"]
    for text, ids in zip(texts, tokenizer.encode([t.encode() for t in texts]), strict=True):
        assert ids[-1] == 0
        assert (ids[:-1] > 1).all()
        assert ids.size == len(text) + 1


@pytest.mark.parametrize("last", [1000, 70_000])
def test_the_ids_of_a_vocabulary_may_have_holes(tmp_path: Path, last: int) -> None:
    file = byte_level()
    file["model"]["vocab"]["<hole>"] = last
    path = saved(tmp_path / "t.json", file)
    with pytest.raises(UserError, match=rf"up to {last}, got 300; .* vocabulary of {last + 1}$"):
        prepared(tmp_path, path)
    assert not (tmp_path / "corpora").exists()
    assert load_tokenizer(path, last + 1).encode([b"a"])[0].dtype == np.dtype(
        "<u2" if last < 2**16 else "<u4"
    )


@pytest.mark.parametrize("vocabulary", [-1, 0, 1, 2**31, 10**18])
def test_an_impossible_vocabulary_is_refused(vocabulary: int) -> None:
    with pytest.raises(UserError, match="a vocabulary has 2 to 2147483647 token ids"):
        load_tokenizer("byte", vocabulary)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "caf\udce9", "\x1b[2J"])
def test_an_absurd_name_is_one_short_line(name: str) -> None:
    with pytest.raises(UserError, match="is 'byte' or the path") as caught:
        load_tokenizer(name, 300)
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


def test_a_tokenizer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tokenizer, "MOST_BYTES", 10**6)
    with pytest.raises(UserError, match=r"at most 1 MB, and .*/dev/zero.* has more"):
        _tokenizer._read(Path("/dev/zero"))


def test_text_without_a_token_is_counted(tmp_path: Path) -> None:
    """A file without an unknown token leaves out what it does not know."""
    file = byte_level()
    file["pre_tokenizer"] = None  # characters, and the alphabet has no others than bytes
    tokenizer = load_tokenizer(saved(tmp_path / "t.json", file), 300)
    tokenizer.encode([b"plain"])
    assert (tokenizer.looked_at, tokenizer.lost) == (5, 0)
    tokenizer.encode(["plain \u4e2d \u6587".encode()])
    assert (tokenizer.looked_at, tokenizer.lost) == (14, 2)
    tokenizer.encode([b""])


def test_all_characters_of_a_byte_level_tokenizer_have_tokens(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(saved(tmp_path / "t.json", byte_level()), 300)
    tokenizer.encode(["caf\u00e9 \u4e2d\u6587 \U0001f98a\n\n  x".encode()])
    assert tokenizer.lost == 0
    assert tokenizer.unknown is None


def test_unknown_tokens_and_lost_text_are_said(tmp_path: Path) -> None:
    words = {END: 0, "[UNK]": 1} | {str(n): n + 2 for n in range(200)}
    model = {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"}
    file = byte_level(model=model, pre_tokenizer={"type": "Whitespace"}, decoder=None)
    reading = prepared(tmp_path, saved(tmp_path / "t.json", file)).reading
    assert reading is not None
    assert reading.unknown == sum(20 + n % 50 for n in range(200, 400))
    assert any(
        "tokens stand for text that the tokenizer does not know" in x for x in reading.lines()
    )


def test_the_tokenizer_of_bytes_is_a_file_that_others_read(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    (tmp_path / "a.txt").write_text("".join(f"{n} some words\n\n" for n in range(2000)))
    text = prepare([source(tmp_path / "a.txt")], tmp_path / "corpora").tokenizer_json
    read = tokenizers.Tokenizer.from_str(text)
    words = "To be, or\n\tnot; \u00e9\u0100\U0001f40d \r\x7f"
    assert bytes(read.encode(words).ids) == words.encode()
    assert read.decode(list(words.encode())) == words


def test_the_end_of_a_text_is_named_where_it_has_a_name() -> None:
    end = special(256, "<|endoftext|>")
    assert (
        end_of_text(json.dumps({"model": {"vocab": {"a": 0}}, "added_tokens": [end]}))
        == end["content"]
    )
    pieces = {"type": "Unigram", "vocab": [["a", -1.0], ["</s>", 0.0]]}
    assert end_of_text(json.dumps({"model": pieces})) == "</s>"
    assert end_of_text(_json_of_bytes()) is None


def test_a_kept_tokenizer_is_the_one_of_training(tmp_path: Path) -> None:
    (tmp_path / "bytes.json").write_text(_json_of_bytes(), encoding="utf-8")
    assert kept_tokenizer(tmp_path / "bytes.json", 256).encode([b"ab"])[0].tolist() == [97, 98, 0]
    name = saved(tmp_path / "saved.json", byte_level())
    again, trained = kept_tokenizer(Path(name), 300), load_tokenizer(name, 300)
    assert again.encode([b"ab"])[0].tolist() == trained.encode([b"ab"])[0].tolist()
    with pytest.raises(UserError, match=r"path of a tokenizer\.json, got nothing\.json"):
        kept_tokenizer(Path("nothing.json"), 256)
