"""Columns of a metric as it counts them: retention decided, the missing counted as zero, the largest cut to a cap."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from estimand.core.experiment import Experiment
from estimand.core.metric import Metric
from estimand.data.column import Kind, Labels, Numbers, as_labels, read_column
from estimand.data.outcome import read_outcome
from estimand.data.source import Source
from estimand.errors import Code, DataError
from estimand.stats.arrays import Bools, Floats, Ints

Read: TypeAlias = Callable[[Source, str], Numbers]
MISSING = "missing"


@dataclass(frozen=True, slots=True, eq=False)
class MetricColumns:
    """What a metric counts of every row.

    Attributes
    ----------
    value : Numbers
        Under the metric's name; missing where a part of the outcome is.
    others : tuple of Numbers
        Denominator, covariate and covariate's denominator: those the metric has, under the columns' names.
    cap : float or None
        What larger values were cut to.
    cut : ndarray of shape (n,) of bool
        Where one was; empty where there is no cap.
    """

    value: Numbers
    others: tuple[Numbers, ...]
    cap: float | None
    cut: Bools


def read_metric(source: Source, metric: Metric, design: Experiment, read: Read = read_outcome) -> MetricColumns:
    """Read a metric, its columns by ``read``.

    Raises
    ------
    DataError
        If a column holds text, times, or a number that is infinite or out of scale.
    """
    value = _retained(source, metric, design) if metric.kind == "retention" else read(source, metric.column).values
    others = tuple(read(source, name) for name in metric.columns()[1:])
    if metric.denominator is not None:
        below = next(other for other in others if other.name == metric.denominator).values
        value, below = (filled(metric, part) for part in (value, below))
        others = tuple(Numbers(o.name, below) if o.name == metric.denominator else o for o in others)
        value = np.where(np.isnan(below), np.nan, value) if np.isnan(below).any() else value
    else:
        value = filled(metric, value)
    cap = cap_of(metric, value)
    cut = np.zeros(0, dtype=np.bool_) if cap is None else value > cap
    value = value if cap is None else np.where(cut, cap, value)
    return MetricColumns(Numbers(metric.name, value), others, cap, cut)


def filled(metric: Metric, values: Floats) -> Floats:
    """Count the missing as zero where the metric says so."""
    return np.nan_to_num(values, nan=0.0) if metric.missing == "zero" else values


def cap_of(metric: Metric, values: Floats) -> float | None:
    """What larger values are cut to: a number, or a quantile of the values over all arms."""
    if metric.cap_share is None:
        return metric.winsor
    there = values[~np.isnan(values)]
    return float(np.quantile(there, metric.cap_share)) if there.size else None


def _retained(source: Source, metric: Metric, design: Experiment) -> Floats:
    """Ones where the user was active in time, zeros where not; who has no day of activity is missing."""
    column = read_column(source, metric.column)
    if isinstance(column, Labels):
        return read_outcome(source, metric.column).values
    days = column.values
    if column.kind is Kind.TIME:
        days = days - _exposure(source, metric, design)
    since = None if metric.day is None else (metric.day, np.inf)
    span = metric.window or since
    if span is None:
        return days
    low, high = span
    return np.where(np.isnan(days), np.nan, (days >= low) & (days <= high))


def _exposure(source: Source, metric: Metric, design: Experiment) -> Floats:
    """When each row was exposed [days]."""
    exposed = None if design.exposed is None else read_column(source, design.exposed)
    if not isinstance(exposed, Numbers) or exposed.kind is not Kind.TIME:
        raise DataError(
            f"Metric '{metric.name}' holds times, and the design names no time of exposure to count days from.",
            remedy="Add exposed: a column of times to the design, or give days since exposure.",
            code=Code.INVALID_MAPPING,
            found=design.exposed,
        )
    return exposed.values


def read_strata(source: Source, columns: tuple[str, ...]) -> tuple[Ints, tuple[str, ...]] | None:
    """Number the strata that columns form together: codes (n,) and labels, those that occur; None without columns.

    What is missing is a level of its own.
    """
    if not columns:
        return None
    codes, labels = np.zeros(source.rows, dtype=np.int64), tuple[str, ...](("",))
    for name in columns:
        found = as_labels(read_column(source, name))
        levels = (*found.levels, MISSING)
        own = np.where(found.codes < 0, len(found.levels), found.codes)
        there, codes = np.unique(codes * len(levels) + own, return_inverse=True)
        named = ((labels[at // len(levels)], levels[at % len(levels)]) for at in there.tolist())
        labels = tuple(f"{before}, {name} = {level}".removeprefix(", ") for before, level in named)
    return codes, labels
