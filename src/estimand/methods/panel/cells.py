"""Cohorts in periods, and the averages over them that an estimate reports."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from estimand.core.estimate import Term
from estimand.core.frozen import FrozenMap
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.imputation import Average

Aggregate: TypeAlias = Literal["simple", "event", "group", "calendar"]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cohorts in periods.

    Attributes
    ----------
    cohort, period : ndarray of shape (c,)
        Positions among the periods; cells are in order of cohort, then period.
    event_time : ndarray of shape (c,)
    of_row : ndarray of shape (n,)
        Cell of each row; -1 where it has none.
    mass : ndarray of shape (n,)
        Weight of each row in an average.
    """

    cohort: Ints
    period: Ints
    event_time: Ints
    of_row: Ints
    mass: Floats

    @property
    def total(self) -> Floats:
        """Weight of each cell, shape (c,)."""
        held = self.of_row >= 0
        return np.asarray(np.bincount(self.of_row[held], weights=self.mass[held], minlength=self.cohort.shape[0]))

    @property
    def rows(self) -> Ints:
        """Number of rows of each cell, shape (c,)."""
        return np.asarray(np.bincount(self.of_row[self.of_row >= 0], minlength=self.cohort.shape[0]), dtype=np.int64)

    def dummies(self) -> Floats:
        """One column a cell, shape (n, c)."""
        return np.asarray(self.of_row[:, None] == np.arange(self.cohort.shape[0]), dtype=np.float64)

    def averages(self, shares: Floats) -> tuple[Average, ...]:
        """Spread shares of the cells (k, c) over their rows, by weight."""
        held = np.flatnonzero(self.of_row >= 0)
        cell = self.of_row[held]
        own = self.mass[held] / self.total[cell]
        out = []
        for share in shares:
            part = share[cell]
            chosen = np.flatnonzero(part)
            out.append(Average(held[chosen], part[chosen] * own[chosen]))
        return tuple(out)

    def only(self, chosen: Bools) -> "Cells":
        """Keep the chosen cells (c,); rows of the others have none."""
        number = np.where(chosen, np.cumsum(chosen) - 1, -1)
        of_row = np.where(self.of_row >= 0, number[self.of_row], -1)
        return replace(
            self,
            cohort=self.cohort[chosen],
            period=self.period[chosen],
            event_time=self.event_time[chosen],
            of_row=of_row,
        )

    def take(self, rows: Ints, kept: Bools) -> "Cells":
        """The same cells in some rows, and of these only in those kept (m,)."""
        return replace(self, of_row=np.where(kept, self.of_row[rows], -1), mass=self.mass[rows])

    def table(self, labels: tuple[str, ...], values: Floats | None = None) -> Table:
        """Cells with their rows, and a value each where given."""
        columns: dict[str, list[Any]] = {
            "cohort": [labels[g] for g in self.cohort],
            "period": [labels[t] for t in self.period],
            "event_time": self.event_time.tolist(),
        }
        if values is not None:
            columns["value"] = values.tolist()
        return Table({**columns, "rows": self.rows.tolist()})


def cells_of(timeline: Timeline, rows: Bools, mass: Floats) -> Cells:
    """Find the cells of some rows.

    Parameters
    ----------
    timeline : Timeline
    rows : ndarray of shape (n,) of bool
        Rows of cohorts that are treated within the periods.
    mass : ndarray of shape (n,)
    """
    periods = timeline.periods
    key = timeline.cohort * periods + timeline.period
    seen = np.zeros((periods + 1) * periods, dtype=np.bool_)
    seen[key[rows]] = True
    found = np.flatnonzero(seen)
    number = np.cumsum(seen) - 1
    cohort, period = found // periods, found % periods
    event_time = timeline.clock[period] - timeline.clock[cohort]
    return Cells(cohort, period, event_time, np.where(rows, number[key], -1), mass)


@dataclass(frozen=True, slots=True, eq=False)
class Averages:
    """Which cells each average is over.

    Attributes
    ----------
    terms : tuple of Term, of length k
    members : ndarray of shape (k, c) of bool
    """

    terms: tuple[Term, ...]
    members: Bools

    def shares(self, cells: Cells) -> Floats:
        """Share of each cell in each average by its weight, shape (k, c); not-a-number where none is left."""
        weight = self.members * cells.total
        total = weight.sum(axis=1, keepdims=True)
        return np.where(total > 0.0, weight / np.where(total > 0.0, total, 1.0), np.nan)


def averages_of(cells: Cells, aggregate: Aggregate, labels: tuple[str, ...], unit: str | None) -> Averages:
    """Average over all treated rows, then by event time, cohort or period, each row by its weight.

    Cells before treatment count in their event time and nowhere else.
    """
    after = cells.event_time >= 0
    terms, members = [Term("treated", unit=unit)], [after]
    if aggregate == "event":
        for k in np.unique(cells.event_time):
            terms.append(Term(f"event time {k}", FrozenMap({"event_time": int(k)}), unit))
            members.append(cells.event_time == k)
    elif aggregate == "group":
        for g in np.unique(cells.cohort[after]):
            terms.append(Term(f"cohort {labels[g]}", FrozenMap({"cohort": labels[g]}), unit))
            members.append(after & (cells.cohort == g))
    elif aggregate == "calendar":
        for t in np.unique(cells.period[after]):
            terms.append(Term(f"period {labels[t]}", FrozenMap({"period": labels[t]}), unit))
            members.append(after & (cells.period == t))
    return Averages(tuple(terms), np.stack(members))
