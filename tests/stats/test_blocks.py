"""Blocks of rows cover every row once, in order."""

import pytest

from estimand.stats.blocks import ROWS, blocks


@pytest.mark.parametrize("multiple", [1, 7, 10, ROWS, 3 * ROWS])
@pytest.mark.parametrize("rows", [0, 1, ROWS, 5 * ROWS + 3])
def test_every_row_is_in_one_block_and_blocks_are_whole_multiples(rows: int, multiple: int) -> None:
    cut = list(blocks(rows, multiple))
    assert [row for block in cut for row in range(block.start, block.stop)] == list(range(rows))
    assert all((block.stop - block.start) % multiple == 0 for block in cut[:-1])
