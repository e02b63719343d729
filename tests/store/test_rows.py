"""Tables of strangers: bounded in what they take, whatever they claim to be."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from bestiary.errors import UserError
from bestiary.store._rows import MOST_BYTES, read_rows


@pytest.mark.slow
def test_a_bomb_is_refused_with_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"optimizer,loss\n")
        for _ in range(MOST_BYTES // 10**6 * 3):
            file.write(bytes(10**6))
    assert path.stat().st_size < 6e6
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="at most 100 MB of text"):
            read_rows(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1e9


def test_a_table_in_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv.gz"
    path.write_bytes(gzip.compress(b"optimizer,loss\nadamw,3.5\n"))
    assert read_rows(path) == [(2, {"optimizer": "adamw", "loss": "3.5"})]
