"""Which sequences of a validation set are read when not all are, and how many at once."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestiary.data import Corpus
from bestiary.specs import RunSpec
from bestiary.train._evaluation import Judge, _spread
from bestiary.train._program import program
from bestiary.train._step import hyper, recipe


@given(rows=st.integers(1, 5000), most=st.integers(0, 6000))
def test_evaluated_rows_are_spread_evenly_over_the_whole_set(rows: int, most: int) -> None:
    chosen = _spread(rows, most)
    assert len(chosen) == (min(rows, most) if most else rows)
    assert chosen[0] == 0
    assert chosen[-1] < rows
    gaps = np.diff([*chosen, rows])
    assert gaps.min() >= 1
    assert gaps.max() - gaps.min() <= 1


@pytest.mark.parametrize(("vocabulary", "size"), [(256, 4), (2**27 // 24, 3), (2**27, 1)])
def test_a_large_vocabulary_is_evaluated_in_smaller_batches(
    make_run: Callable[..., RunSpec], corpus: Corpus, vocabulary: int, size: int
) -> None:
    small = make_run(batch_size=8, accumulation=2, evaluation_sequences=5)
    large = msgspec.structs.replace(small.model, context=8, vocabulary=vocabulary)
    run = msgspec.structs.replace(small, model=large)
    sequences_EBS = Judge(program(recipe(run), 1, True), run, corpus)._batches
    assert sequences_EBS.shape[1:] == (size, 9)
    assert sequences_EBS.shape[0] == -(-10 // size)


@pytest.mark.slow
def test_losses_do_not_depend_on_how_many_sequences_are_read_at_once(
    make_run: Callable[..., RunSpec], corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(evaluation_sequences=5)
    one = program(recipe(run), 1, True)
    start, _ = one.start.compiled(hyper(run))

    def losses() -> Any:
        return Judge(one, run, corpus).losses(*start(hyper(run)))[0]

    together = losses()
    monkeypatch.setattr("bestiary.train._evaluation._LOGITS", 1)
    assert losses() == pytest.approx(together, rel=1e-6)


def test_optimizers_that_evaluate_what_they_train_share_one_program(
    make_run: Callable[..., RunSpec],
) -> None:
    names = ("adamw", "lion", "schedule_free")
    adamw, lion, averaging = (program(recipe(make_run(name)), 1, True) for name in names)
    assert adamw.evaluate is lion.evaluate
    assert averaging.evaluate is not adamw.evaluate
    state = object()
    assert (adamw.judged_state(state), averaging.judged_state(state)) == (None, state)
    wide = program(recipe(make_run("lion", compute_dtype="bfloat16")), 1, True)
    assert wide.evaluate is not lion.evaluate
