"""Grow bags of two trees on one half-sample, and let the rows outside gather from them.

What the compiler keeps on disk of :func:`bags_kernel` holds the code of all it calls, and is made anew only when this
file changes: a change to how trees grow (last, that leaves hold rows) is to be said here, or old trees are grown on.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled
from estimand.kernels.forest.draws import ESTIMATES, OUTSIDE, SPLITS, Labels, Words, draw_bag, draw_halves
from estimand.kernels.forest.grow import Floats, Growth, Ints, Parts, Rows, Table, grow_kernel, tree_room
from estimand.kernels.forest.leaves import gather_kernel, gathered_of, means_of

DEPTHS = 4
# Independent units of a bag, and of those in a tree the ones that split and the ones that estimate, which is none where
# the same do both.
Sizes = tuple[int, int, int]


@compiled
def _parts(labels: Labels, units: Rows, honest: bool) -> Parts:
    """Rows of each part, ascending."""
    n = units.shape[0]
    splits, estimates, outside = np.empty(n + 1, np.int32), np.empty(n + 1, np.int32), np.empty(n + 1, np.int32)
    a, b, c = 0, 0, 0
    for i in range(n):
        label = labels[units[i]]
        splits[a], estimates[b], outside[c] = i, i, i
        a += label == SPLITS
        b += label == ESTIMATES
        c += label == OUTSIDE
    return splits[:a], estimates[:b] if honest else splits[:a].copy(), outside[:c]


@compiled
def _longer(array: npt.NDArray[np.int64], used: int, more: int) -> npt.NDArray[np.int64]:
    if used + more <= array.shape[0]:
        return array
    out = np.empty(max(2 * array.shape[0], used + more), np.int64)
    for i in range(used):
        out[i] = array[i]
    return out


@compiled
def _taller(array: Floats, used: int, more: int) -> Floats:
    if used + more <= array.shape[0]:
        return array
    out = np.empty((max(2 * array.shape[0], used + more), array.shape[1]))
    for i in range(used):
        for m in range(array.shape[1]):
            out[i, m] = array[i, m]
    return out


@compiled
def bags_kernel(
    table: Table, units: Rows, labels: Labels, seeds: Words, sizes: Sizes, growth: Growth
) -> tuple[Floats, Ints, Floats, Ints, Floats]:
    """Grow a batch of bags.

    Parameters
    ----------
    table : tuple of ndarray (p, n) and ndarray (n, 2 + K)
        Codes; weight, outcome and treatments.
    units : ndarray of shape (n,)
        Independent unit of each row, from 0.
    labels : ndarray of shape (units,)
        Room to work in.
    seeds : ndarray of shape (b,)
        One for each bag.
    sizes, growth : tuple
        See ``Sizes`` and ``grow.Growth``.

    Returns
    -------
    gathered : ndarray of shape (n, 1 + q + q (q + 1))
        Of the rows outside; see ``leaves``.
    nodes : ndarray
        Of all trees, one after the other.
    means : ndarray of shape (·, q)
        Of all leaves, likewise.
    ends : ndarray of shape (2 b + 1, 2)
        Where the nodes and the leaves of each tree begin.
    used : ndarray of shape (DEPTHS, p)
        Splits on each feature at each depth.
    """
    codes, responses = table
    n, p, q = codes.shape[1], codes.shape[0], means_of(responses.shape[1] - 2)
    gathered, used = np.zeros((n, gathered_of(q))), np.zeros((DEPTHS, p))
    nodes, means = np.empty(1024, np.int64), np.empty((1024, q))
    ends, trees = np.zeros((2 * seeds.shape[0] + 1, 2), np.int64), 0
    state, honest = np.empty(1, np.uint64), sizes[2] > 0
    for bag in range(seeds.shape[0]):
        state[0] = seeds[bag]
        draw_bag(state, labels, sizes[0])
        for turn in range(2):
            draw_halves(state, labels, sizes[0], sizes[1], sizes[2])
            parts = _parts(labels, units, honest)
            space = tree_room((parts[0].shape[0], n), (responses.shape[1], q, p), growth)
            size, leaves = grow_kernel(table, parts, state, growth, space, used)
            tree = space[0]
            at, below = ends[trees, 0], ends[trees, 1]
            nodes, means = _longer(nodes, at, size), _taller(means, below, leaves)
            for i in range(size):
                nodes[at + i] = tree[0][i]
            for i in range(leaves):
                for m in range(q):
                    means[below + i, m] = tree[1][i, m]
            ends[trees + 1, 0], ends[trees + 1, 1] = at + size, below + leaves
            trees += 1
            if turn == 0:
                earlier = tree[3]
            else:
                outside = parts[2]
                for i in range(outside.shape[0]):
                    row = outside[i]
                    first, second = ends[trees - 2, 1] + earlier[row], below + tree[3][row]
                    gather_kernel(means[first], means[second], gathered[row])
    return gathered, nodes[: ends[trees, 0]].copy(), means[: ends[trees, 1]].copy(), ends, used
