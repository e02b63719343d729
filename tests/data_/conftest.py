"""Corpora for the tests of the data line, made of text that a seed decides."""

from pathlib import Path

import numpy as np
import pytest

from bestiary.data import Corpus, prepare, source


def words(count: int, seed: int) -> str:
    """Text of short lines, no two alike."""
    rng = np.random.default_rng(seed)
    return "".join(f"{i} {rng.integers(10**9)}\n" for i in range(count))


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("texts")
    paths = [folder / name for name in ("large.txt", "small.txt", "tiny.txt")]
    for seed, (path, count) in enumerate(zip(paths, (9000, 2500, 900), strict=True)):
        path.write_text(words(count, seed))
    return paths


@pytest.fixture(scope="session")
def corpus(texts: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return prepare([source(texts[0])], tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="session")
def mixed(texts: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    sources = [source(path, weight) for path, weight in zip(texts, (3.8, 0.25, 0.055), strict=True)]
    return prepare(sources, tmp_path_factory.mktemp("corpora"))
