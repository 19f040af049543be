"""Which unit and period each row of a panel is, and when its unit was first treated."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from estimand.core.frozen import Frozen, FrozenMap
from estimand.stats.arrays import AnyArray, Bools, Floats, Ints
from estimand.stats.levels import occurring


@dataclass(frozen=True, slots=True, eq=False)
class Timeline(Frozen):
    """The rows of a panel, or of repeated cross-sections, in time.

    Attributes
    ----------
    unit : ndarray of shape (n,) or None
        Code of the unit of each row; None where no unit is followed.
    period : ndarray of shape (n,)
        Position of the row's period in ``labels``.
    labels : tuple of str, of length T
        The periods in order, for people: ``2004``, ``2024-03-01``.
    clock : ndarray of shape (T,)
        The periods as whole numbers of steps, so that ``clock[t] - clock[g]`` is an event time: consecutive where
        the times are evenly spaced.
    cohort : ndarray of shape (n,)
        Position of the first treated period of the row's unit (or group); 0 where it was treated from the start, T
        where it never was, or not within these periods.
    switched_off : ndarray of shape (n,) of bool
        Rows of units that were treated and later were not; their cohort is their first treated period.
    absorbed : mapping of str to ndarray of shape (n,)
        Codes of further columns whose values have levels of their own.
    """

    unit: Ints | None
    period: Ints
    labels: tuple[str, ...]
    clock: Ints
    cohort: Ints
    switched_off: Bools
    absorbed: Mapping[str, Ints] = FrozenMap({})

    @property
    def periods(self) -> int:
        """Number of periods T."""
        return len(self.labels)

    @property
    def never(self) -> Bools:
        """Rows of units that are not treated within these periods, shape (n,)."""
        return np.equal(self.cohort, self.periods)

    @property
    def always(self) -> Bools:
        """Rows of units treated from the first period on, which have no period before, shape (n,)."""
        return np.equal(self.cohort, 0)

    @property
    def event_time(self) -> Floats:
        """Steps since the row's unit was first treated, shape (n,); not-a-number where it never was."""
        treated = ~self.never
        start = self.clock[np.where(treated, self.cohort, 0)]
        return np.where(treated, self.clock[self.period] - start, np.nan)

    def cohorts(self) -> Ints:
        """Positions of the cohorts that have a period before treatment and are treated, ascending."""
        found = np.flatnonzero(occurring(self.cohort, self.periods))
        return found[(found > 0) & (found < self.periods)]

    def take(self, rows: AnyArray) -> "Timeline":
        """Keep the given rows (positions, possibly repeated, or a mask); the periods keep their positions."""
        return replace(
            self,
            unit=None if self.unit is None else self.unit[rows],
            period=self.period[rows],
            cohort=self.cohort[rows],
            switched_off=self.switched_off[rows],
            absorbed=FrozenMap({name: codes[rows] for name, codes in self.absorbed.items()}),
        )
