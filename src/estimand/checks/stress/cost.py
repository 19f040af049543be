"""What it costs to run a method again, known before it is run, so that the answer never depends on the clock."""

from collections.abc import Mapping

from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.estimate import Estimate

TIMES_A_LINEAR_FIT: Mapping[str, float] = {
    "influence": 1.0,
    "small_sample": 1.0,
    "matching": 10.0,
    "set": 10.0,
    "resampling": 350.0,
    "permutation": 350.0,
}
CROSS_FITTED = 25.0


def cross_fitted(estimate: Estimate) -> bool:
    """Tell whether nuisances were predicted out of fold."""
    return isinstance(estimate.details.get("nuisance_loss"), Mapping) and estimate.options.get("folds") != 1


def linear_cost(case: Case) -> float:
    """Cost of one linear fit: the numbers it reads, rows times columns."""
    sample = case.sample()
    return float(sample.n * (sample.features.values.shape[1] + 1))


def refit_cost(case: Case, estimate: Estimate) -> float:
    """Cost of running an estimate's method again, in numbers read.

    A rule of thumb: a cross-fitted method is worth 25 linear fits per repetition, and one that resamples 350.
    """
    if isinstance(estimate.details.get("nuisance_loss"), Mapping):
        repeats = estimate.options.get("repeats", 1)
        return CROSS_FITTED * linear_cost(case) * (repeats if isinstance(repeats, int) else 1)
    return TIMES_A_LINEAR_FIT[resolve("methods", estimate.method).spec.inference] * linear_cost(case)
