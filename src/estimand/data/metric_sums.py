"""A metric's columns of a table in memory, placed in their arms and strata, ready to be summed up."""

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np

from estimand.core.experiment import Experiment
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import MetricRows
from estimand.data.column import Numbers
from estimand.data.metric_columns import read_metric
from estimand.data.outcome import read_outcome
from estimand.data.source import Source
from estimand.errors import DataError
from estimand.stats.arrays import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Where every row of a table belongs.

    Attributes
    ----------
    arms, strata : tuple of str
        Labels.
    arm : ndarray of shape (n,)
        Codes; below zero for rows to pass over.
    stratum, cluster : ndarray of shape (n,) or None
        Codes.
    """

    arms: tuple[str, ...]
    strata: tuple[str, ...]
    arm: Ints
    stratum: Ints | None = None
    cluster: Ints | None = None


def rows_of_metric(source: Source, metric: Metric, design: Experiment, placed: Placed) -> MetricRows:
    """Read the columns of a metric.

    Raises
    ------
    DataError
        If a column holds text or times. Infinite numbers among plain floats show in the sums: see
        :func:`refuse_infinite_sums`.
    """
    held = read_metric(source, metric, design, _quick)
    columns = [held.value.values, *(other.values for other in held.others)]
    arm, arms = placed.arm, placed.arms
    cut = None if held.cap is None else np.bincount(arm[held.cut & (arm >= 0)], minlength=len(arms))
    capped = None if cut is None else cut.astype(float)
    return MetricRows(metric, columns, arm, arms, placed.strata, placed.stratum, placed.cluster, held.cap, capped)


def refuse_infinite_sums(moments: MetricMoments, metric: Metric, source: Source, *, look: bool = False) -> None:
    """Refuse moments that are no numbers; with ``look``, tell of the first such row where one can be told.

    Raises
    ------
    DataError
    """
    if all(np.isfinite(part.means).all() and np.isfinite(part.cross).all() for part in moments.parts):
        return
    for column in metric.columns() if look else ():
        read_outcome(source, column)
    raise infinite_sums(metric, source)


def infinite_sums(metric: Metric, source: Source) -> DataError:
    """Say that a column cannot be added up."""
    return DataError(
        f"A column of metric '{metric.name}' of {source.name} holds an infinite number, or numbers too large to add.",
        remedy="Correct them, or make them missing.",
        found=metric.column,
    )


def _quick(source: Source, name: str) -> Numbers:
    """Numbers of a column as they lie in memory, where they are plain floats."""
    series: nw.Series[Any] = source.frame.get_column(name)
    if series.dtype == nw.Float64:
        return Numbers(name, np.asarray(series.to_numpy(), dtype=np.float64))
    return read_outcome(source, name)
