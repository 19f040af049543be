"""Moments of a metric from the rows of a case: with the treatment received, and with the units not triggered."""

from dataclasses import replace

from estimand.core.metric import MEANS, Metric
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import MetricRows, metric_column, moments_of_sample
from estimand.core.run import Run
from estimand.core.sample import Sample

# Of a sample's roles: one where the unit took the treatment, else zero.
TOOK_ROLE = "took"


def with_received(metric: Metric, took: str) -> Metric:
    """Ask for the treatment received beside a metric of means, in the place of a denominator: sums of both together."""
    return metric.model_copy(update={"denominator": took, "covariate_denominator": None})


def has_received(metric: Metric, took: str) -> bool:
    """Whether a metric is one whose effect may be divided by that on the treatment received."""
    return metric.kind in MEANS and metric.denominator is None and took not in metric.columns()


def moments_of_rows(sample: Sample, metric: Metric, run: Run, untriggered: Sample | None = None) -> MetricMoments:
    """Sum up the rows of a metric, and what goes beside it.

    Parameters
    ----------
    sample : Sample
    metric : Metric
    run : Run
    untriggered : Sample, optional
        Rows of the units that could not see the change.
    """
    found = moments_of_sample(sample, metric, run)
    received = _received(sample, metric, run)
    others = None if untriggered is None else moments_of_sample(untriggered, metric, run)
    return found if received is others is None else replace(found, received=received, untriggered=others)


def _received(sample: Sample, metric: Metric, run: Run) -> MetricMoments | None:
    held = sample.roles.get(TOOK_ROLE)
    if held is None or sample.cluster is not None or not has_received(metric, held.features[0].source):
        return None
    asked = with_received(metric, held.features[0].source)
    history = [metric_column(sample, metric.covariate)] if metric.covariate is not None else []
    columns = [sample.outcomes[metric.name], held.values[:, 0], *history]
    return MetricRows(asked, columns, sample.arm, sample.arms, sample.strata, sample.stratum).summed(run)
