"""Work on the next items while the last ones are used: reading, work and writing at a time."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int = 2
) -> Generator[Result, None, None]:
    """`map(work, items)` with the work done by threads, a few items ahead of who takes the results.

    Items are read, and results used, in the caller's thread; so it pays where the work leaves
    Python to others, as tokenizers and numpy do. Two threads hide what one does in Python between.

    Args:
        work: What is done, at a time for several items.
        items: Read in order, as many ahead as there are threads and one.
        threads: How many.

    Yields:
        The results in the order of the items. What `work` raises comes in its place. Closing the
        generator waits for what is under way and drops the rest.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="bestiary-data") as pool:
        try:
            for item in items:
                pending.append(pool.submit(work, item))
                if len(pending) > threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
