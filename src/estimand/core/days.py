"""A metric's moments day by day: how an experiment came about, and how its effect goes with time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from estimand.core.frozen import Frozen
from estimand.core.metric_moments import MetricMoments
from estimand.core.moments import Moments
from estimand.stats.arrays import Floats

# A column of more different values holds no days.
MOST = 2_000
MISSING = "missing"


@dataclass(frozen=True, slots=True, eq=False)
class Days(Frozen):
    """Moments of one metric on each day, within the declared strata; units of different days are different units.

    Attributes
    ----------
    column : str
        That the days are of.
    labels : tuple of str, of length d
        In the order of time.
    numbers : ndarray of shape (d,)
        Of days that are numbers, those; of dates, the days since the first.
    dated : bool
    moments : MetricMoments
        A stratum for each declared stratum and day.
    day : tuple of int
        Position in ``labels`` of each of those strata; -1 where the day is missing.
    within : tuple of int
        Position in ``strata`` of each.
    strata : tuple of str
        Declared.
    """

    column: str
    labels: tuple[str, ...]
    numbers: Floats
    dated: bool
    moments: MetricMoments
    day: tuple[int, ...]
    within: tuple[int, ...]
    strata: tuple[str, ...]

    def until(self, last: int) -> MetricMoments:
        """Moments of the declared strata, of all days up to one; counts are those of all days."""
        return self._summed([0 <= day <= last for day in self.day])

    def on(self, at: int) -> Moments:
        """Moments of the metric on one day, over all strata."""
        return self._summed([day == at for day in self.day]).pooled()

    def _summed(self, wanted: Sequence[bool]) -> MetricMoments:
        made: dict[tuple[int, int], Moments] = {}
        for part, s in zip(self.moments.parts, self.moments.stratum, strict=True):
            if wanted[s]:
                place = (self.within[s], -len(part.columns))
                made[place] = made[place].merge(part) if place in made else part
        order = sorted(made)
        parts, stratum = tuple(made[place] for place in order), tuple(place[0] for place in order)
        return replace(self.moments, strata=self.strata, parts=parts, stratum=stratum)


def days_of(moments: MetricMoments, column: str, *, counted: bool) -> Days | None:
    """Tell the days apart in moments whose last stratum is a column of days; None where they are no days.

    Days are numbers, or dates, of which times of the same date are one day; ``counted`` says that the numbers are dates
    themselves, counted from 1970.
    """
    parts = [label.rpartition(f"{column} = ") for label in moments.strata]
    read = [_read(name) for _, _, name in parts]
    known = [day for day in read if day is not None]
    dated = {is_date for _, is_date in known}
    strange = any(day is None and name != MISSING for day, (*_, name) in zip(read, parts, strict=True))
    if moments.clustered or strange or len(dated) != 1 or len({number for number, _ in known}) > MOST:
        return None
    numbers = sorted({number for number, _ in known})
    strata = tuple(dict.fromkeys(before.removesuffix(", ") for before, _, _ in parts))
    is_date = counted or True in dated
    return Days(
        column=column,
        labels=tuple(str(np.datetime64(int(x), "D")) if is_date else f"{x:g}" for x in numbers),
        numbers=np.array(numbers) - (numbers[0] if is_date else 0.0),
        dated=is_date,
        moments=moments,
        day=tuple(-1 if day is None else numbers.index(day[0]) for day in read),
        within=tuple(strata.index(before.removesuffix(", ")) for before, _, _ in parts),
        strata=strata,
    )


def _read(name: str) -> tuple[float, bool] | None:
    """A day's number, and whether it is a date, counted from 1970."""
    try:
        return float(name), False
    except ValueError:
        pass
    try:
        return float(np.datetime64(name.replace(" ", "T"), "D").astype(np.int64)), True
    except ValueError:
        return None
