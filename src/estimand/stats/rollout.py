"""A rollout in waves as arrays: units by cohort, so that who is compared with whom is a slice.

Two forms answer the same questions. :class:`Followed` holds units seen over time, periods in the first axis of its
outcomes; :class:`Sampled` holds the rows of repeated cross-sections.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import AnyArray, Bools, Floats, Ints
from estimand.stats.group_time import Cells
from estimand.stats.levels import numbered


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a table in time.

    Attributes
    ----------
    period, cohort : ndarray of shape (n,)
        Positions; a cohort of T is never treated, and of 0 always.
    outcome : ndarray of shape (n,)
    columns : ndarray of shape (n, p)
        Covariates.
    weights : ndarray of shape (n,) or None
    cluster : ndarray of shape (n,)
        Independent unit, the same in all rows of a unit.
    """

    period: Ints
    cohort: Ints
    outcome: Floats
    columns: Floats
    weights: Floats | None
    cluster: Ints

    def take(self, rows: AnyArray) -> "Rows":
        """Keep the given rows."""
        return Rows(
            self.period[rows],
            self.cohort[rows],
            self.outcome[rows],
            self.columns[rows],
            None if self.weights is None else self.weights[rows],
            self.cluster[rows],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Units seen over time, in order of their cohort.

    Attributes
    ----------
    outcome : ndarray of shape (T, n)
    seen : ndarray of shape (T, n) of bool, or None
        None where every unit is seen in every period.
    columns : ndarray of shape (1 or T, q, n)
        A row of ones and the covariates; one layer where neither they nor the weights change over time.
    weights : ndarray of shape (1 or T, n)
    starts : ndarray of shape (T + 2,)
        Units of cohort c are ``starts[c]:starts[c + 1]``.
    mass : ndarray of shape (n,)
        Weight of each unit in the cohorts' shares.
    cluster : ndarray of shape (n,)
        Independent unit, in the codes given.
    """

    outcome: Floats
    seen: Bools | None
    columns: Floats
    weights: Floats
    starts: Ints
    mass: Floats
    cluster: Ints

    @property
    def size(self) -> int:
        """Number of units n."""
        return int(self.mass.shape[0])

    @property
    def cohorts(self) -> int:
        """Number of cohorts, those without a unit included: T + 1."""
        return int(self.starts.shape[0]) - 1

    @property
    def cohort(self) -> Ints:
        """Cohort of each unit, shape (n,)."""
        return np.repeat(np.arange(self.cohorts), np.diff(self.starts))

    def times(self, multiples: Floats) -> "Followed":
        """Multiply the weight of each unit, shape (n,); nought leaves it out."""
        keep = multiples > 0.0
        by = multiples[keep]
        counts = np.bincount(self.cohort[keep], minlength=self.cohorts)
        return Followed(
            self.outcome[:, keep],
            None if self.seen is None else self.seen[:, keep],
            self.columns[:, :, keep],
            self.weights[:, keep] * by,
            np.concatenate([[0], np.cumsum(counts)]),
            self.mass[keep] * by,
            self.cluster[keep],
        )

    def blocks(self, cells: Cells) -> list[Ints]:
        """Cells whose units, covariates and weights are the same, so that one fit serves them: positions of each."""
        if self.seen is not None:
            return [np.array([j]) for j in range(cells.size)]
        layer = cells.earlier if self.columns.shape[0] > 1 else np.zeros(cells.size, dtype=np.int64)
        keys = np.stack([cells.cohort, cells.first, layer], axis=1)
        _, block = np.unique(keys, axis=0, return_inverse=True)
        return [np.flatnonzero(block.ravel() == j) for j in range(int(block.max(initial=-1)) + 1)]


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """Rows of repeated cross-sections, in order of their cohort and then period.

    Attributes
    ----------
    outcome, weights : ndarray of shape (n,)
    columns : ndarray of shape (q, n)
        A row of ones and the covariates.
    starts : ndarray of shape ((T + 1) T + 1,)
        Rows of cohort c in period t are ``starts[c T + t]:starts[c T + t + 1]``.
    periods : int
    cluster : ndarray of shape (n,)
    """

    outcome: Floats
    weights: Floats
    columns: Floats
    starts: Ints
    periods: int
    cluster: Ints

    @property
    def size(self) -> int:
        """Number of rows n."""
        return int(self.outcome.shape[0])

    @property
    def mass(self) -> Floats:
        """Weight of each row in the cohorts' shares, shape (n,)."""
        return self.weights

    @property
    def cohorts(self) -> int:
        """Number of cohorts, those without a row included: T + 1."""
        return self.periods + 1

    @property
    def cohort(self) -> Ints:
        """Cohort of each row, shape (n,)."""
        return np.repeat(np.arange(self.starts.shape[0] - 1) // self.periods, np.diff(self.starts))

    def times(self, multiples: Floats) -> "Sampled":
        """Multiply the weight of each row, shape (n,); nought leaves it out."""
        keep = multiples > 0.0
        place = np.repeat(np.arange(self.starts.shape[0] - 1), np.diff(self.starts))[keep]
        starts = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=self.starts.shape[0] - 1))])
        return Sampled(
            self.outcome[keep],
            self.weights[keep] * multiples[keep],
            self.columns[:, keep],
            starts,
            self.periods,
            self.cluster[keep],
        )

    def blocks(self, cells: Cells) -> list[Ints]:
        """Every cell by itself."""
        return [np.array([j]) for j in range(cells.size)]

    def rows(self, cohort: int, period: int) -> slice:
        """Rows of a cohort in a period."""
        place = cohort * self.periods + period
        return slice(int(self.starts[place]), int(self.starts[place + 1]))


def sampled(rows: Rows, periods: int) -> Sampled:
    """Sort the rows of repeated cross-sections."""
    place = rows.cohort * periods + rows.period
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=(periods + 1) * periods))])
    weights = np.ones(order.shape[0]) if rows.weights is None else rows.weights[order]
    columns = _with_ones(rows.columns)[:, order]
    return Sampled(rows.outcome[order], weights, columns, starts, periods, rows.cluster[order])


def followed(rows: Rows, unit: Ints, periods: int) -> Followed:
    """Set the rows of units beside each other, one column for each unit.

    A unit that is more than once in a period, as in a draw with replacement, is as many units.
    """
    unit, units = _told_apart(unit, rows.period, periods)
    n = unit.shape[0]
    first = np.empty(units, dtype=np.int64)
    first[unit[::-1]] = np.arange(n)[::-1]
    cohort = rows.cohort[first]
    order = np.argsort(cohort, kind="stable")
    rank = np.empty(units, dtype=np.int64)
    rank[order] = np.arange(units)
    place = rank[unit]
    outcome = np.zeros((periods, units))
    outcome[rows.period, place] = rows.outcome
    seen = None
    if n < periods * units:
        seen = np.zeros((periods, units), dtype=np.bool_)
        seen[rows.period, place] = True
    columns, weights = _layers(rows, place, first[order], periods)
    mass = weights[0] if weights.shape[0] == 1 else _mean_over_time(weights, seen)
    starts = np.concatenate([[0], np.cumsum(np.bincount(cohort, minlength=periods + 1))])
    return Followed(outcome, seen, columns, weights, starts, mass, rows.cluster[first[order]])


def _told_apart(unit: Ints, period: Ints, periods: int) -> tuple[Ints, int]:
    """Units numbered without gaps, and how many; repeats of a unit in a period are further units."""
    present, unit = numbered(unit)
    units = present.shape[0]
    key = unit * periods + period
    if np.bincount(key, minlength=units * periods).max() < 2:
        return unit, units
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.concatenate([begins, [key.shape[0]]]))
    copy = np.empty(key.shape[0], dtype=np.int64)
    copy[order] = np.arange(key.shape[0]) - np.repeat(begins, lengths)
    codes, apart = np.unique(copy * units + unit, return_inverse=True)
    return apart, codes.shape[0]


def _layers(rows: Rows, place: Ints, first: Ints, periods: int) -> tuple[Floats, Floats]:
    """Covariates and weights of the units: one layer where they stay as they are, else one for each period."""
    weights = np.ones(place.shape[0]) if rows.weights is None else rows.weights
    columns = _with_ones(rows.columns)
    once, own = columns[:, first], weights[first]
    if np.array_equal(own[place], weights) and all(
        np.array_equal(fixed[place], column) for fixed, column in zip(once[1:], columns[1:], strict=True)
    ):
        return once[None], own[None]
    layered = np.zeros((periods, columns.shape[0], first.shape[0]))
    layered[rows.period, :, place] = columns.T
    over_time = np.zeros((periods, first.shape[0]))
    over_time[rows.period, place] = weights
    return layered, over_time


def _mean_over_time(weights: Floats, seen: Bools | None) -> Floats:
    return np.asarray(weights.mean(axis=0) if seen is None else weights.sum(axis=0) / seen.sum(axis=0))


def _with_ones(columns: Floats) -> Floats:
    """Covariates centred, scaled and turned, under a row of ones, shape (1 + p, n)."""
    out = np.empty((1 + columns.shape[1], columns.shape[0]))
    out[0] = 1.0
    for j in range(columns.shape[1]):
        centred = columns[:, j] - columns[:, j].mean()
        spread = np.sqrt(np.mean(np.square(centred)))
        out[j + 1] = centred / spread if spread > 0.0 else 0.0
    return out
