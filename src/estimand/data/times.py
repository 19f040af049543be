"""The time and cohort columns as they are read: when each row is, and when its unit was first treated."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from estimand.core.panel import Panel
from estimand.data.clock import label_of_period
from estimand.data.column import Kind, Labels, Numbers, read_column, refuse_infinite
from estimand.data.source import Source
from estimand.data.text_times import no_period, read_periods
from estimand.errors import Code, DataError, DesignError
from estimand.stats.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """When each row is, and when its unit was first treated, before any row is dropped.

    Attributes
    ----------
    time : Numbers
    start : ndarray of shape (n,) or None
        Time of the first treated period of the row's unit; not-a-number where never, minus infinity where the unit is
        not seen before it is treated. None until it is derived.
    cohort_name : str or None
        Column of the cohort, where one is given.
    switched_off : ndarray of shape (n,) of bool
        Rows of units that were treated and later were not.
    unseen : ndarray of shape (n,) of bool
        Rows of units, or groups, not seen in the periods just before they are first seen treated.
    settled : ndarray of shape (n,) of bool
        Of these, rows whose start is the only one of others that fits.
    written : mapping of float to str
        How to write a time for people, where its value would not do.
    """

    time: Numbers
    start: Floats | None
    cohort_name: str | None
    switched_off: Bools
    unseen: Bools
    settled: Bools
    written: Mapping[float, str] = field(default_factory=dict)

    def take(self, keep: Bools) -> "Times":
        """Keep the rows of a mask."""
        if keep.all():
            return self
        start = None if self.start is None else self.start[keep]
        return replace(
            self,
            time=self.time.take(keep),
            start=start,
            switched_off=self.switched_off[keep],
            unseen=self.unseen[keep],
            settled=self.settled[keep],
        )

    def label(self, value: float) -> str:
        """Write a time for people."""
        return self.written.get(float(value), label_of_period(value, self.time.kind))


def read_times(source: Source, design: Panel) -> Times:
    """Read the time and the cohort.

    Raises
    ------
    DataError
        If either has no order in time, or the cohort is not of the time's kind.
    """
    time, written = _ordered(source, design.time, "time")
    refuse_infinite(time, source)
    none = np.zeros(source.rows, dtype=np.bool_)
    if design.cohort is None:
        return Times(time, None, None, none, none, none, written)
    cohort, _ = _ordered(source, design.cohort, "cohort", may_be_never=True)
    if cohort.present.any() and (cohort.kind is Kind.TIME) != (time.kind is Kind.TIME):
        raise DataError(
            f"Cohort '{cohort.name}' of {source.name} holds {_said(cohort)} and time '{time.name}' {_said(time)}.",
            remedy="Give the first treated period in the units of the time column.",
            code=Code.INVALID_MAPPING,
        )
    never = ~np.isfinite(cohort.values) | ((cohort.values == 0.0) & (cohort.kind is not Kind.TIME))
    return Times(time, np.where(never, np.nan, cohort.values), cohort.name, none, none, none, written)


def _said(column: Numbers) -> str:
    return "dates" if column.kind is Kind.TIME else "numbers"


def _ordered(source: Source, name: str, part: str, *, may_be_never: bool = False) -> tuple[Numbers, dict[float, str]]:
    column = read_column(source, name)
    if isinstance(column, Numbers):
        return column, {}
    if may_be_never and not column.present.any():
        return Numbers(name, np.full(column.codes.shape, np.nan)), {}
    found = read_periods(column, may_be_never=may_be_never) if column.levels else None
    if found is None:
        raise no_period(column, part, source.name, may_be_never=may_be_never)
    return found


def in_window(times: Times, window: tuple[str | None, str | None] | None) -> Bools:
    """Tell which rows are within the first and the last period to use, shape (n,); a missing time is.

    Raises
    ------
    DesignError
        If an end is no period, or not of the time's kind.
    """
    values = times.time.values
    first, last = (None, None) if window is None else (_end(end, times) for end in window)
    outside = np.zeros(values.shape, dtype=np.bool_)
    if first is not None:
        outside |= values < first
    if last is not None:
        outside |= values > last
    return ~outside


def _end(end: str | None, times: Times) -> float | None:
    if end is None:
        return None
    found = read_periods(Labels("window", np.zeros(1, dtype=np.int64), (end,)))
    value = np.nan if found is None else found[0].values[0]
    if found is None or np.isnan(value) or (found[0].kind is Kind.TIME) != (times.time.kind is Kind.TIME):
        raise DesignError(
            f"The window's end '{end}' is no period of time '{times.time.name}', which holds {_said(times.time)}.",
            remedy="Write it as the column does, such as 2004 or 2024-03-01.",
            found=end,
        )
    return float(value)
