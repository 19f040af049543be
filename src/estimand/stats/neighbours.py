"""Who is matched with whom, kept as stretches of a shelf, so that a thousand ties cost no more than one.

The rows that may be matched stand on a *shelf*, in an order that puts rows alike side by side. A target's matches
are a few stretches of it. Sums over matches and shares handed back to the matched are then differences of running
sums; no list of pairs is needed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import numpy as np

from estimand.stats.arrays import Floats, Hashes, Ints

T = TypeVar("T")
R = TypeVar("R")


class Spreader(Protocol):
    """Apply a function to batches, side by side or not; results come in their order."""

    def __call__(self, function: Callable[[T], R], batches: Iterable[T], label: str = "") -> list[R]:
        """Return one result for each batch."""
        ...


def in_turn(function: Callable[[T], R], batches: Iterable[T], label: str = "") -> list[R]:
    """Apply a function to one batch after the other."""
    return [function(batch) for batch in batches]


@dataclass(frozen=True, slots=True)
class Rule:
    """How many matches, how near.

    Attributes
    ----------
    ratio : int
    slack : float
        Rows whose squared distance exceeds that of the ``ratio``-th by no more are tied with it.
    reach : float
        Largest distance allowed; may be infinite.
    """

    ratio: int
    slack: float = 0.0
    reach: float = np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The matches of each target.

    Attributes
    ----------
    shelf : ndarray of shape (m,)
        Rows that may be matched, those alike side by side.
    owner : ndarray of shape (s,)
        Target of each stretch, ascending.
    start, stop : ndarray of shape (s,)
        Each stretch of the shelf; never empty.
    targets : int
    """

    shelf: Ints
    owner: Ints
    start: Ints
    stop: Ints
    targets: int

    def counts(self) -> Ints:
        """Matches of each target, shape (t,)."""
        return np.bincount(self.owner, weights=self.stop - self.start, minlength=self.targets).astype(np.int64)

    def sums(self, values: Floats) -> Floats:
        """Sum of a value of shape (n,) over each target's matches, shape (t,)."""
        held = values[self.shelf]
        middle = held.mean() if held.size else 0.0
        running = np.concatenate(([0.0], np.cumsum(held - middle)))
        length = self.stop - self.start
        single = length == 1
        part = running[self.stop] - running[self.start] + length * middle
        part[single] = held[self.start[single]]
        return np.bincount(self.owner, weights=part, minlength=self.targets).astype(float)

    def handed_back(self, amount: Floats, n: int) -> Floats:
        """Give each matched row the amount of every target it serves.

        Parameters
        ----------
        amount : ndarray of shape (t,)
        n : int
            Rows in all.

        Returns
        -------
        ndarray of shape (n,)
            Exactly zero in rows that serve none.
        """
        given = amount[self.owner]
        single = self.stop - self.start == 1
        size = self.shelf.shape[0]
        place = np.bincount(self.start[single], weights=given[single], minlength=size).astype(float)
        if not single.all():
            long = ~single
            place += _running(self.start[long], self.stop[long], given[long], size)
        out = np.zeros(n)
        out[self.shelf] = place
        return out

    def pairs(self, rows: Ints) -> Ints:
        """Every match as (row of the target, matched row), shape (p, 2), from the targets' rows of shape (t,)."""
        length = self.stop - self.start
        first = np.repeat(self.start - (np.cumsum(length) - length), length)
        return np.stack([rows[np.repeat(self.owner, length)], self.shelf[first + np.arange(length.sum())]], axis=1)


def _running(start: Ints, stop: Ints, amount: Floats, size: int) -> Floats:
    """Amounts summed over the stretches that cover each place, shape (size,)."""
    cover = np.bincount(start, minlength=size + 1) - np.bincount(stop, minlength=size + 1)
    steps = np.bincount(start, weights=amount, minlength=size + 1).astype(float)
    steps -= np.bincount(stop, weights=amount, minlength=size + 1)
    total = np.cumsum(steps)[:size]
    return np.where(np.cumsum(cover)[:size] > 0, total, 0.0)


def windows(wanted: Ints, held: Ints) -> Ints:
    """Where each wanted stratum begins and ends among sorted strata, shape (t, 2)."""
    return np.stack([np.searchsorted(held, wanted, side="left"), np.searchsorted(held, wanted, side="right")], axis=1)


def by_score(scores: Floats, ids: Hashes, strata: Ints | None = None) -> Ints:
    """Order that sorts by stratum, then score, then id; cheap where no scores are equal, shape (n,)."""
    if strata is not None:
        return np.lexsort((ids, scores, strata))
    order = np.argsort(scores)
    ranked = scores[order]
    return np.lexsort((ids, scores)) if (ranked[1:] == ranked[:-1]).any() else order


def rows_of(chosen: Ints, shelf: Ints) -> Ints:
    """Turn shelf positions into rows; -1 stays."""
    return np.where(chosen >= 0, shelf[np.maximum(chosen, 0)], -1)


class Space(Protocol):
    """Where distances between rows are measured."""

    def matches(self, targets: Ints, pool: Ints, rule: Rule) -> Matches:
        """Nearest pool rows of each target row, with replacement."""
        ...

    def greedy(self, targets: Ints, pool: Ints, rule: Rule) -> Ints:
        """Nearest unused pool rows, target by target in the order given: rows of shape (t, ratio), or -1."""
        ...

    def optimal(self, targets: Ints, pool: Ints, rule: Rule) -> Ints:
        """Pool rows of the least total distance: rows of shape (t, ratio), or -1."""
        ...

    def distances(self, first: Ints, second: Ints) -> Floats:
        """Distance of each pair of rows."""
        ...

    def mixed(self) -> Self:
        """Return the same space with its strata dissolved."""
        ...
