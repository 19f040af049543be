"""New rows through a grown forest: what they gather from the leaves they fall into."""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled
from estimand.kernels.forest.leaves import gather_kernel, gather_reference, gathered_of
from estimand.kernels.forest.nodes import leaf_of, leaf_reference

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
# Nodes of all trees, means of all leaves, and where each tree's begin; see ``bags``.
Forest = tuple[Ints, Floats, Ints]


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
    rows, q = codes.shape[0], means.shape[1]
    out = np.zeros((rows, gathered_of(q) if products else 1 + q))
    for bag in range((ends.shape[0] - 1) // 2):
        tree = 2 * bag
        for i in range(rows):
            first = ends[tree, 1] + leaf_of(nodes, ends[tree, 0], codes[i], missing)
            second = ends[tree + 1, 1] + leaf_of(nodes, ends[tree + 1, 0], codes[i], missing)
            if products:
                gather_kernel(means[first], means[second], out[i])
            else:
                out[i, 0] += 1.0
                for m in range(q):
                    out[i, 1 + m] += 0.5 * (means[first, m] + means[second, m])
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
