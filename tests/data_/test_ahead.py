"""Work done ahead gives what work in order gives, and ends when its reader does."""

import threading
from collections.abc import Iterator

import pytest

from bestiary.data._ahead import ahead


def test_results_come_in_the_order_of_the_items() -> None:
    later = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            assert later.wait(60), "nobody works on the second while the first is under way"
        later.set()
        return item * item

    assert list(ahead(work, range(50))) == [item * item for item in range(50)]


def test_no_more_is_read_than_the_threads_can_use() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            read.append(item)
            yield item

    results = ahead(str, items(), threads=2)
    assert next(results) == "0"
    assert read == [0, 1, 2]
    results.close()
    assert read == [0, 1, 2]


def test_an_error_comes_in_its_place_and_leaves_no_thread() -> None:
    before = threading.active_count()
    results = ahead(lambda item: 1 // item, [1, 1, 0, 1])
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before
