"""Matching on one number: O(n log n), whatever the ties."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from estimand.kernels.line import alignment_kernel, greedy_line_kernel, interval_kernel
from estimand.stats.arrays import Floats, Hashes, Ints
from estimand.stats.neighbours import Matches, Rule, by_score, rows_of, windows


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Rows on a line, perhaps in strata that do not mix.

    Attributes
    ----------
    scores : ndarray of shape (n,)
        Distances are absolute differences.
    strata : ndarray of shape (n,) or None
    ids : ndarray of shape (n,)
        Orders rows of equal score.
    order : ndarray of shape (n,)
        All rows by stratum, score and id.
    """

    scores: Floats
    strata: Ints | None
    ids: Hashes
    order: Ints

    @classmethod
    def of(cls, scores: Floats, strata: Ints | None, ids: Hashes) -> Self:
        """Put rows in order once, for all searches."""
        return cls(scores, strata, ids, by_score(scores, ids, strata))

    def matches(self, targets: Ints, pool: Ints, rule: Rule) -> Matches:
        """Nearest pool rows of each target row, with replacement."""
        shelf, asking = self._shelf(pool), self._shelf(targets)
        scores, span = self.scores[asking], self._windows(asking, shelf)
        begin, end = interval_kernel(scores, span, self.scores[shelf], rule.ratio, rule.slack, rule.reach)
        place = np.empty(self.scores.shape[0], dtype=np.int64)
        place[asking] = np.arange(asking.shape[0])
        start, stop = begin[place[targets]], end[place[targets]]
        found = np.flatnonzero(stop > start)
        return Matches(shelf, found, start[found], stop[found], targets.shape[0])

    def greedy(self, targets: Ints, pool: Ints, rule: Rule) -> Ints:
        """Nearest unused pool rows, target by target in the order given: rows of shape (t, ratio), or -1."""
        shelf = self._shelf(pool)
        span = self._windows(targets, shelf)
        ranks = np.empty(shelf.shape[0], dtype=np.int64)
        ranks[np.argsort(self.ids[shelf])] = np.arange(shelf.shape[0])
        scores = self.scores[targets]
        chosen = greedy_line_kernel(scores, span, self.scores[shelf], ranks, rule.ratio, rule.reach)
        return rows_of(chosen, shelf)

    def optimal(self, targets: Ints, pool: Ints, rule: Rule) -> Ints:
        """Pool rows of the least total distance: rows of shape (t, ratio), or -1."""
        shelf, asking = self._shelf(pool), self._shelf(targets)
        span = self._windows(asking, shelf)
        out = np.full((asking.shape[0], rule.ratio), -1)
        for first, last in np.unique(span, axis=0):
            members = np.flatnonzero((span == (first, last)).all(axis=1))
            wanted = np.repeat(self.scores[asking[members]], rule.ratio)
            chosen = alignment_kernel(wanted, self.scores[shelf[first:last]], rule.reach)
            out[members] = np.where(chosen >= 0, chosen + first, -1).reshape(-1, rule.ratio)
        sorter = np.argsort(asking)
        return rows_of(out, shelf)[sorter[np.searchsorted(asking, targets, sorter=sorter)]]

    def distances(self, first: Ints, second: Ints) -> Floats:
        """Distance of each pair of rows."""
        return np.abs(self.scores[first] - self.scores[second])

    def mixed(self) -> Self:
        """Return the same line with its strata dissolved."""
        return self if self.strata is None else self.of(self.scores, None, self.ids)

    def _shelf(self, rows: Ints) -> Ints:
        """Distinct rows by stratum, score and id."""
        inside = np.zeros(self.order.shape[0], dtype=bool)
        inside[rows] = True
        return self.order[inside[self.order]]

    def _windows(self, targets: Ints, shelf: Ints) -> Ints:
        if self.strata is None:
            return np.tile([0, shelf.shape[0]], (targets.shape[0], 1))
        return windows(self.strata[targets], self.strata[shelf])
