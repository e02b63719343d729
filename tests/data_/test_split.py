"""What validates: never more than a twentieth, and nothing that stands in training as well."""

import json
from pathlib import Path

import numpy as np
import pytest

from bestiary.data import Corpus, prepare, source, write_shard
from bestiary.data._copies import Passage, near_copies
from bestiary.data._documents import documents
from bestiary.data._split import LARGEST_FRACTION, SURVEY, choose_split, pool
from bestiary.errors import UserError

WORDS = ["river", "stone", "mill", "lantern", "seven", "hills", "quiet", "under", "walks", "near"]


def prose(seed: int, size: int) -> str:
    """Paragraphs of words, of about that many bytes."""
    rng = np.random.default_rng(seed)
    paragraphs = []
    while size > 0:
        words = rng.choice(WORDS, rng.integers(20, 90))
        paragraphs.append(f"{' '.join(words)} {rng.integers(10**6)}.\n\n")
        size -= len(paragraphs[-1])
    return "".join(paragraphs)


def rows(path: Path, texts: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def leaked(corpus: Corpus, split: str, width: int = 64) -> tuple[int, int]:
    """How many rows of a validation set stand verbatim in the training text, and of how many."""
    assert corpus.train_tokens is not None
    train = corpus.train_tokens.astype(np.uint8).tobytes()
    validation = corpus.validation(split, width).astype(np.uint8)
    return sum(row[:width].tobytes() in train for row in validation), len(validation)


def shares(corpus: Corpus) -> list[float]:
    content = corpus.manifest.content
    total = sum(part.text_bytes for part in content.parts)
    return [part.text_bytes / total for part in (content.selection, content.report)]


@pytest.mark.parametrize("seed", range(8))
def test_a_long_document_among_short_ones_is_trained_on(tmp_path: Path, seed: int) -> None:
    texts = [prose(100 * seed + n, 700) for n in range(60)]
    texts.insert(7 * seed, prose(seed + 10_000, 150_000))
    corpus = prepare([source(rows(tmp_path / "r.jsonl", texts))], tmp_path / "c")
    assert 0 < min(shares(corpus)) <= max(shares(corpus)) <= LARGEST_FRACTION
    assert corpus.train_token_count > 150_000


@pytest.mark.parametrize("count", [3, 19])
def test_documents_of_which_none_is_short_enough_are_refused(tmp_path: Path, count: int) -> None:
    path = rows(tmp_path / "r.jsonl", [f"{n:02} " * 50 for n in range(count)])
    with pytest.raises(UserError, match=f"at most 5% of the text, and 0 of {count} documents"):
        prepare([source(path)], tmp_path / "c")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("seed", range(20))
def test_no_set_is_larger_than_its_share_whatever_the_lengths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    survey = np.zeros(int(rng.integers(40, 400)), SURVEY)
    survey["position"] = rng.integers(2**62, size=survey.size)
    survey["size"] = rng.pareto(0.7, survey.size) * 100 + 1
    total = int(survey["size"].sum())
    drawn = pool(survey, int(LARGEST_FRACTION * total), "a text")
    split = choose_split(drawn, frozenset(drawn.positions[::3].tolist()))
    assert split.selection
    assert split.report
    assert not split.selection & split.report
    for chosen in split:
        inside = np.isin(survey["position"], list(chosen))
        assert survey["size"][inside].sum() <= LARGEST_FRACTION * total


def test_copies_of_a_document_count_together(tmp_path: Path) -> None:
    """Each is short, but all copies go the same way."""
    texts = [prose(n, 700) for n in range(60)] + [prose(99, 700)] * 60
    corpus = prepare([source(rows(tmp_path / "r.jsonl", texts))], tmp_path / "c")
    assert max(shares(corpus)) <= LARGEST_FRACTION


def test_two_editions_of_a_text_are_not_on_both_sides(tmp_path: Path) -> None:
    book = prose(1, 300_000)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "first.txt").write_text(book)
    (tmp_path / "t" / "second.txt").write_text(prose(2, 3_000) + book)
    corpus = prepare([source(tmp_path / "t")], tmp_path / "c")
    for split in ("selection", "report"):
        found, of = leaked(corpus, split)
        assert of > 100
        assert found == 0


def test_editions_are_soon_cut_alike(tmp_path: Path) -> None:
    book = prose(3, 200_000)
    pieces = []
    for name, text in (("a", book), ("b", "A preface of no length.\n\n" + book)):
        (tmp_path / f"{name}.txt").write_text(text)
        pieces.append({one.text for one in documents(source(tmp_path / f"{name}.txt"))})
    assert len(pieces[0] & pieces[1]) > 0.9 * len(pieces[0])


def test_short_files_of_a_long_text_stay_whole(tmp_path: Path) -> None:
    for n in range(200):
        (tmp_path / f"{n:03}.txt").write_text(prose(n, 3000))
    assert sum(1 for _ in documents(source(tmp_path))) == 200


@pytest.mark.slow
@pytest.mark.parametrize("changed", [0, 0.1])
def test_near_copies_are_kept_together_and_counted(tmp_path: Path, changed: float) -> None:
    """A crawl with mirrors: a third of the rows stand there again with another header."""
    originals = [prose(n, 3000) for n in range(300)]
    mirrors = [
        f"Mirrored on day {n}\n" + text[: int((1 - changed) * len(text))]
        for n, text in enumerate(originals[:100])
    ]
    corpus = prepare([source(rows(tmp_path / "r.jsonl", originals + mirrors))], tmp_path / "c")
    assert corpus.reading is not None
    assert corpus.reading.near_copies > 10
    assert corpus.reading.copies_left == 0
    assert sum(leaked(corpus, split)[0] for split in ("selection", "report")) == 0


def test_where_all_is_copied_the_copies_in_validation_are_reported(tmp_path: Path) -> None:
    texts = [prose(n, 3000) for n in range(60)]
    texts += [f"Mirrored on day {n}\n{text}" for n, text in enumerate(texts)]
    corpus = prepare([source(rows(tmp_path / "r.jsonl", texts))], tmp_path / "c")
    assert corpus.reading is not None
    validating = sum(corpus.reading.splits[name].documents for name in ("selection", "report"))
    assert corpus.reading.copies_left == validating
    assert any("losses there are too low" in line for line in corpus.reading.lines())


def test_near_copies_of_the_same_passages_in_any_order() -> None:
    """The reference: n-grams compared one by one, all of them."""
    texts = {n: prose(n, 4000).encode() for n in range(12)}
    texts[20] = texts[0][1000:] + texts[1][:1000]  # three quarters of one, a quarter of the other
    texts[21] = texts[2][:1500] + prose(21, 2500).encode()
    drawn = (0, 1, 2, 3, 20, 21)
    passages = [Passage(n, text) for n, text in texts.items()]

    def grams(text: bytes) -> set[bytes]:
        return {text[i : i + 64] for i in range(len(text) - 63)}

    def shared(n: int) -> float:
        others = set().union(*(grams(text) for m, text in texts.items() if m != n))
        return len(grams(texts[n]) & others) / len(grams(texts[n]))

    expected = {n for n in drawn if shared(n) >= 0.5}
    assert expected == {0, 20}
    for order in (passages, passages[::-1]):
        found = near_copies(
            [one for one in order if one.position in drawn],
            [one for one in order if one.position not in drawn],
        )
        assert found == expected


def test_token_shards_are_compared_too(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 256, 8192 * 60).astype("<u2")
    write_shard(tmp_path / "a.bin", ids)
    write_shard(tmp_path / "b.bin", ids[4096:])  # every block of it overlaps two of the other
    corpus = prepare([source(tmp_path)], tmp_path / "c")
    assert corpus.reading is not None
    assert corpus.reading.copies_left > 0
