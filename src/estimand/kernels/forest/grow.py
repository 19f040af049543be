"""Grow a tree: split on one part of its rows, estimate on another, and route those outside its bag as it grows."""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled
from estimand.kernels.forest.draws import Tries, Words, draw_tried, rank_features
from estimand.kernels.forest.leaves import leaf_kernel
from estimand.kernels.forest.nodes import LEAF, packed, partitioned
from estimand.kernels.forest.packed import EITHER, MOST_ROWS, Split, pack_kernel, packed_split_kernel
from estimand.kernels.forest.relabel import marks_of, relabel_kernel
from estimand.kernels.forest.split import split_kernel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]
Codes = npt.NDArray[np.uint8]
# Codes and responses of all rows.
Table = tuple[Codes, Floats]
# Rows that split, that estimate, and that are outside the bag; put in another order as the tree grows.
Parts = tuple[Rows, Rows, Rows]
# Features to try at each node, number of codes, rows and share of rows that a side must keep, penalty of imbalance, and
# whether all rows weigh the same.
Growth = tuple[Tries, int, int, float, float, bool]
# Nodes, means of leaves, spans of the nodes' rows with their depth, and the leaf of each row outside.
Tree = tuple[Ints, Floats, Ints, Rows]
# Marks, histogram, numbers, bins, order of the features, rows, merits of the features, features tried.
Room = tuple[Floats, Floats, Ints, Ints, Ints, Rows, Floats, Ints]


@compiled
def tree_room(rows: tuple[int, int], shape: tuple[int, int, int], growth: Growth) -> tuple[Tree, Room]:
    """Room for a tree on so many splitting rows of all rows, with responses, means and features of so many columns."""
    splits, n = rows
    marks, capacity = marks_of(shape[0]), 2 * (splits // max(growth[2], 1)) + 3
    tree = (
        np.empty(capacity, np.int64),
        np.empty((capacity // 2 + 1, shape[1])),
        np.empty((capacity, 7), np.int64),
        np.empty(n, np.int32),
    )
    room = (
        np.empty((splits, marks)),
        np.empty((growth[1] + 2, marks)),
        np.empty(splits, np.int64),
        np.empty(growth[1], np.int64),
        np.arange(shape[2]),
        np.empty(n, np.int32),
        np.zeros((2, shape[2])),
        np.empty(shape[2], np.int64),
    )
    return tree, room


@compiled
def _found(table: Table, rows: Rows, room: Room, state: Words, growth: Growth, depth: int) -> Split:
    """Best split of a node, if it can be split at all."""
    codes, responses = table
    marks, histogram, numbers, bins, order, _, merits, tried = room
    tries, _, least, alpha, penalty, even = growth
    arms, n = responses.shape[1] > 2, rows.shape[0]
    fewest = max(int(np.ceil(alpha * n)), least, 2 * EITHER if arms else 1)
    if n < 2 * fewest or not relabel_kernel(responses, rows, marks):
        return (0.0, -1, 0, False)
    count = draw_tried(state, order, tried, tries, depth)
    rules = (EITHER, fewest, penalty, arms)
    if even and marks.shape[1] == 3 and n < MOST_ROWS:
        sums = pack_kernel(marks[:n], numbers)
        return packed_split_kernel(codes, rows, (numbers, sums), (tried[:count], merits), bins, rules)
    return split_kernel(codes, rows, marks, (tried[:count], merits), histogram, rules)


@compiled
def _missing_side(codes: Codes, rows: Rows, split: Split, missing: int) -> bool:
    """Side of missing values: the better one where there were some, else the one with more rows."""
    _, feature, threshold, missing_left = split
    left, some = 0, False
    for i in range(rows.shape[0]):
        code = codes[feature, rows[i]]
        left += code <= threshold
        some = some or code == missing
    return missing_left if some else 2 * left >= rows.shape[0]


@compiled
def _span(span: Ints, ends: tuple[int, int, int, int, int, int], depth: int) -> None:
    span[0], span[1], span[2], span[3], span[4], span[5] = ends
    span[6] = depth


@compiled
def grow_kernel(
    table: Table, parts: Parts, state: Words, growth: Growth, space: tuple[Tree, Room], used: Floats
) -> tuple[int, int]:
    """Grow one tree, breadth first; return how many nodes and leaves it has.

    Parameters
    ----------
    table, parts, growth : tuple
        See the names above.
    state : ndarray of shape (1,)
        Random stream.
    space : tuple
        Written to; see :func:`tree_room`.
    used : ndarray of shape (depths, p)
        Splits on each feature at each depth, added to.
    """
    tree, room = space
    nodes, means, spans, where = tree
    splits, estimates, outside = parts
    missing = growth[1] - 1
    _span(spans[0], (0, splits.shape[0], 0, estimates.shape[0], 0, outside.shape[0]), 0)
    count, leaves, k, ranked = 1, 0, 0, 0
    while k < count:
        span = spans[k]
        a, b, c, d, e, f, depth = span[0], span[1], span[2], span[3], span[4], span[5], span[6]
        if depth > ranked and 0 <= growth[0][4] <= depth:
            rank_features(room[6], room[4], growth[0][0])
            ranked = depth
        split = _found(table, splits[a:b], room, state, growth, depth)
        feature = split[1]
        if feature >= 0:
            column = table[0][feature]
            rule = (split[2], _missing_side(table[0], splits[a:b], split, missing), missing)
            middle = c + partitioned(column, estimates[c:d], room[5], rule)
            if c < middle < d:
                first = a + partitioned(column, splits[a:b], room[5], rule)
                last = e + partitioned(column, outside[e:f], room[5], rule)
                _span(spans[count], (a, first, c, middle, e, last), depth + 1)
                _span(spans[count + 1], (first, b, middle, d, last, f), depth + 1)
                nodes[k] = packed(count, feature, rule[1], rule[0])
                if depth < used.shape[0]:
                    used[depth, feature] += 1.0
                count += 2
            else:
                feature = -1
        if feature < 0:
            leaf_kernel(table[1], estimates[c:d], means[leaves])
            nodes[k] = packed(leaves, LEAF, False, 0)
            for i in range(e, f):
                where[outside[i]] = leaves
            leaves += 1
        k += 1
    return count, leaves
