"""A text that validates alone: it is never trained on, and nothing else validates."""

import json
from pathlib import Path

import pytest
from tests.data_.conftest import words
from tests.data_.test_prepare import documents_of

from bestiary.data import Corpus, described, prepare, source
from bestiary.errors import UserError


def rows(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


@pytest.fixture
def training(tmp_path: Path) -> list[str]:
    return [f"trained {n} {words(40, seed=n)}" for n in range(60)]


@pytest.fixture
def validation(tmp_path: Path) -> list[str]:
    return [f"held {n} {words(40, seed=1000 + n)}" for n in range(50)]


def prepared(folder: Path, training: list[str], validation: list[str]) -> Corpus:
    lines = rows(folder / "train.jsonl", training), rows(folder / "val.jsonl", validation)
    sources = [described(f"{lines[1]},for=validation"), source(lines[0])]
    return prepare(sources, folder / "corpora")


def test_it_alone_validates(tmp_path: Path, training: list[str], validation: list[str]) -> None:
    found = documents_of(prepared(tmp_path, training, validation))
    assert sorted(found["train"]) == sorted(text.encode() for text in training)
    held = found["selection"] + found["report"]
    assert sorted(held) == sorted(text.encode() for text in validation)
    assert min(len(found["selection"]), len(found["report"])) > 10


def test_its_sets_hang_on_its_text_alone(
    tmp_path: Path, training: list[str], validation: list[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = prepared(tmp_path / "a", training, validation)
    other = prepared(tmp_path / "b", training[:30], list(reversed(validation)))
    for split in ("selection", "report"):
        assert documents_of(one)[split] == documents_of(other)[split]
    assert one.spec.digest != other.spec.digest


def test_copies_are_not_trained_on_and_are_counted(
    tmp_path: Path, training: list[str], validation: list[str]
) -> None:
    corpus = prepared(tmp_path, [*training, *validation[:7]], validation)
    found = documents_of(corpus)
    assert sorted(found["train"]) == sorted(text.encode() for text in training)
    assert len(found["selection"] + found["report"]) == len(validation)
    assert corpus.reading is not None
    first, second = corpus.reading.sources
    assert (first.skipped, second.skipped) == ({"that validate": 7}, {})
    assert "skipped in train: 7 that validate" in list(corpus.reading.lines())


def test_near_copies_are_told(tmp_path: Path, validation: list[str]) -> None:
    near = [f"{text} and a word" for text in validation]
    reading = prepared(tmp_path, near, validation).reading
    assert reading is not None
    assert reading.copies_left > 40


def test_what_cannot_be(tmp_path: Path, training: list[str]) -> None:
    path = rows(tmp_path / "train.jsonl", training)
    one = rows(tmp_path / "one.jsonl", ["alone"])
    with pytest.raises(UserError, match="needs text to train on, got validation alone"):
        prepare([source(path, validates=True)], tmp_path / "corpora")
    with pytest.raises(UserError, match="source 'one' is too short for two validation sets: 1"):
        prepare([source(path), source(one, validates=True)], tmp_path / "corpora")
    with pytest.raises(UserError, match="for must be training or validation, got 'test'"):
        described(f"{path},for=test")
