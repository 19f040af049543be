"""New rows through a grown forest: what they gather from the leaves they fall into."""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled
from estimand.kernels.forest.leaves import gather_kernel, gather_reference, gathered_of
from estimand.kernels.forest.nodes import LEAF, feature_of, leaf_of, leaf_reference

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
# Nodes of all trees, means of all leaves, and where each tree's begin; see ``bags``.
Forest = tuple[Ints, Floats, Ints]


# Up to so many rows are followed through all trees at once: waiting for one tree's nodes then hides behind the others'.
FEW = 16


@compiled
def _leaves(forest: Forest, codes: Codes, missing: int, at: Ints, live: Ints) -> None:
    """Write the leaf, among those of all trees, that one row falls into in each tree, level by level in all of them.

    Parameters
    ----------
    forest : tuple of ndarray
    codes : ndarray of shape (p,)
    missing : int
    at : ndarray of shape (trees,)
        Written to.
    live : ndarray of shape (trees,)
        Room to work in.
    """
    nodes, _, ends = forest
    for tree in range(at.shape[0]):
        at[tree], live[tree] = ends[tree, 0], tree
    left = at.shape[0]
    while left > 0:
        kept = 0
        for i in range(left):
            tree = live[i]
            node = nodes[at[tree]]
            feature = feature_of(node)
            if feature == LEAF:
                at[tree] = ends[tree, 1] + (node >> 32)
            else:
                code = codes[feature]
                goes = (code <= (node & 0xFF)) | ((code == missing) & ((node >> 8) & 1 == 1))
                at[tree] = ends[tree, 0] + (node >> 32) + (0 if goes else 1)
                live[kept] = tree
                kept += 1
        left = kept


@compiled
def _added(first: Floats, second: Floats, products: bool, into: Floats) -> None:
    """Add a bag's leaf means to what a row gathers."""
    if products:
        gather_kernel(first, second, into)
    else:
        into[0] += 1.0
        for m in range(first.shape[0]):
            into[1 + m] += 0.5 * (first[m] + second[m])


@compiled
def route_kernel(forest: Forest, codes: Codes, missing: int, products: bool) -> Floats:
    """Gather over all bags of two trees.

    Parameters
    ----------
    forest : tuple of ndarray
    codes : ndarray of shape (m, p)
        Of the new rows, a row's codes side by side.
    missing : int
        Code of missing values.
    products : bool
        Whether products are needed, for variances.

    Returns
    -------
    ndarray of shape (m, 1 + q + q (q + 1)) or (m, 1 + q)
        See ``leaves``.
    """
    nodes, means, ends = forest
    rows, q, trees = codes.shape[0], means.shape[1], ends.shape[0] - 1
    out = np.zeros((rows, gathered_of(q) if products else 1 + q))
    at, live = np.empty(trees, np.int64), np.empty(trees, np.int64)
    for i in range(rows if rows <= FEW else 0):
        _leaves(forest, codes[i], missing, at, live)
        for tree in range(0, trees, 2):
            _added(means[at[tree]], means[at[tree + 1]], products, out[i])
    for tree in range(0, trees if rows > FEW else 0, 2):
        for i in range(rows):
            first = ends[tree, 1] + leaf_of(nodes, ends[tree, 0], codes[i], missing)
            second = ends[tree + 1, 1] + leaf_of(nodes, ends[tree + 1, 0], codes[i], missing)
            _added(means[first], means[second], products, out[i])
    return out


def route_reference(forest: Forest, codes: Codes, missing: int) -> Floats:
    """Plain twin of :func:`route_kernel` with products."""
    nodes, means, ends = forest
    out = np.zeros((codes.shape[0], 1 + means.shape[1] * (means.shape[1] + 2)))
    for tree in range(0, ends.shape[0] - 1, 2):
        for i, row in enumerate(codes):
            pair = [means[ends[t, 1] + leaf_reference(nodes, int(ends[t, 0]), row, missing)] for t in (tree, tree + 1)]
            out[i] += gather_reference(pair[0], pair[1])
    return out
