"""Skewness of metrics, in a pass of its own: moments hold no third power."""

from dataclasses import replace
from typing import Any

import numpy as np

from estimand.core.design import Experiment
from estimand.core.frozen import FrozenMap
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.data.experiment_moments import ExperimentMoments
from estimand.data.metric_columns import read_metric
from estimand.data.source import Source, read_table
from estimand.data.treatment import read_arms
from estimand.data.trigger import read_trigger
from estimand.stats.arrays import Floats, Ints
from estimand.stats.skewness import pooled_skewness

# Their skewness is known from their mean; a quantile has no moments.
KNOWN = frozenset({"proportion", "retention", "quantile"})


def with_skewness(found: ExperimentMoments, data: Any, design: Experiment) -> ExperimentMoments:
    """Put the skewness of each metric's units, about the mean of their arm, beside its moments.

    Of clusters it is read from their sums, where those are kept; a ratio is linearised.
    """
    asked = [metric for metric in design.metrics if metric.kind not in KNOWN and metric.name in found.metrics]
    if not asked:
        return found
    made = dict(found.metrics)
    if design.cluster is not None:
        made |= {metric.name: _of_clusters(made[metric.name]) for metric in asked}
        return replace(found, metrics=FrozenMap(made))
    columns = dict.fromkeys(column for metric in asked for column in metric.columns())
    trigger = () if design.triggered is None else (design.triggered,)
    source = read_table(data, tuple(dict.fromkeys((design.treatment, *trigger, *columns))))
    arm = read_arms(source, design.treatment, design.control).codes
    for name in trigger:
        arm = np.where(read_trigger(source, name).values > 0.0, arm, -1)
    for metric in asked:
        made[metric.name] = replace(made[metric.name], skewness=_of_rows(source, metric, design, arm))
    return replace(found, metrics=FrozenMap(made))


def _of_rows(source: Source, metric: Metric, design: Experiment, arm: Ints) -> float | None:
    held = read_metric(source, metric, design)
    value = held.value.values
    below = next((other.values for other in held.others if other.name == metric.denominator), None)
    inside = np.flatnonzero((arm >= 0) & ~np.isnan(value) & (True if below is None else ~np.isnan(below)))
    return _skewness(value[inside], None if below is None else below[inside], arm[inside])


def _of_clusters(moments: MetricMoments) -> MetricMoments:
    if moments.clusters is None:
        return moments
    sums = np.concatenate([rows.columns[:, :2] for rows in moments.clusters])
    arm = np.concatenate([rows.arm for rows in moments.clusters])
    return replace(moments, skewness=_skewness(sums[:, 0], sums[:, 1], arm))


def _skewness(value: Floats, below: Floats | None, arm: Ints) -> float | None:
    arms = int(arm.max(initial=-1)) + 1
    if below is not None:
        total = np.bincount(arm, below, minlength=arms)
        ratio = np.bincount(arm, value, minlength=arms) / np.where(total > 0.0, total, 1.0)
        value = value - ratio[arm] * below
    return pooled_skewness(value, arm, arms)
