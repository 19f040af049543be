"""Which cohorts are compared with whom, when and since when: the cells of a rollout in waves.

Callaway & Sant'Anna (2021), doi:10.1016/j.jeconom.2020.12.001, sections 2.2 and 2.3.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Bools, Ints

Base: TypeAlias = Literal["varying", "universal"]
Control: TypeAlias = Literal["never", "not_yet"]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells of a cohort g and a period t, each with the period its change is taken from.

    Attributes
    ----------
    cohort, period, base : ndarray of shape (m,)
        Positions of periods.
    first : ndarray of shape (m,)
        Units of cohorts from this one on are compared with, the cell's own cohort left out.
    """

    cohort: Ints
    period: Ints
    base: Ints
    first: Ints

    @property
    def size(self) -> int:
        """Number of cells m."""
        return int(self.cohort.shape[0])

    @property
    def post(self) -> Bools:
        """Cells from the cohort's first treated period on, shape (m,)."""
        return np.greater_equal(self.period, self.cohort)

    @property
    def earlier(self) -> Ints:
        """The earlier of the two periods, whose covariates and weights are used, shape (m,)."""
        return np.minimum(self.period, self.base)

    def take(self, keep: Bools) -> "Cells":
        """Keep some of the cells."""
        return Cells(self.cohort[keep], self.period[keep], self.base[keep], self.first[keep])


def base_period(clock: Ints, cohort: int, anticipation: int) -> int:
    """Position of the last period that no treatment of the cohort reaches; -1 where there is none."""
    return int(np.count_nonzero(clock + anticipation < clock[cohort])) - 1


def planned_cells(clock: Ints, cohorts: Ints, anticipation: int, base: Base, control: Control) -> Cells:
    """Plan the cells of the cohorts that have a base period.

    From ``g - anticipation`` on, changes are taken from the base period. Before, they are taken from it too
    ("universal"), or from the period just before ("varying").

    Parameters
    ----------
    clock : ndarray of shape (T,)
        Periods in whole steps.
    cohorts : ndarray of int
        Positions of first treated periods, each in 1..T-1.
    anticipation : int
        Steps before treatment in which it may already act.
    """
    periods = clock.shape[0]
    rows = []
    for g in cohorts:
        start = base_period(clock, int(g), anticipation)
        if start < 0:
            continue
        for t in range(periods):
            since = start if base == "universal" or t > start else t - 1
            if since >= 0 and since != t:
                first = periods if control == "never" else _untreated_until(clock, max(t, since), anticipation)
                rows.append((int(g), t, since, first))
    found = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return Cells(found[:, 0], found[:, 1], found[:, 2], found[:, 3])


def _untreated_until(clock: Ints, period: int, anticipation: int) -> int:
    """First cohort that treatment does not reach by a period, nor expectation of it."""
    return int(np.count_nonzero(clock <= clock[period] + anticipation))
