"""What `inspect` says is inside: counted here by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.data_.conftest import words
from tests.data_.test_prepare import documents_of

from bestiary.data import Corpus, inside, prepare, source, write_shard


def test_documents_and_lengths_are_those_of_the_shards(corpus: Corpus) -> None:
    found = inside(corpus)
    for split, documents in documents_of(corpus).items():
        lengths = [len(one) for one in documents]
        told = found.splits[split]
        assert told.documents == len(lengths)
        assert (told.shortest, told.longest) == (min(lengths), max(lengths))
        assert told.median == np.median(lengths)
        assert told.mean == pytest.approx(np.mean(lengths))
        assert (told.repeated, told.trained_on) == (0, 0)
    begins = documents_of(corpus)["train"][0].decode()
    assert begins.startswith(found.sample)
    assert len(found.sample) > 50
    assert len(list(found.lines())) == 5


def test_repeated_documents_are_counted(tmp_path: Path) -> None:
    rows = [f"{n} {words(30, seed=n)}" for n in range(80)]
    text = "".join(json.dumps({"text": row}) + "\n" for row in [*rows, *rows[:20]])
    (tmp_path / "rows.jsonl").write_text(text)
    found = inside(prepare([source(tmp_path / "rows.jsonl")], tmp_path / "c"))
    assert sum(one.repeated for one in found.splits.values()) == 20
    assert all(one.trained_on == 0 for one in found.splits.values())


def test_the_shares_are_those_of_the_mixture(mixed: Corpus) -> None:
    found = inside(mixed)
    assert sum(one.share for one in found.sources) == pytest.approx(1)
    assert [one.tokens for one in found.sources] == [part.tokens for part in mixed.parts]
    assert {round(one.bytes_per_token, 1) for one in found.sources} == {1.0}


def test_given_tokens_say_nothing_of_documents(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(0, 1000, 200_000).astype(np.uint16)
    write_shard(tmp_path / "given.bin", [tokens])
    given = source(tmp_path / "given.bin", bytes_per_token=4.0)
    found = inside(prepare([given], tmp_path / "c", vocabulary=1000))
    assert found.splits == {}
    assert found.sample == ""
    assert len(list(found.lines())) == 1


def test_text_of_another_tokenizer_is_shown_as_text(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    rows = [f"{n} {words(60, seed=n)}" for n in range(80)]
    made.train_from_iterator(rows, trainer)
    made.save(str(tmp_path / "tokenizer.json"))
    text = "".join(json.dumps({"text": row}) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(text)
    tokenizer = str(tmp_path / "tokenizer.json")
    corpus = prepare(
        [source(tmp_path / "rows.jsonl")], tmp_path / "c", tokenizer=tokenizer, vocabulary=400
    )
    found = inside(corpus)
    assert any(row.startswith(found.sample) for row in rows)
    assert sum(one.documents for one in found.splits.values()) == 80
