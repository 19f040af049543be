"""Moments of all that a design asks of its metrics: of those who could see the change, and of what they received."""

from dataclasses import replace
from typing import Any

from estimand.core.design import Experiment
from estimand.core.frozen import FrozenMap
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_of_rows import has_received, with_received
from estimand.core.run import Run
from estimand.core.triggered import split_moments, with_trigger
from estimand.data.experiment_moments import ExperimentMoments, experiment_moments
from estimand.data.received import received_findings, refuse_missing_as_zero


def moments_of_design(data: Any, design: Experiment, run: Run) -> ExperimentMoments:
    """Read the moments of an experiment's metrics.

    Where the design names a trigger, they are of the units triggered, with those of the others beside them; where it
    names what units took, that and each metric of means are summed together too, in a pass of their own.

    See :func:`~estimand.data.experiment_moments.experiment_moments` for the parameters and what it raises.
    """
    told = _by_trigger(data, design, run)
    if design.took is None or design.cluster is not None:
        return told
    asked = tuple(metric for metric in design.metrics if has_received(metric, design.took))
    taken = Metric(name=f"{design.took} (taken)", kind="proportion", column=design.took)
    beside = (taken, *(with_received(metric, design.took) for metric in asked))
    joined = design.model_copy(update={"metrics": beside, "outcome": tuple(metric.name for metric in beside)})
    found = _by_trigger(data, joined, run)
    alone = found.metrics[taken.name]
    refuse_missing_as_zero(asked, alone, design.took)
    metrics = {name: _with(part, found.metrics.get(name)) for name, part in told.metrics.items()}
    findings = (*told.findings, *received_findings(design.took, alone))
    return replace(told, metrics=FrozenMap(metrics), findings=findings)


def _by_trigger(data: Any, design: Experiment, run: Run) -> ExperimentMoments:
    if design.triggered is None:
        return experiment_moments(data, design, run)
    told = experiment_moments(data, with_trigger(design), run)
    metrics = {name: split_moments(found, design.triggered) for name, found in told.metrics.items()}
    return replace(told, metrics=FrozenMap(metrics))


def _with(moments: MetricMoments, received: MetricMoments | None) -> MetricMoments:
    return moments if received is None else replace(moments, received=replace(received, untriggered=None))
