"""The data order is a pure function of (seed, step), and an epoch reads everything once."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.data import BLOCK, Corpus, starts
from bestiary.data._mixture import interleaved, locate, quotas
from bestiary.data._permutation import permuted, shuffled
from bestiary.errors import UserError

CONTEXT = 32
GOLDEN_ORDER = [494, 505, 711, 112, 975, 987, 697, 880]
few = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**80)


@few
@given(size=st.integers(1, 700), key=st.integers(0, 2**64 - 1))
def test_a_shuffle_is_a_permutation_of_every_epoch(size: int, key: int) -> None:
    order = shuffled(np.arange(3 * size), size, key).reshape(3, size)
    assert (np.sort(order, axis=1) == np.arange(size)).all()


def test_orders_are_spread_evenly() -> None:
    """Chi-square of where index 0 and the pair (0, 1) of range(6) go, over many keys."""
    keys = np.arange(30_000, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    first, second = (permuted(np.full(30_000, i, np.uint64), 6, keys) for i in (0, 1))
    counts = np.bincount((first * 6 + second).astype(np.int64), minlength=36)
    counts = counts[counts > 0]
    assert counts.size == 30
    expected = 30_000 / 30
    assert ((counts - expected) ** 2 / expected).sum() < 60  # 29 degrees: p < 0.0006


def test_large_domains_need_no_memory() -> None:
    index = np.array([0, 1, 2, 10**12, 10**15 - 1])
    image = shuffled(index, 10**15, 7)
    assert len(set(image.tolist())) == 5
    assert ((image >= 0) & (image < 10**15)).all()


@few
@given(seed=seeds, step=st.integers(0, 10**7), batch_size=st.integers(1, 40))
def test_a_batch_is_pure_in_seed_and_step(
    mixed: Corpus, seed: int, step: int, batch_size: int
) -> None:
    one = starts(mixed, CONTEXT, seed, first_step=step, steps=1, batch_size=batch_size)
    window = starts(
        mixed, CONTEXT, seed, first_step=max(0, step - 3), steps=7, batch_size=batch_size
    )
    assert (window[min(3, step)] == one[0]).all()


@few
@given(cuts=st.lists(st.integers(1, 59), max_size=5), seed=seeds)
def test_resuming_anywhere_reads_what_an_unbroken_run_reads(
    mixed: Corpus, cuts: list[int], seed: int
) -> None:
    bounds = sorted({0, *cuts, 60})
    parts = [
        starts(mixed, CONTEXT, seed, first_step=a, steps=b - a, batch_size=8)
        for a, b in itertools.pairwise(bounds)
    ]
    unbroken = starts(mixed, CONTEXT, seed, first_step=0, steps=60, batch_size=8)
    assert (np.concatenate(parts) == unbroken).all()


@few
@given(seed=seeds)
def test_the_batch_size_does_not_change_the_order(corpus: Corpus, seed: int) -> None:
    small = starts(corpus, CONTEXT, seed, first_step=6, steps=12, batch_size=5)
    large = starts(corpus, CONTEXT, seed, first_step=2, steps=4, batch_size=15)
    assert (small.ravel() == large.ravel()).all()


@pytest.mark.parametrize("context", [1, 32, 1000])
def test_every_sequence_once_an_epoch_and_reshuffled(corpus: Corpus, context: int) -> None:
    size = corpus.train_sequences(context)
    epochs = starts(corpus, context, 3, first_step=0, steps=2, batch_size=size)
    expected = np.arange(size) * context
    assert (np.sort(epochs, axis=1) == expected).all()
    assert (epochs[0] != epochs[1]).any()


def test_every_source_of_a_mixture_is_read_once_an_epoch(mixed: Corpus) -> None:
    read = starts(mixed, CONTEXT, 5, first_step=0, steps=450, batch_size=64).ravel()
    offset = 0
    for part in mixed.parts:
        mine = read[(read >= offset) & (read < offset + part.tokens)] - offset
        size = (part.tokens - 1) // CONTEXT
        epoch = mine[:size]
        assert len(epoch) == size
        assert (np.sort(epoch) == np.arange(size) * CONTEXT).all()
        offset += part.tokens


def test_epochs_are_those_of_the_source_that_is_read_most_often(
    corpus: Corpus, mixed: Corpus
) -> None:
    assert corpus.epochs(corpus.train_token_count) == 1.0
    tokens = 10 * mixed.train_token_count
    batch, context = 64, 16
    steps = tokens // (batch * context)
    start = starts(mixed, context, 0, first_step=0, steps=steps, batch_size=batch).ravel()
    edges = np.cumsum([0, *(part.tokens for part in mixed.parts)])
    read = np.histogram(start, edges)[0] * context / np.diff(edges)
    assert mixed.epochs(tokens) == pytest.approx(read.max(), rel=0.02)


@few
@given(weights=st.lists(st.floats(0.01, 4), min_size=1, max_size=6), begin=st.integers(0, 10**9))
def test_mixture_shares_are_within_one_block_of_the_weights(
    weights: list[float], begin: int
) -> None:
    quota = quotas(weights)
    shares = np.array(weights) / sum(weights)
    assert sum(quota) == BLOCK
    assert (np.abs(np.array(quota) - shares * BLOCK) <= 1).all()
    source, _ = locate(begin + np.arange(BLOCK), quota)
    assert (np.bincount(source, minlength=len(weights)) == quota).all()
    batch, _ = locate(begin // BLOCK * BLOCK + np.arange(128), quota)
    spread = np.bincount(batch, minlength=len(weights)) - np.array(quota) * 128 / BLOCK
    assert np.abs(spread).max() <= len(weights)


@few
@given(weights=st.lists(st.floats(0.01, 4), min_size=1, max_size=6))
def test_the_index_in_a_source_counts_up_without_gaps(weights: list[float]) -> None:
    quota = quotas(weights)
    source, index = locate(np.arange(3 * BLOCK), quota)
    for number in range(len(quota)):
        mine = index[source == number]
        assert (mine == np.arange(mine.size)).all()


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf"), 1e-9])
def test_weights_that_mean_nothing_are_refused(weight: float) -> None:
    with pytest.raises(UserError, match="weight"):
        quotas([1.0, weight])


def test_other_seeds_read_in_another_order(corpus: Corpus) -> None:
    orders = {
        starts(corpus, CONTEXT, seed, first_step=0, steps=1, batch_size=64).tobytes()
        for seed in (0, 1, 2**64, 2**64 + 1)
    }
    assert len(orders) == 4


def test_the_order_never_changes() -> None:
    """Golden values: changing them would change what every recorded run was trained on."""
    assert shuffled(np.arange(8), 1000, 42).tolist() == GOLDEN_ORDER
    assert interleaved((3, 1, 1, BLOCK - 5))[0][:3].tolist() == [3, 3, 3]
