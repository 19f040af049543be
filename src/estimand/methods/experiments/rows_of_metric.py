"""The rows of a metric's arms, for methods that moments do not serve."""

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Population
from estimand.core.sample import Sample
from estimand.errors import Code, UnsupportedError
from estimand.stats.arrays import Floats


def rows_of_metric(case: Case, key: str, *, clusters: bool) -> Sample:
    """Return the rows, unweighted.

    Parameters
    ----------
    clusters : bool
        Whether rows may be clustered.

    Raises
    ------
    UnsupportedError
        If the design names no metric, or weights rows, or clusters them where they may not be; or there are no rows.
    """
    if case.metric is None:
        case.metric_moments()
    sample = case.sample()
    if sample.weights is not None or case.observing() is not None:
        raise UnsupportedError(
            f"Method '{key}' counts every unit once, and this design weights them.",
            remedy="Leave the weights out, or use quantile_effects or ipw, which take them.",
        )
    if sample.cluster is not None and not clusters:
        raise UnsupportedError(
            f"Method '{key}' takes units for independent, and this design names a cluster.",
            remedy="Use method: difference or quantile, which sum within clusters.",
            code=Code.UNSUPPORTED,
        )
    return sample


def by_arm(case: Case, sample: Sample) -> tuple[Floats, ...]:
    """Values of each arm."""
    values = case.values()
    return tuple(np.asarray(values[sample.arm == a]) for a in range(len(sample.arms)))


def everyone(sample: Sample) -> Population:
    """Units that have a value."""
    share = sample.n / sample.rows_read
    return Population("everyone" if share == 1.0 else "complete cases", sample.n, share)
