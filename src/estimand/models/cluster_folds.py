"""Folds for clusters that hold several arms: whole, even in rows of each arm, and every arm in each training set."""

from dataclasses import dataclass, field

import numpy as np

from estimand.errors import Code, DataError
from estimand.stats.arrays import Floats, Hashes, Ints


def spread_folds(counts: Ints, hashed: Hashes, folds: int) -> Ints:
    """Deal clusters into folds, each to the fold that lacks most what it holds.

    Clusters of the rarest arm come first; then the larger, by powers of two; then hashed order decides. Each goes to
    a fold without its rarest arm while there is one, then to one that lacks others of its arms, then to that whose
    rows are least like its own: with s the share of an arm's rows, the least ``Σ_a s_fa s_ca``, which adds least to
    the sum of squared shares. A choice that would leave an arm in one fold only is taken back, so a split is found
    wherever there is one.

    Parameters
    ----------
    counts : ndarray of shape (G, arms)
        Rows of each cluster in each arm; arms without rows count for nothing.
    hashed : ndarray of shape (G,)
        Settles the order.
    folds : int

    Returns
    -------
    fold : ndarray of shape (G,)

    Raises
    ------
    DataError
        If there are fewer clusters than folds, an arm lives in one cluster, or no split leaves every arm in every
        training set.
    """
    counts = counts[:, counts.any(axis=0)]
    clusters, homes = counts.shape[0], np.count_nonzero(counts, axis=0)
    if clusters < folds:
        raise DataError(
            f"There are {clusters} clusters, fewer than {folds} folds.",
            remedy=f"Use folds={clusters} or fewer." if clusters > 1 else "Gather more clusters.",
            code=Code.INSUFFICIENT_DATA,
        )
    if homes.min() < 2:
        raise DataError(
            "All rows of an arm are in one cluster: where that is held out, nothing is left to learn the arm from.",
            remedy="Gather more clusters of that arm, leave the arm out, or use a method without folds.",
            code=Code.INSUFFICIENT_DATA,
        )
    rarity = np.lexsort((counts.sum(axis=0), homes)).argsort()
    rarest = np.where(counts > 0, rarity, rarity.max() + 1).argmin(axis=1)
    order = np.lexsort((hashed, -np.floor(np.log2(counts.sum(axis=1))), rarity[rarest]))
    dealt = _Deal(counts[order], rarest[order], folds).search()
    if dealt is None:
        raise DataError(
            f"No split of the {clusters} clusters into {folds} folds leaves every arm in each training set.",
            remedy="Use more folds, or gather more clusters.",
            code=Code.INSUFFICIENT_DATA,
        )
    out = np.empty(clusters, dtype=np.int64)
    out[order] = dealt
    return out


@dataclass(slots=True, eq=False)
class _Deal:
    """A deal in progress: plain numbers, for a loop over clusters that cannot be one array operation."""

    counts: Ints
    rarest: Ints
    folds: int
    rows: list[list[int]] = field(init=False)
    held: list[list[int]] = field(init=False)
    last: Ints = field(init=False)
    scale: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Start with empty folds."""
        arms = self.counts.shape[1]
        self.rows = [[0] * arms for _ in range(self.folds)]
        self.held = [[0] * arms for _ in range(self.folds)]
        self.last = self.counts.shape[0] - 1 - (self.counts[::-1] > 0).argmax(axis=0)
        self.scale = 1.0 / np.square(self.counts.sum(axis=0, dtype=np.float64))

    def search(self) -> list[int] | None:
        """Fold of each cluster in turn, or None where no deal leaves each arm in two folds."""
        placed: list[int] = []
        open_: list[list[int]] = []
        members = [np.flatnonzero(row).tolist() for row in self.counts]
        ends: list[list[int]] = [[] for _ in members]
        for arm, position in enumerate(self.last):
            ends[position].append(arm)
        while len(placed) < len(members):
            at = len(placed)
            if len(open_) == at:
                open_.append(self._ranked(at, members[at]))
            if open_[at]:
                fold = open_[at].pop()
                if all(any(self.held[other][a] for other in range(self.folds) if other != fold) for a in ends[at]):
                    self._move(at, members[at], fold, 1)
                    placed.append(fold)
                continue
            open_.pop()
            if not placed:
                return None
            self._move(at - 1, members[at - 1], placed.pop(), -1)
        return placed

    def _ranked(self, at: int, members: list[int]) -> list[int]:
        """Folds from the worst place for a cluster to the best."""
        rarest, own = int(self.rarest[at]), [(a, float(self.counts[at, a] * self.scale[a])) for a in members]

        def worth(fold: int) -> tuple[bool, int, float, int, int]:
            held, rows = self.held[fold], self.rows[fold]
            present = sum(held[a] > 0 for a in members)
            return held[rarest] > 0, present, sum(rows[a] * share for a, share in own), sum(rows), fold

        return sorted(range(self.folds), key=worth, reverse=True)

    def _move(self, at: int, members: list[int], fold: int, sign: int) -> None:
        for a in members:
            self.rows[fold][a] += sign * int(self.counts[at, a])
            self.held[fold][a] += sign
