"""What an estimate of triggered units is called, and what it comes to over everyone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate, Population
from estimand.core.frozen import FrozenMap
from estimand.core.metric import MEANS
from estimand.core.metric_moments import MetricMoments
from estimand.core.moments import Moments
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.stats.dilution import Diluted, PairMeans, diluted_mean, diluted_ratio
from estimand.stats.metric_moments import pooled_arms
from estimand.stats.moments import ArmMoments

LABEL, RULE = "triggered units", "could have seen the change"


def of_triggered(made: Estimate, case: Case) -> Estimate:
    """Name the population of an estimate of triggered units, and add the effect over all units to its details.

    That is there for differences of means with a covariance, and for a ratio's ``difference``, if the others are not
    moved. Estimates of a design without a trigger are returned as they are.
    """
    if not isinstance(case.design, Experiment) or case.design.triggered is None:
        return made
    seen, others = _sides(case)
    read = seen + others + _without_value(case)
    population = Population(LABEL, round(seen), seen / read, RULE)
    details = FrozenMap({**made.details, "diluted": _told(_diluted(made, case, seen, others), case)})
    return replace(made, population=population, details=details, n_obs=min(made.n_obs, round(seen)))


def _sides(case: Case) -> tuple[float, float]:
    """Units with a value that were triggered, and that were not."""
    source = case.source
    if isinstance(source, MetricMoments):
        rest = source.untriggered
        return float(source.units.sum()), 0.0 if rest is None else float(rest.units.sum())
    if isinstance(source, Sample):
        return float(source.n), 0.0 if case.untriggered is None else float(case.untriggered.n)
    return float(source.units.sum()), 0.0


def _without_value(case: Case) -> float:
    if isinstance(case.source, MetricMoments) and not case.source.clustered:
        return float(case.source.counts.missing.sum())
    return 0.0 if case.unobserved is None else float(case.unobserved.n)


def _diluted(made: Estimate, case: Case, seen: float, others: float) -> Diluted | None:
    spread, metric = made.uncertainty, case.metric
    plain = isinstance(spread, Normal) and spread.scale == "identity" and made.target is Target.ATE
    if not plain or not isinstance(spread, Normal) or made.baseline is None:
        return None
    if metric is None or metric.kind in MEANS:
        return diluted_mean(made.value, spread.vcov, seen, others)
    if metric.kind != "ratio" or made.method != "difference":
        return None
    moments = case.metric_moments()
    rest = moments.untriggered
    if moments.clustered or rest is None:
        return None
    return diluted_ratio(_pairs(moments.pooled()), _one_pair(rest.pooled()), seen, others)


def _told(found: Diluted | None, case: Case) -> Mapping[str, Any] | None:
    if found is None:
        return None
    return FrozenMap(
        {
            "share": found.share,
            "value": found.value,
            "std_error": np.sqrt(np.diag(found.vcov)),
            "terms": tuple(term.label for term in case.arm_terms()),
        }
    )


def _pairs(part: Moments) -> PairMeans:
    free = (np.maximum(part.units - 1.0, 1.0) * part.units)[:, None, None]
    return PairMeans(part.shift + part.means, part.cross / free)


def _one_pair(part: Moments) -> PairMeans:
    """Units of all arms as one."""
    whole = pooled_arms(ArmMoments(part.units, part.means, part.cross))
    units = float(whole.units[0])
    return PairMeans(part.shift + whole.mean[0], whole.cross[0] / (max(units - 1.0, 1.0) * units))
