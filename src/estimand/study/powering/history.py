"""What a table of the past says of a metric, and experiments drawn from it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from estimand.core.experiment import Experiment
from estimand.core.metric import Metric
from estimand.core.metric_estimate import Comparison
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import MetricRows
from estimand.core.run import Run
from estimand.data.identity import cluster_codes, keys
from estimand.data.metric_columns import read_metric
from estimand.data.source import read_table
from estimand.errors import Code, DataError, IdentificationError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.quantiles import Distribution
from estimand.study.powering.facts import Facts
from estimand.study.powering.question import PowerQuestion

# The one arm of a history, and a column that no history has.
PAST, ASSIGNED = ("history",), "__assigned"
FEWEST = 8


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A metric's columns as they were, over rows that have a value.

    Attributes
    ----------
    name : str
    columns : tuple of ndarray of shape (n,)
        Value, and the denominator, covariate and its denominator that the metric has.
    cluster : ndarray of shape (n,) or None
        Codes.
    facts : Facts
    without_history : float
        Share of units without the covariate.
    smoothing : float
        Standard deviation of what is added to values that are drawn: of a quantile the kernel's of its density, as
        draws of the past alone are lumpier than the units to come (Silverman & Young 1987,
        doi:10.1093/biomet/74.3.469).
    """

    name: str
    columns: tuple[Floats, ...]
    cluster: Ints | None
    facts: Facts
    without_history: float
    smoothing: float = 0.0


def read_history(data: Any, asked: PowerQuestion) -> History:
    """Read a metric from a table of the past, one row a unit.

    Raises
    ------
    DataError
        If it cannot be read, or holds too little.
    """
    metric = asked.metric
    needed = (*metric.columns(), *(name for name in (asked.cluster, asked.exposed) if name is not None))
    source = read_table(data, tuple(dict.fromkeys(needed)))
    place = {"treatment": ASSIGNED, "metrics": (metric,), "exposed": asked.exposed}
    read = read_metric(source, metric, Experiment.model_validate(place))
    columns = np.stack([read.value.values, *(other.values for other in read.others)])
    outcomes = 2 if metric.denominator is not None else 1
    keep = ~np.isnan(columns[:outcomes]).any(axis=0)
    cluster = None
    if asked.cluster is not None:
        values, present = keys(source, asked.cluster)
        keep &= present
        cluster = cluster_codes(values[keep])
    held = tuple(np.ascontiguousarray(column[keep]) for column in columns)
    if held[0].shape[0] < FEWEST:
        raise DataError(
            f"{source.name} has {held[0].shape[0]} rows with metric '{metric.name}'; {FEWEST} are needed.",
            remedy="Give a longer history.",
            code=Code.INSUFFICIENT_DATA,
        )
    bare = float(np.isnan(np.stack(held[outcomes:])).any(axis=0).mean()) if len(held) > outcomes else 0.0
    smoothing = _spread_out(held[0]).bandwidth(metric.quantile) if metric.kind == "quantile" else 0.0
    return History(source.name, held, cluster, facts_of(metric, held, cluster), bare, smoothing)


def facts_of(metric: Metric, columns: tuple[Floats, ...], cluster: Ints | None) -> Facts:
    """What one unit is like: the variance of an arm's level, times its rows.

    Raises
    ------
    DataError
        If the metric does not vary.
    IdentificationError
        If there is no density at a quantile.
    """
    if metric.kind == "quantile":
        return _of_quantile(metric, columns[0], cluster)
    alone = _summed(metric, columns, None)
    level, variance = _one_arm(alone)
    joined = alone if cluster is None else _summed(metric, columns, cluster)
    clustered = _one_arm(joined)[1]
    adjusted = _one_arm(joined, history=True)[1] if metric.covariate is not None else clustered
    slopes = max(len(joined.covariates(j)) for j in range(len(joined.parts)))
    units = columns[0].shape[0]
    size = 1.0 if cluster is None else units / float(joined.units.sum())
    return Facts(metric.kind, level, variance, adjusted / clustered, slopes, clustered / variance, size)


def _summed(metric: Metric, columns: tuple[Floats, ...], cluster: Ints | None) -> MetricMoments:
    arm = np.zeros(columns[0].shape[0], dtype=np.int64)
    return MetricRows(metric, columns, arm, PAST, cluster=cluster).summed(Run(0))


def _one_arm(moments: MetricMoments, *, history: bool = False) -> tuple[float, float]:
    """Level, and the variance a row brings to it; what is shared with other arms cancels in a difference."""
    every = list(range(len(moments.parts)))
    widest = max(len(part.columns) for part in moments.parts)
    with_history = [j for j in every if len(moments.parts[j].columns) == widest]
    places = [with_history, [j for j in every if j not in with_history]] if history else [every]
    levels = Comparison.of(moments, [at for at in places if at], history=history).levels(moments)
    rows = float(moments.counts.rows.sum())
    return float(levels.shift + levels.value[0]), float(levels.own.sum()) * rows


def _of_quantile(metric: Metric, values: Floats, cluster: Ints | None) -> Facts:
    """Level and density by the past; of clusters, the spread of their shares below the quantile."""
    spread = _spread_out(values)
    level = spread.quantile(metric.quantile)
    density, atom = spread.density(metric.quantile), spread.atom_at(metric.quantile)
    if density <= 0.0 or atom > 0.0:
        raise IdentificationError(
            f"Metric '{metric.name}' holds much of its mass at its {metric.quantile:g} quantile, {level:g}, so there "
            "is no density there to plan by.",
            remedy="Choose another quantile, or plan the share above a value, as a proportion.",
            code=Code.NOT_IDENTIFIED,
        )
    variance = metric.quantile * (1.0 - metric.quantile) / density**2
    if cluster is None:
        return Facts("quantile", level, variance)
    below = (np.asarray(values <= level, dtype=np.float64),)
    share = Metric(name=metric.name, column=metric.column, kind="proportion")
    facts = facts_of(share, below, cluster)
    return replace(facts, kind="quantile", level=level, variance=variance)


def _spread_out(values: Floats) -> Distribution:
    return Distribution.of(values, np.ones(values.shape[0]), np.arange(values.shape[0]))


def drawn_from(history: History, units: int, rng: np.random.Generator) -> tuple[tuple[Floats, ...], Ints | None]:
    """Draw rows of the past with replacement, smoothed if so asked, or whole clusters until there are enough rows.

    Returns
    -------
    columns, cluster
        Clusters are numbered as they were drawn; None where rows stand alone.
    """
    n = history.columns[0].shape[0]
    if history.cluster is None:
        return _smoothed(history, rng.integers(n, size=units), rng), None
    order = np.argsort(history.cluster, kind="stable")
    edges = np.searchsorted(history.cluster[order], np.arange(history.cluster.max() + 2))
    chosen = rng.integers(edges.shape[0] - 1, size=max(4, round(units / history.facts.cluster_size)))
    sizes = edges[chosen + 1] - edges[chosen]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows = order[np.repeat(edges[chosen], sizes) + within]
    return _smoothed(history, rows, rng), np.repeat(np.arange(chosen.shape[0]), sizes)


def _smoothed(history: History, rows: Ints, rng: np.random.Generator) -> tuple[Floats, ...]:
    value, *others = (column[rows] for column in history.columns)
    if history.smoothing > 0.0:
        value = value + history.smoothing * rng.standard_normal(rows.shape[0])
    return (value, *others)
