"""Rows a few thousand at a time, so that what is between input and output stays in the processor's cache."""

from collections.abc import Iterator

ROWS = 16_384


def blocks(rows: int, multiple: int = 1) -> Iterator[slice]:
    """Cut rows into consecutive slices, each of a multiple of some rows; the last may be shorter.

    Examples
    --------
    >>> [(block.start, block.stop) for block in blocks(40_000, 10_000)]
    [(0, 10000), (10000, 20000), (20000, 30000), (30000, 40000)]
    """
    step = max(ROWS // multiple, 1) * multiple
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
