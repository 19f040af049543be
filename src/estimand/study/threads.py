"""Linear algebra on one thread, so that the number of threads never moves a digit."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Hold the linear-algebra libraries to one thread; parallelism is over batches instead."""
    with _controller().limit(limits=1):
        yield
