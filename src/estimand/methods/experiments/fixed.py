"""The difference of each arm from control as if it were read once: what other readings start from."""

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.method import Method
from estimand.core.metric_estimate import Comparison, metric_estimate
from estimand.core.metric_moments import MetricMoments
from estimand.core.uncertainty import Normal
from estimand.errors import UnsupportedError
from estimand.methods.experiments.cuped import Cuped
from estimand.methods.experiments.poststratification import Poststratification
from estimand.stats.arrays import Floats


def read_once(case: Case, method: Method, *, adjust: bool) -> Estimate:
    """Estimate the differences from the moments of the case's metric, with a normal uncertainty.

    Parameters
    ----------
    adjust : bool
        Whether history and strata sharpen the answer, as in ``cuped`` and ``poststratification``, where there are any;
        strata that are the days of looks do not.
    """
    moments = case.metric_moments()
    within = moments.strata != ("",) and not strata_are_days(case)
    if adjust and has_history(moments):
        return Cuped(stratified=within).estimate(case)
    if adjust and within:
        return Poststratification().estimate(case)
    compared = Comparison.of(moments, [range(len(moments.parts))], history=False)
    correction = "Welch, delta method" if moments.is_ratio else "Welch"
    return metric_estimate(case, method, compared, compared.levels(moments), correction)


def has_history(moments: MetricMoments) -> bool:
    """Whether some units have a covariate."""
    return any(moments.covariates(j) for j in range(len(moments.parts)))


def strata_are_days(case: Case) -> bool:
    """Whether the design's strata are the days on which units came, which looks are made of."""
    design = case.design
    return isinstance(design, Experiment) and design.strata in {(design.day,), (design.exposed,)}


def covariance(estimate: Estimate) -> Floats:
    """Covariance of the differences, shape (k, k).

    Raises
    ------
    UnsupportedError
        If the estimate has none.
    """
    if not isinstance(estimate.uncertainty, Normal):
        raise UnsupportedError(
            f"'{estimate.id}' has no covariance to start from.", remedy="Use a metric of means or ratios."
        )
    return np.asarray(estimate.uncertainty.vcov)
