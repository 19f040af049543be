"""What the effect is, if nothing is hidden but overlap is not taken for granted: a row of a table of assumptions."""

import math

import numpy as np

from estimand.checks.stress.assumed import Assumed, outcome_limits
from estimand.core.case import Case
from estimand.stats.glm import fit_glm
from estimand.stats.limited_overlap import Pooling, pooled_bounds
from estimand.stats.set_intervals import crossing_interval, crossing_middle, end_std_error

POOLED = 3
EDGE = 0.05
WORDS = "Nothing is hidden, and some may never have been treated, or always"


def pooled_row(case: Case) -> Assumed | None:
    """Bound the effect from rows that agree on every covariate; None where they are too few, or rows are weighted.

    The reference propensity is logistic, bounded to [0.05, 0.95]: bounds are right for any, and narrow for a good one.
    Where the estimated ends cross, both are put in the middle, and the interval is that of ends that may cross.
    """
    sample = case.sample()
    if len(case.arms) > 2 or sample.weights is not None or sample.features.values.shape[1] == 0:
        return None
    _, first, cell = np.unique(sample.features.values, axis=0, return_index=True, return_inverse=True)
    if sample.n < POOLED * first.shape[0]:
        return None
    treated = sample.arm == 1
    fit = fit_glm(sample.features.values, treated.astype(float), "logistic")
    reference = np.clip(fit.mean[first], EDGE, 1.0 - EDGE)
    pooling = Pooling(POOLED, outcome_limits(case.values())[0])
    low, high, _ = pooled_bounds(case.values(), treated, cell.reshape(-1), reference, pooling)
    ends = (low.value, high.value)
    errors = (end_std_error(low.psi, sample.cluster), end_std_error(high.psi, sample.cluster))
    df = math.inf if sample.cluster is None else np.unique(sample.cluster).shape[0] - 1.0
    interval = crossing_interval(ends, errors, case.level, df)
    if ends[0] > ends[1]:
        ends = (crossing_middle(ends, errors),) * 2
    return Assumed(WORDS, *ends, *interval)
