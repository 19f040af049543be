r"""What is true of a simulated rollout, table by table.

Methods of panels name the effect on the treated unit-periods of the table at hand, so the truth is the mean of what
treatment adds, in expectation given wave and period, over the treated rows of units seen before treatment. An average
over cohorts, event times or periods alike takes the same effects with its own weights; the population's label tells
which it is. A variance-weighted answer is held to what it weighs: with :math:`\tilde D` the residual of treatment on
the regression's effects and covariates (Frisch & Waugh 1933, doi:10.2307/1907330),

.. math:: \theta = \frac{\sum \tilde D_{it} D_{it} \tau_{it}}{\sum \tilde D_{it} D_{it}}.
"""

import numpy as np

from estimand.core.estimate import Estimate
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.timeline import Timeline
from estimand.stats.absorb import absorber
from estimand.stats.arrays import Floats, Ints

# How the label of a population begins, and what its mean is over.
ROWS, COHORTS = "treated unit-periods", "treated cohorts, each over its treated periods"
EVENT_TIMES, PERIODS = "treated cohorts, over event times", "treated cohorts, over periods"


def rollout_truth(effect: Floats, sample: Sample, timeline: Timeline, estimate: Estimate) -> float | None:
    """Truth of an estimate's first term; None for a label that is none of those above.

    Parameters
    ----------
    effect : ndarray of shape (n,)
        Of each row of the sample, in expectation given its wave and period.
    """
    if estimate.target is Target.VARIANCE_WEIGHTED:
        return _weighed_by_variance(effect, sample, timeline)
    if estimate.target is not Target.ATT:
        return None
    rows = np.flatnonzero((sample.arm == 1) & ~timeline.always)
    effect, within, label = effect[rows], timeline.take(rows), estimate.population.label
    if label.startswith(ROWS):
        return float(effect.mean())
    if label.startswith(COHORTS):
        return _by_cohort(effect, within)
    if label.startswith(EVENT_TIMES):
        return float(_means(effect, within.event_time.astype(np.int64))[0].mean())
    return float(_means(effect, within.period)[0].mean()) if label.startswith(PERIODS) else None


def _means(effect: Floats, places: Ints) -> tuple[Floats, Ints]:
    """Mean effect at each place that occurs, and the places."""
    found, position = np.unique(places, return_inverse=True)
    return np.asarray(np.bincount(position, effect) / np.bincount(position)), found


def _by_cohort(effect: Floats, timeline: Timeline) -> float:
    """Mean over each cohort's treated periods, cohorts counted by the rows of their first one."""
    means, cohorts = _means(effect, timeline.cohort)
    first = timeline.period == timeline.cohort
    sizes = np.array([np.count_nonzero(first & (timeline.cohort == cohort)) for cohort in cohorts])
    return float(means @ sizes / sizes.sum())


def _weighed_by_variance(effect: Floats, sample: Sample, timeline: Timeline) -> float:
    """Average with the weights of a regression on unit (or cohort) and period effects, covariates by period."""
    who = timeline.cohort if timeline.unit is None else timeline.unit
    levels = absorber([who, timeline.period])
    treated = (sample.arm == 1).astype(np.float64)
    left = levels.residualise(treated)
    if sample.features.features:
        dummies = np.equal.outer(timeline.period, np.arange(1, timeline.periods))
        beside = (sample.features.values[:, :, None] * dummies[:, None, :]).reshape(sample.n, -1)
        columns = levels.residualise(np.ascontiguousarray(beside))
        left = left - columns @ np.linalg.lstsq(columns, left, rcond=None)[0]
    return float((left * treated) @ effect / (left @ treated))
