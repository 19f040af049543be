"""Units over time: periods in order, and who was first treated when."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.frozen import FrozenMap
from estimand.core.timeline import Timeline
from estimand.data.clock import clock_of
from estimand.data.identity import cluster_codes, hash_keys, shared_codes
from estimand.data.source import Source
from estimand.data.starts import derived_starts
from estimand.data.times import Times
from estimand.data.treatment import Arms
from estimand.errors import Code, DataError, DesignError, IdentificationError
from estimand.stats.absorb_systems import ordered_grid
from estimand.stats.arrays import AnyArray, Bools, Floats, Hashes, Ints
from estimand.stats.blocks import blocks
from estimand.stats.levels import numbered, occurring

MOST_PERIODS = 10_000
FEW_KEYS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Who each row used is: codes of its unit, and further levels.

    Attributes
    ----------
    unit : ndarray of shape (n,) or None
    absorbed : mapping of str to ndarray of shape (n,)
    """

    unit: Ints | None
    absorbed: dict[str, Ints]


def with_starts(times: Times, group: tuple[AnyArray, Bools] | None, treated: Ints) -> Times:
    """Derive when each row's group was first treated, from every row that says so.

    Parameters
    ----------
    times : Times
    group : tuple of ndarray of shape (n,) and mask, or None
        Within which treatment switches on: the unit, or the cluster of repeated cross-sections.
    treated : ndarray of shape (n,)
        1 in rows that are treated, 0 in those that are not, -1 where it is not known.

    Raises
    ------
    DesignError
        If there is no group.
    """
    if group is None:
        raise DesignError(
            "Without a unit, nothing says when whom treatment reached.",
            remedy="Name the cohort column, or the cluster within which treatment switches on.",
        )
    values, present = group
    known = present & times.time.present & (treated >= 0)
    if not known.any():
        return replace(times, start=np.full(known.shape, np.nan))
    if known.all():
        found = derived_starts(times.time.values, shared_codes(values), treated > 0)
        return replace(
            times, start=found.start, switched_off=found.switched_off, unseen=found.unseen, settled=found.settled
        )
    found = derived_starts(times.time.values[known], cluster_codes(values[known]), treated[known] > 0)
    start = np.full(known.shape, np.nan)
    off, unseen, settled = np.zeros((3, *known.shape), dtype=np.bool_)
    start[known], off[known], unseen[known], settled[known] = (
        found.start,
        found.switched_off,
        found.unseen,
        found.settled,
    )
    return replace(times, start=start, switched_off=off, unseen=unseen, settled=settled)


def refuse_treated_in_part(times: Times, group: tuple[AnyArray, Bools], treated: Ints, name: str) -> None:
    """Refuse groups in which some rows of a period are treated and others are not: they have no start in common.

    Parameters
    ----------
    times : Times
    group : tuple of ndarray of shape (n,) and mask
        The cluster of repeated cross-sections.
    treated : ndarray of shape (n,)
        1 in rows that are treated, 0 in those that are not, -1 where it is not known.
    name : str
        Column of the group.

    Raises
    ------
    DesignError
    """
    values, present = group
    known = present & times.time.present & (treated >= 0)
    if not known.any():
        return
    labels, period = numbered(times.time.values[known])
    code = cluster_codes(values[known])
    place = code * labels.shape[0] + period
    rows = np.bincount(place)
    on = np.bincount(place, weights=treated[known])
    parted = np.unique(np.flatnonzero((on > 0) & (on < rows)) // labels.shape[0]).shape[0]
    if parted:
        raise DesignError(
            f"In {parted:,} groups of cluster '{name}' some rows of a period are treated and others are not, so the "
            "group does not tell since when whom treatment reached.",
            remedy="Name the cohort column: the first treated period of those the row belongs to, 0 for those never "
            "treated; or cluster by what treatment reaches as a whole.",
            code=Code.INVALID_MAPPING,
            found=parted,
        )


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
    IdentificationError
        If nobody is treated, nobody is seen before treatment, or nobody is left to compare with.
    """
    values, period = numbered(times.time.values)
    _refuse_no_time(values, times, source)
    labels = tuple(times.label(value) for value in values)
    if places.unit is not None:
        _refuse_twice(places.unit, period, labels, source)
    cohort = _positions(times, values)
    if times.cohort_name is not None:
        if places.unit is not None:
            _refuse_two_cohorts(places.unit, cohort, times.cohort_name, source)
        if treated is not None:
            _refuse_other_treatment(treated, period >= cohort, times.cohort_name)
    _refuse_no_cohort(cohort, labels, times, source)
    clock = clock_of(values, times.time.kind)
    for made in (period, cohort, times.switched_off):
        made.setflags(write=False)
    return Timeline(places.unit, period, labels, clock, cohort, times.switched_off, FrozenMap(places.absorbed))


def _refuse_no_time(values: Floats, times: Times, source: Source) -> None:
    count = values.shape[0]
    if count < 2:
        raise DataError(
            f"Time '{times.time.name}' of {source.name} holds one period only, {times.label(values[0])}.",
            remedy="Add the periods before treatment: a panel compares changes over time.",
            code=Code.INSUFFICIENT_DATA,
            found=count,
            expected=2,
        )
    if count > MOST_PERIODS:
        raise DataError(
            f"Time '{times.time.name}' of {source.name} holds {count:,} distinct values.",
            remedy="Round it to periods, such as days or weeks, and aggregate.",
            code=Code.INVALID_MAPPING,
            found=count,
            expected=MOST_PERIODS,
        )


def _refuse_twice(unit: Ints, period: Ints, labels: tuple[str, ...], source: Source) -> None:
    """Refuse two rows of one unit in one period."""
    if ordered_grid(unit, period) is not None:
        return
    key = unit * len(labels) + period
    if int(key.max()) <= FEW_KEYS * key.shape[0] and occurring(key).sum() == key.shape[0]:
        return
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


def _positions(times: Times, values: Floats) -> Ints:
    """Position of the first period at or after each row's start; the number of periods where never."""
    if times.start is None:
        return np.full(times.time.values.shape, values.shape[0], dtype=np.int64)
    # Not-a-number sorts behind every period, which is where those never treated belong.
    return np.searchsorted(values, times.start).astype(np.int64, copy=False)


def _refuse_no_cohort(cohort: Ints, labels: tuple[str, ...], times: Times, source: Source) -> None:
    """Refuse a panel in which nobody is treated after being seen untreated, or nobody is left to compare with."""
    held = occurring(cohort, len(labels))
    begun = np.flatnonzero(held[1 : len(labels)]) + 1
    if begun.size == 1 and not held[len(labels)]:
        raise IdentificationError(
            f"All that {source.name} holds are treated from {labels[begun[0]]} on, or before: nobody tells what "
            "would have happened without treatment.",
            remedy="Add units that are never treated, or treated later.",
        )
    if begun.size:
        return
    if held[0]:
        raise IdentificationError(
            f"No unit of {source.name} is seen before it is treated: those treated are so from the first period, "
            f"{labels[0]}, on.",
            remedy="Add earlier periods. If the column marks who is ever treated, and not which rows are, name the "
            "first treated period as cohort instead.",
        )
    named = "" if times.cohort_name is None else f" Cohort '{times.cohort_name}' is in the units of the time column?"
    raise IdentificationError(
        f"No unit of {source.name} is treated within its periods, {labels[0]} to {labels[-1]}.",
        remedy=f"Add the periods of treatment, or name another treatment or cohort.{named}",
    )


def arms_by_cohort(times: Times) -> Arms:
    """Arms of rows whose cohort is given: treated from its period on; -1 where the time is missing."""
    time = times.time.values
    start = np.full(time.shape, np.nan) if times.start is None else times.start
    return Arms(("untreated", "treated"), np.where(np.isnan(time), -1, time >= start).astype(np.int64), ())


def unit_period_ids(unit: AnyArray, time: Floats, timeline: Timeline) -> Hashes:
    """Hash of unit and period together, each distinct one hashed once, shape (n,) of uint64."""
    own = np.arange(unit.shape[0]) if timeline.unit is None else timeline.unit
    with np.errstate(over="ignore"):
        units = _hash_of_levels(unit, own) * np.uint64(0x9E3779B97F4A7C15)
    periods, out = _hash_of_levels(time, timeline.period), np.empty(unit.shape[0], dtype=np.uint64)
    for block in blocks(out.shape[0]):
        np.bitwise_xor(units[own[block]], periods[timeline.period[block]], out=out[block])
    return out


def _hash_of_levels(values: AnyArray, codes: Ints) -> Hashes:
    levels = np.empty(int(codes.max()) + 1, dtype=values.dtype)
    levels[codes] = values
    return hash_keys(levels)
