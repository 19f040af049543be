"""A ratio of means as a metric that regression can adjust: linearised in its adjusted means."""

from dataclasses import replace

from estimand.core.case import Case
from estimand.core.frozen import FrozenMap
from estimand.core.metric_estimate import no_ratio
from estimand.core.metric_rows import metric_column
from estimand.core.sample import derived
from estimand.stats.arrays import Floats


def linearised(case: Case, values: Floats, means: tuple[Floats, Floats]) -> Case:
    """Give a ratio the values whose adjusted mean in every arm is the arm's ratio of adjusted means.

    With adjusted means N and D of numerator and denominator, a row of arm a counts as R + (n - R d)/D at R = N/D: by
    the delta method its errors are those of the ratio.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Of the denominator.
    means : tuple of ndarray of shape (a,)
        N and D of every arm.

    Raises
    ------
    IdentificationError
        If an arm's denominator has no positive mean.
    """
    above, below = means
    sample = case.sample()
    if (below <= 0.0).any():
        a = int(below.argmin())
        raise no_ratio(case.outcome, f"has mean {below[a]:g}", sample.arms[a])
    ratio = (above / below)[sample.arm]
    line = ratio + (case.values() - ratio * values) / below[sample.arm]
    outcomes = FrozenMap({**sample.outcomes, case.outcome: line})
    name = derived(sample.fingerprint, f"linearised {case.outcome}", line)
    return replace(case, source=replace(sample, outcomes=outcomes, fingerprint=name))


def denominator_of(case: Case) -> Floats | None:
    """Denominator of a ratio metric, shape (n,); None of other outcomes."""
    below = None if case.metric is None else case.metric.denominator
    return None if below is None else metric_column(case.sample(), below)
