"""Metrics files survive a torn line anywhere, and a checkpoint knows what they must contain."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bestiary.train._metrics import Metric, MetricWriter, read_metrics, thinned


def metric(step: int, loss: float | None = 1.5) -> Metric:
    return Metric(
        step=step, loss=loss, grad_norm=0.1, learning_rate=1e-3, tokens=64 * step, seconds=0.5
    )


def test_a_file_cut_at_any_byte_loses_at_most_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = MetricWriter(path)
    rows = [metric(step, loss=1 / (step + 3)) for step in range(4)]
    writer.write(rows)
    writer.close()
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert read_metrics(path) == rows[: content[:length].count(b"\n")]


def test_of_a_step_written_twice_the_later_line_holds(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = MetricWriter(path)
    writer.write([metric(0), metric(1, 2.0), metric(2), metric(1, 3.0)])
    writer.close()
    assert [(row.step, row.loss) for row in read_metrics(path)] == [(0, 1.5), (1, 3.0), (2, 1.5)]


def test_a_loss_that_is_not_finite_is_null(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = MetricWriter(path)
    writer.write([metric(0, None)])
    writer.close()
    line = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert line["loss"] is None


def test_a_prefix_is_returned_exactly_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    writer = MetricWriter(path)
    writer.write([metric(0), metric(1)])
    prefix = writer.sync()
    writer.write([metric(2)])
    writer.close()
    content = path.read_bytes()
    assert prefix.read(path) == content[: prefix.length]
    for position in range(prefix.length):
        damaged = bytearray(content)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged"):
            prefix.read(path)


@given(st.lists(st.floats(0, 10), max_size=1000), st.integers(1, 50))
def test_the_curve_is_the_mean_of_windows(losses: list[float], points: int) -> None:
    curve = thinned(losses, points)
    assert len(curve) <= points
    steps = [0, *(point.step for point in curve)]
    assert steps == sorted(set(steps))
    assert steps[-1] == len(losses)
    for begin, point in zip(steps, curve, strict=False):
        window = losses[begin : point.step]
        assert point.loss == pytest.approx(sum(window) / len(window))
