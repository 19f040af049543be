"""A node is one 64-bit number: its child or leaf, its feature, where missing values go, its threshold.

The children of a node lie side by side, the left one first. A leaf has no feature, and in the child's place the row of
its means among those of its tree.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int32]
LEAF = 0xFFFF


@compiled
def packed(child: int, feature: int, missing_left: bool, threshold: int) -> int:
    """Make the number of a node; the feature is ``LEAF`` for a leaf."""
    return (child << 32) | (feature << 16) | ((1 if missing_left else 0) << 8) | threshold


@compiled
def feature_of(node: int) -> int:
    """Feature a node splits on, or ``LEAF``."""
    return (node >> 16) & LEAF


@compiled
def leaf_of(nodes: Ints, start: int, codes: Codes, missing: int) -> int:
    """Leaf, within its tree, that codes of shape (p,) fall into; the tree's nodes begin at ``start``."""
    node = nodes[start]
    while feature_of(node) != LEAF:
        code = codes[feature_of(node)]
        left = code <= (node & 0xFF) or (code == missing and (node >> 8) & 1 == 1)
        node = nodes[start + (node >> 32) + (0 if left else 1)]
    return int(node >> 32)


@compiled
def partitioned(column: Codes, rows: Rows, scratch: Rows, split: tuple[int, bool, int]) -> int:
    """Bring the rows that go left to the front, both sides in the order they had; how many they are.

    ``split`` is threshold, whether missing values go left, and their code.
    """
    threshold, missing_left, missing = split
    left, right = 0, 0
    for i in range(rows.shape[0]):
        row = rows[i]
        code = column[row]
        goes = (code <= threshold) | (missing_left & (code == missing))
        rows[left] = row
        scratch[right] = row
        left += goes
        right += not goes
    for i in range(right):
        rows[left + i] = scratch[i]
    return left


def leaf_reference(nodes: Ints, start: int, codes: Codes, missing: int) -> int:
    """Plain twin of :func:`leaf_of`."""
    node = int(nodes[start])
    while (feature := node >> 16 & LEAF) != LEAF:
        code = int(codes[feature])
        goes = bool(node >> 8 & 1) if code == missing else code <= node & 0xFF
        node = int(nodes[start + (node >> 32) + (not goes)])
    return node >> 32


def sides_reference(column: Codes, rows: Rows, split: tuple[int, bool, int]) -> tuple[Rows, Rows]:
    """Plain twin of :func:`partitioned`: the rows of either side."""
    threshold, missing_left, missing = split
    own = column[rows]
    goes = np.where(own == missing, missing_left, own <= threshold)
    return rows[goes], rows[~goes]
