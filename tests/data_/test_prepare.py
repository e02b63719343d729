"""Preparing: what is read, how it splits, and that it is there whole or not at all."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tests.data_.conftest import words

from bestiary.data import (
    MIXTURES,
    Corpus,
    Source,
    TextProgress,
    _draw,
    _progress,
    described,
    mixture,
    prepare,
    shares,
    source,
    starts,
    weights,
    write_shard,
)
from bestiary.errors import UserError

HERE = Path(__file__).parent


def text_of(tokens: np.ndarray) -> bytes:
    return tokens.astype(np.uint8).tobytes()


def documents_of(corpus: Corpus) -> dict[str, list[bytes]]:
    """The documents of every split, read back from the shards."""
    assert corpus.train_tokens is not None
    found = {"train": corpus.train_tokens}
    for split in ("selection", "report"):
        found[split] = corpus.validation(split, 1)[:, :1].ravel()
        found[split] = np.append(found[split], 0)
    return {split: text_of(tokens).split(b"\0")[:-1] for split, tokens in found.items()}


def test_all_text_is_there_once_and_the_splits_are_disjoint(
    corpus: Corpus, texts: list[Path]
) -> None:
    whole = texts[0].read_bytes()
    found = documents_of(corpus)
    pieces = [piece for split in found.values() for piece in split]
    assert sum(map(len, pieces)) == len(whole)
    begin = 0
    for piece in sorted(pieces, key=whole.index):
        assert whole[begin : begin + len(piece)] == piece
        assert piece.endswith(b"\n")
        begin += len(piece)
    for split in ("selection", "report"):
        assert 0.02 < sum(map(len, found[split])) / len(whole) < 0.12


def test_equal_documents_stay_in_one_split(tmp_path: Path) -> None:
    rows = [f"{n} " * 50 for n in range(60)] * 4
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    found = documents_of(prepare([source(path)], tmp_path / "c"))
    splits = [set(found[split]) for split in ("train", "selection", "report")]
    assert sum(map(len, splits)) == len(set().union(*splits)) == 60
    assert sum(len(split) for split in found.values()) == 240


def test_bytes_per_token_counts_text_and_not_separators(corpus: Corpus) -> None:
    found = documents_of(corpus)
    for split, documents in found.items():
        text = sum(map(len, documents))
        assert corpus.bytes_per_token(split) == text / (text + len(documents))


def test_preparing_again_changes_nothing(corpus: Corpus, texts: list[Path]) -> None:
    def state() -> dict[str, tuple[int, int, int]]:
        status = {path.name: path.stat() for path in corpus.folder.iterdir()}
        return {name: (s.st_ino, s.st_mtime_ns, s.st_size) for name, s in status.items()}

    before = state()
    again = prepare([source(texts[0])], corpus.folder.parent)
    assert again.spec == corpus.spec
    assert state() == before
    assert os.listdir(corpus.folder.parent) == [corpus.spec.digest]


def test_text_is_read_again_only_when_a_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text.txt"
    path.write_text(words(900, 7))
    first = prepare([source(path)], tmp_path / "corpora")

    def unread(*_: object) -> None:
        raise AssertionError("read again")

    with monkeypatch.context() as patch:
        patch.setattr(_draw, "documents", unread)
        assert prepare([source(path)], tmp_path / "corpora").spec == first.spec
        with pytest.raises(AssertionError, match="read again"):
            prepare([source(path)], tmp_path / "corpora", vocabulary=300)
        status = path.stat()
        path.write_text(words(900, 8)[: status.st_size])
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(AssertionError, match="read again"):
            prepare([source(path)], tmp_path / "corpora")
    assert prepare([source(path)], tmp_path / "corpora").spec != first.spec


@pytest.mark.parametrize(
    ("ending", "text", "expected"),
    [
        ("jsonl", "{}", {}),
        ("jsonl", "{},field=body", {"field": "body"}),
        ("jsonl", "{},weight=3.8,field=body", {"weight": 3.8, "field": "body"}),
        ("bin", "{},weight=3.8,bytes_per_token=4.5", {"weight": 3.8, "bytes_per_token": 4.5}),
    ],
)
def test_a_source_in_one_line(
    ending: str, text: str, expected: dict[str, object], tmp_path: Path
) -> None:
    path = tmp_path / f"a,b c=d.{ending}"
    path.write_text("{}")
    found = described(text.format(path))
    assert found.paths == (str(path),)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{},feld=body", "did you mean 'field'"),
        ("{},weight=much", "must be numbers, got 'much'"),
        ("{},weight=-1", "weight"),
        ("{},field=body,weight", "must be numbers, got ''"),
        ("{},body", "no such file"),
    ],
)
def test_a_mistake_in_a_line_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "text.jsonl"
    path.write_text("{}")
    with pytest.raises(UserError, match=message):
        described(text.format(path))


def test_the_digest_is_of_content_and_not_of_paths(texts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "moved.txt").write_bytes(texts[1].read_bytes())
    digests = [
        prepare(sources, tmp_path / str(index)).spec.digest
        for index, sources in enumerate(
            [
                [source(texts[1])],
                [source(tmp_path / "moved.txt", weight=2)],
                [source(texts[1]), source(texts[2])],
                [source(texts[1]), source(texts[2], weight=2)],
            ]
        )
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_a_mixture_validates_by_its_weights(mixed: Corpus) -> None:
    assert [part.quota for part in mixed.parts] == [1896, 125, 27]
    assert mixed.spec.name == "large+small+tiny"


def test_the_preset_has_the_weights_of_the_study(texts: list[Path]) -> None:
    study = MIXTURES["study"]
    assert [round(100 * one, 2) for one in shares(study).values()] == [92.57, 6.09, 1.34]
    sources = mixture(weights(study), dict(zip(weights(study), texts, strict=True)))
    assert [one.weight for one in sources] == [3.8, 0.25, 0.055]
    with pytest.raises(UserError, match="did you mean 'starcoderdata'"):
        mixture(weights(study), {"starcoder": texts[0]})
    with pytest.raises(UserError, match="'proofpile-2' has none"):
        mixture(weights(study), dict.fromkeys(list(study)[:2], texts[0]))


def test_token_shards_are_a_source(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 128_256, 200_000).astype("<u4")
    write_shard(tmp_path / "a.bin", ids[:150_000])
    write_shard(tmp_path / "b.bin", ids[150_000:])
    given = Source(
        kind="shards", paths=(f"{tmp_path}/a.bin", f"{tmp_path}/b.bin"), bytes_per_token=4.5
    )
    corpus = prepare([given], tmp_path / "c", vocabulary=128_256)
    assert corpus.train_tokens is not None
    sizes = [corpus.validation(split, 1).shape[0] + 1 for split in ("selection", "report")]
    assert corpus.train_tokens.size + sum(sizes) == ids.size
    assert corpus.bytes_per_token("report") == pytest.approx(4.5, rel=1e-4)
    assert corpus.train_tokens[:8192].tolist() in [
        ids[begin : begin + 8192].tolist() for begin in range(0, 40_960, 8192)
    ]
    assert corpus.manifest.tokenizer == "given"
    with pytest.raises(UserError, match=r"bytes_per_token=4\.5"):
        prepare([source(tmp_path / "a.bin")], tmp_path / "d", vocabulary=128_256)
    with pytest.raises(UserError, match=r"below the vocabulary 1000, got \d+ at byte \d+ of"):
        prepare([given], tmp_path / "d", vocabulary=1000)
    assert not (tmp_path / "d").exists()


def test_a_hugging_face_tokenizer_gives_its_own_ids(texts: list[Path], tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    reference = tokenizers.Tokenizer(tokenizers.models.BPE())
    reference.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    reference.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>"],
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    reference.train([str(texts[0])], trainer)
    path = tmp_path / "tokenizer.json"
    reference.save(str(path))
    size = reference.get_vocab_size()
    corpus = prepare([source(texts[0])], tmp_path / "c", str(path), vocabulary=size)
    assert corpus.train_tokens is not None
    text, *_ = documents_of(prepare([source(texts[0])], tmp_path / "c"))["train"]
    ids = [*reference.encode(text.decode()).ids, reference.token_to_id("<|endoftext|>")]
    assert corpus.train_tokens[: len(ids)].tolist() == ids
    assert corpus.bytes_per_token("train") > 1.2
    with pytest.raises(UserError, match=f"give the model a vocabulary of {size}"):
        prepare([source(texts[0])], tmp_path / "c", str(path))


def test_windows_outside_the_tokens_are_refused(corpus: Corpus) -> None:
    last = corpus.train_token_count - 9
    assert corpus.sequences(np.array([[0, last]]), 8).shape == (1, 2, 9)
    for start in (-1, last + 1):
        with pytest.raises(IndexError):
            corpus.sequences(np.array([start]), 8)


def test_a_corpus_of_many_shards_reads_like_one(
    texts: list[Path], tmp_path: Path, mixed: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = prepare([source(texts[0])], tmp_path / "one")
    monkeypatch.setattr("bestiary.data._part.SHARD_TOKENS", 3000)
    prepared = prepare([source(texts[0])], tmp_path / "many")
    many = Corpus.open(tmp_path / "many", prepared.spec.digest, resident_bytes=1000)
    assert len(many.parts[0].shards) > 5
    assert many.train_tokens is None
    start = starts(one, 4000, 0, first_step=0, steps=4, batch_size=3)
    assert (many.sequences(start, 4000) == one.sequences(start, 4000)).all()
    assert (many.validation("report", 32) == one.validation("report", 32)).all()
    assert prepared.train_tokens is not None
    assert (prepared.train_tokens == one.train_tokens).all()


def test_a_document_of_two_sources_is_in_one_split(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"{n} " * 50}) + "\n" for n in range(300)]
    (tmp_path / "a.jsonl").write_text("".join(rows[:200]))
    (tmp_path / "b.jsonl").write_text("".join(rows[100:]))
    sources = [source(tmp_path / "a.jsonl"), source(tmp_path / "b.jsonl")]
    splits = [set(rows) for rows in documents_of(prepare(sources, tmp_path / "c")).values()]
    assert sum(map(len, splits)) == len(set().union(*splits)) == 300


def test_long_documents_do_not_fill_a_validation_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = [4000 if n % 20 == 0 else 60 for n in range(800)]
    rows = [" ".join(map(str, rng.integers(10**6, 10**7, size // 8))) for size in sizes]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    found = documents_of(prepare([source(path)], tmp_path / "c"))
    for split in ("selection", "report"):
        assert found[split]
        assert max(map(len, found[split])) < 100


def test_equal_sources_are_read_in_different_orders(texts: list[Path], tmp_path: Path) -> None:
    corpus = prepare([source(texts[1]), source(texts[1])], tmp_path / "c")
    assert corpus.parts[0].tokens == corpus.parts[1].tokens
    start = starts(corpus, 16, 0, first_step=0, steps=1, batch_size=512).ravel()
    first, second = start[start < corpus.parts[0].tokens], start[start >= corpus.parts[0].tokens]
    assert first.size == second.size == 256
    assert (first != second - corpus.parts[0].tokens).any()


def test_parquet_reads_like_jsonl(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    rows = [f"{n} " * 50 for n in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    parquet.write_table(pyarrow.table({"text": rows}), tmp_path / "a.parquet", row_group_size=7)
    digests = {
        prepare([source(tmp_path / name)], tmp_path / "c").spec.digest
        for name in ("a.jsonl", "a.parquet")
    }
    assert len(digests) == 1


def test_how_far_it_is_is_told_stage_by_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_progress, "TOLD_EVERY_BYTES", 1)
    (tmp_path / "book.txt").write_text("".join(f"{n} is a number\n\n" for n in range(4000)))
    told: list[TextProgress] = []
    prepare([source(tmp_path / "book.txt")], tmp_path / "corpora", told=told.append)
    assert list(dict.fromkeys(one.stage for one in told)) == ["read", "compared", "tokenised"]
    size = (tmp_path / "book.txt").stat().st_size
    last = {one.stage: one for one in told}
    assert last["read"] == TextProgress("read", size, 0)
    assert last["compared"] == TextProgress("compared", 2 * size, 2 * size)
    assert last["tokenised"] == TextProgress("tokenised", size, size)
