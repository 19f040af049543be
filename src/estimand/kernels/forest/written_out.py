"""Plain twins of the tree and of the bags: the same steps in numpy, node by node."""

import numpy as np

from estimand.kernels.forest.bags import DEPTHS, Sizes
from estimand.kernels.forest.draws import (
    ESTIMATES,
    OUTSIDE,
    SPLITS,
    bag_reference,
    halves_reference,
    rank_reference,
    tried_reference,
)
from estimand.kernels.forest.grow import Floats, Growth, Ints, Parts, Rows, Table
from estimand.kernels.forest.leaves import gather_reference, leaf_reference
from estimand.kernels.forest.nodes import LEAF, sides_reference
from estimand.kernels.forest.packed import EITHER, Split
from estimand.kernels.forest.relabel import relabel_reference
from estimand.kernels.forest.split import split_reference


def grow_reference(
    table: Table, parts: Parts, state: list[int], growth: Growth, used: Floats
) -> tuple[Ints, Floats, Rows]:
    """Plain twin of ``grow_kernel``: nodes, means of leaves, and the leaf of each row outside the bag (else -1)."""
    codes, responses = table
    order, missing = np.arange(codes.shape[0]), growth[1] - 1
    queue, nodes, means = [(parts, 0)], list[int](), list[Floats]()
    where, k, ranked = np.full(responses.shape[0], -1, np.int32), 0, 0
    merits = np.zeros((2, codes.shape[0]))
    while k < len(queue):
        (splits, estimates, outside), depth = queue[k]
        if depth > ranked and 0 <= growth[0][4] <= depth:
            rank_reference(merits, order, growth[0][0])
            ranked = depth
        draws = (order, state, merits, depth)
        _, feature, threshold, missing_left = _found_reference(table, splits, draws, growth)
        children: list[Parts] = []
        if feature >= 0:
            own = codes[feature, splits]
            if not (own == missing).any():
                missing_left = bool(2 * (own <= threshold).sum() >= own.shape[0])
            rule = (threshold, missing_left, missing)
            sides = [sides_reference(codes[feature], rows, rule) for rows in (splits, estimates, outside)]
            children = [(sides[0][s], sides[1][s], sides[2][s]) for s in (0, 1)]
        if children and all(child[1].size for child in children):
            nodes.append((len(queue) << 32) | (feature << 16) | (missing_left << 8) | threshold)
            queue.extend((child, depth + 1) for child in children)
            if depth < used.shape[0]:
                used[depth, feature] += 1.0
        else:
            nodes.append((len(means) << 32) | (LEAF << 16))
            where[outside] = len(means)
            means.append(leaf_reference(responses, estimates))
        k += 1
    return np.array(nodes), np.array(means), where


def _found_reference(table: Table, rows: Rows, draws: tuple[Ints, list[int], Floats, int], growth: Growth) -> Split:
    tries, codes, least, alpha, penalty, _ = growth
    arms = table[1].shape[1] > 2
    fewest = max(int(np.ceil(alpha * rows.shape[0])), least, 2 * EITHER if arms else 1)
    marks = relabel_reference(table[1], rows) if rows.shape[0] >= 2 * fewest else None
    if marks is None:
        return (0.0, -1, 0, False)
    order, state, merits, depth = draws
    features = tried_reference(state, order, tries, depth)
    return split_reference(table[0], rows, marks, (features, merits), codes, (EITHER, fewest, penalty, arms))


def bags_reference(
    table: Table, units: Rows, seeds: list[int], sizes: Sizes, growth: Growth
) -> tuple[Floats, Ints, Floats, Ints, Floats]:
    """Plain twin of ``bags_kernel``."""
    nodes, means, ends, used = list[Ints](), list[Floats](), [(0, 0)], np.zeros((DEPTHS, table[0].shape[0]))
    gathered: Floats | None = None
    for seed in seeds:
        state, trees = [seed], []
        labels = bag_reference(state, int(units.max()) + 1, sizes[0])
        for _ in range(2):
            labels = halves_reference(state, labels, sizes[1], sizes[2])
            splits, estimates, outside = (
                np.flatnonzero(labels[units] == kind).astype(np.int32) for kind in (SPLITS, ESTIMATES, OUTSIDE)
            )
            parts = (splits, estimates if sizes[2] else splits, outside)
            trees.append(grow_reference(table, parts, state, growth, used))
            nodes.append(trees[-1][0])
            means.append(trees[-1][1])
            ends.append((ends[-1][0] + nodes[-1].shape[0], ends[-1][1] + means[-1].shape[0]))
        for row in outside:
            added = gather_reference(*(tree[1][tree[2][row]] for tree in trees))
            gathered = np.zeros((units.shape[0], added.shape[0])) if gathered is None else gathered
            gathered[row] += added
    found = np.zeros((units.shape[0], 1)) if gathered is None else gathered
    return found, np.concatenate(nodes), np.concatenate(means), np.array(ends), used
