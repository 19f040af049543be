"""The time, unit and cohort columns of a panel: periods in order, and who was first treated when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from estimand.core.frozen import FrozenMap
from estimand.core.panel import Panel
from estimand.core.timeline import Timeline
from estimand.data.column import Kind, Labels, Numbers, read_column
from estimand.data.identity import hash_keys
from estimand.data.source import Source
from estimand.data.treatment import Arms
from estimand.errors import Code, DataError, DesignError
from estimand.stats.arrays import AnyArray, Bools, Floats, Hashes, Ints

MOST_PERIODS = 10_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """Columns of a panel that say when, before any row is dropped.

    Attributes
    ----------
    time : Numbers
    cohort : Numbers or None
        Not-a-number, infinite or zero where never.
    """

    time: Numbers
    cohort: Numbers | None

    @property
    def cohort_name(self) -> str | None:
        """Column of the cohort, where one is given."""
        return None if self.cohort is None else self.cohort.name

    def take(self, keep: Bools) -> "Times":
        """Keep the rows of a mask."""
        return Times(self.time.take(keep), None if self.cohort is None else self.cohort.take(keep))


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Who each row used is: codes of its unit, of the group that shares a treatment, and further levels.

    Attributes
    ----------
    unit : ndarray of shape (n,) or None
    group : ndarray of shape (n,) or None
        Within which treatment switches on: the unit, or the cluster of repeated cross-sections.
    absorbed : mapping of str to ndarray of shape (n,)
    """

    unit: Ints | None
    group: Ints | None
    absorbed: dict[str, Ints]


def read_times(source: Source, design: Panel) -> Times:
    """Read the time and the cohort.

    Raises
    ------
    DataError
        If either is text, or the cohort is not of the time's kind.
    """
    time = _ordered(source, design.time, "time")
    if design.cohort is None:
        return Times(time, None)
    cohort = _ordered(source, design.cohort, "cohort", may_be_empty=True)
    if cohort.present.any() and (cohort.kind is Kind.TIME) != (time.kind is Kind.TIME):
        raise DataError(
            f"Cohort '{cohort.name}' of {source.name} holds {_said(cohort)} and time '{time.name}' {_said(time)}.",
            remedy="Give the first treated period in the units of the time column.",
            code=Code.INVALID_MAPPING,
        )
    return Times(time, cohort)


def _said(column: Numbers) -> str:
    return "dates" if column.kind is Kind.TIME else "numbers"


def _ordered(source: Source, name: str, part: str, *, may_be_empty: bool = False) -> Numbers:
    column = read_column(source, name)
    if isinstance(column, Labels):
        if may_be_empty and not column.present.any():
            return Numbers(name, np.full(column.codes.shape, np.nan))
        example = f", such as '{column.levels[0]}'" if column.levels else ""
        raise DataError(
            f"The {part} column '{name}' of {source.name} is text{example}, which has no order in time.",
            remedy="Give whole numbers (2004, 2005, …) or convert it to dates.",
            code=Code.INVALID_MAPPING,
            found=name,
        )
    return column


def build_timeline(times: Times, places: Places, treated: Ints | None, source: Source) -> Timeline:
    """Build the timeline of the rows used.

    Parameters
    ----------
    times : Times
        Of the rows used.
    places : Places
    treated : ndarray of shape (n,) or None
        1 in rows that are treated; None where the cohort is given and nothing else.
    source : Source

    Raises
    ------
    DataError
        If there is one period, a unit twice in a period, a unit of two cohorts, or a treatment that is not of its
        cohort.
    """
    values, period = np.unique(times.time.values, return_inverse=True)
    _refuse_no_time(values, times.time, source)
    period = period.astype(np.int64)
    labels = tuple(_label(value, times.time.kind) for value in values)
    if places.unit is not None:
        _refuse_twice(places.unit, period, labels, source)
    if times.cohort is None:
        cohort, off = _derived(period, places.group, treated, values.shape[0])
    else:
        cohort = _given(times.cohort.values, values)
        off = np.zeros(period.shape[0], dtype=np.bool_)
        if places.unit is not None:
            _refuse_two_cohorts(places.unit, cohort, times.cohort.name, source)
        if treated is not None:
            _refuse_other_treatment(treated, period >= cohort, times.cohort.name)
    clock = _clock(values, times.time.kind)
    return Timeline(places.unit, period, labels, clock, cohort, off, FrozenMap(places.absorbed))


def _refuse_no_time(values: Floats, time: Numbers, source: Source) -> None:
    count = values.shape[0]
    if count < 2:
        raise DataError(
            f"Time '{time.name}' of {source.name} holds one period only, {_label(values[0], time.kind)}.",
            remedy="Add the periods before treatment: a panel compares changes over time.",
            code=Code.INSUFFICIENT_DATA,
            found=count,
            expected=2,
        )
    if count > MOST_PERIODS:
        raise DataError(
            f"Time '{time.name}' of {source.name} holds {count:,} distinct values.",
            remedy="Round it to periods, such as days or weeks, and aggregate.",
            code=Code.INVALID_MAPPING,
            found=count,
            expected=MOST_PERIODS,
        )


def _refuse_twice(unit: Ints, period: Ints, labels: tuple[str, ...], source: Source) -> None:
    """Refuse two rows of one unit in one period."""
    key = unit * len(labels) + period
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if again.size:
        row = order[again.min() + 1]
        raise DataError(
            f"{again.size:,} rows of {source.name} repeat a unit and period, such as period {labels[period[row]]}.",
            remedy="Aggregate to one row for each unit and period; or leave 'unit' out if rows are cross-sections, and "
            "name it as cluster.",
            code=Code.INVALID_MAPPING,
            found=int(again.size),
        )


def _derived(period: Ints, group: Ints | None, treated: Ints | None, periods: int) -> tuple[Ints, Bools]:
    """First treated period of each row's group, and whether it was untreated again later."""
    if group is None or treated is None:
        raise DesignError(
            "Without a unit, nothing says when whom treatment reached.",
            remedy="Name the cohort column, or the cluster within which treatment switches on.",
        )
    on = treated > 0
    groups = int(group.max()) + 1
    first = np.full(groups, periods, dtype=np.int64)
    np.minimum.at(first, group[on], period[on])
    cohort = first[group]
    back = np.zeros(groups, dtype=np.bool_)
    back[group[~on & (period > cohort)]] = True
    return cohort, back[group]


def _given(cohort: Floats, values: Floats) -> Ints:
    """Position of the first period at or after the cohort's date; the number of periods where never."""
    never = ~np.isfinite(cohort) | (cohort == 0.0)
    return np.where(never, values.shape[0], np.searchsorted(values, np.where(never, 0.0, cohort))).astype(np.int64)


def _refuse_two_cohorts(unit: Ints, cohort: Ints, name: str, source: Source) -> None:
    units = int(unit.max()) + 1
    low, high = np.full(units, np.iinfo(np.int64).max), np.full(units, -1, dtype=np.int64)
    np.minimum.at(low, unit, cohort)
    np.maximum.at(high, unit, cohort)
    two = int(np.count_nonzero(low < high))
    if two:
        raise DataError(
            f"{two:,} units of {source.name} have more than one value of cohort '{name}'.",
            remedy="A unit's cohort is its first treated period, the same in all its rows; or give the treatment "
            "instead, and cohorts are derived from it.",
            code=Code.INVALID_MAPPING,
            found=two,
        )


def _refuse_other_treatment(treated: Ints, expected: Bools, name: str) -> None:
    wrong = int(np.count_nonzero((treated > 0) != expected))
    if wrong:
        raise DataError(
            f"In {wrong:,} rows the treatment is not what cohort '{name}' says: on from the first treated period, off "
            "before.",
            remedy="Leave the treatment out if it marks who is ever treated; or the cohort, which is then derived.",
            code=Code.INVALID_MAPPING,
            found=wrong,
        )


def _clock(values: Floats, kind: Kind) -> Ints:
    """Periods as whole numbers of steps: months where dates are all of one day of the month."""
    steps = _months(values) if kind is Kind.TIME else values
    if not np.array_equal(steps, np.round(steps)):
        return np.arange(values.shape[0])
    whole = np.round(steps - steps[0]).astype(np.int64)
    return np.asarray(whole // np.gcd.reduce(np.diff(whole)))


def _months(days: Floats) -> Floats:
    """Months of dates that are all of one day of the month, or all at its end; else the days themselves."""
    dates = [EPOCH + timedelta(days=float(day)) for day in days]
    ends = [(date + timedelta(days=1)).day == 1 for date in dates]
    moments = {(date.hour, date.minute, date.second, date.microsecond) for date in dates}
    if len(moments) == 1 and (len({date.day for date in dates}) == 1 or all(ends)):
        return np.array([12.0 * date.year + date.month for date in dates])
    return days


def _label(value: float, kind: Kind) -> str:
    if kind is not Kind.TIME:
        return f"{int(value)}" if value == round(value) else f"{value:g}"
    moment = EPOCH + timedelta(days=float(value))
    return moment.date().isoformat() if float(value).is_integer() else moment.isoformat(sep=" ", timespec="seconds")


def arms_by_cohort(times: Times) -> Arms:
    """Arms of rows whose cohort is given: treated from its period on; -1 where the time is missing."""
    time = times.time.values
    cohort = np.full(time.shape, np.nan) if times.cohort is None else times.cohort.values
    reached = np.isfinite(cohort) & (cohort != 0.0) & (time >= cohort)
    return Arms(("untreated", "treated"), np.where(np.isnan(time), -1, reached).astype(np.int64), ())


def unit_period_ids(unit: AnyArray, time: Floats) -> Hashes:
    """Hash of unit and period together, shape (n,) of uint64."""
    with np.errstate(over="ignore"):
        return np.asarray(hash_keys(unit) * np.uint64(0x9E3779B97F4A7C15) ^ hash_keys(time), dtype=np.uint64)
