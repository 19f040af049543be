"""Is a look too early for a skewed metric to be normal?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.display import format_number
from estimand.core.finding import Finding, Grade
from estimand.core.metric_estimate import Comparison
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import metric_column
from estimand.core.sample import Sample
from estimand.methods.experiments.looking import Looking
from estimand.stats.skewness import contrast_skewness, pooled_skewness

# Above so much skewness of the difference, looks were seen to err more often than they say: docs/calibration.md.
SKEWED = 0.2


def skewness_finding(key: str, case: Case, looking: Looking, units: float) -> list[Finding]:
    """Warn where the first look of the plan is, or this one would be, at units too few for the metric's skewness.

    What counts is the skewness of the difference, which is none in arms alike; where it is above 0.2 at the burn-in,
    always-valid and group-sequential tests erred beyond their size: "Looking more than once" in docs/calibration.md.
    """
    moments = case.metric_moments()
    skewness = _skewness(case, moments)
    if skewness is None:
        return []
    plain = Comparison.of(moments, [range(len(moments.parts))], history=False)
    variance = plain.levels(moments).own.sum(axis=0)
    if not (variance[1:] + variance[0] > 0.0).all():
        return []
    now = np.abs(contrast_skewness(skewness, moments.units, variance))
    worst = int(now.argmax())
    first = _first(looking, units)
    there = float(now[worst]) * np.sqrt(units / first)
    if there <= SKEWED:
        return []
    needed = first * (there / SKEWED) ** 2
    return [
        Finding(
            check=f"{key}.skewness",
            about=key,
            grade=Grade.WARN,
            subject=case.outcome,
            statistic=there,
            threshold=SKEWED,
            message=f"Metric '{case.outcome}' has a skewness of {format_number(skewness)} and the arms are of unequal "
            f"size, so that at {first:,.0f} units the difference of arm '{case.arms[worst + 1]}' has one of "
            f"{format_number(there)}: looks as early err more often than they say.",
            remedy=f"Declare a burn-in of {_rounded(needed)} units or more, allocate arms alike, or cap the metric by "
            "winsor.",
        )
    ]


def _first(looking: Looking, units: float) -> float:
    """Units at the first look that counts, or at this one where none before is declared."""
    if looking.always_valid:
        return float(looking.burn_in) if 0 < looking.burn_in < units else units
    return units if looking.units is None else min(units, looking.grid[0] * looking.units)


def _skewness(case: Case, moments: MetricMoments) -> float | None:
    """Skewness of a unit: of a share by its mean, else as read, or from the rows where there are any."""
    if case.binary and not moments.clustered:
        whole = moments.pooled()
        p = float(np.average(np.nan_to_num(whole.mean("value")), weights=whole.units))
        return None if not 0.0 < p < 1.0 else float((1.0 - 2.0 * p) / np.sqrt(p * (1.0 - p)))
    sample, metric = case.source, case.metric
    if moments.skewness is not None or moments.clustered or metric is None or not isinstance(sample, Sample):
        return moments.skewness
    value = case.values()
    if metric.denominator is not None:
        below = metric_column(sample, metric.denominator)
        pooled = moments.pooled()
        value = value - (pooled.mean("value") / pooled.mean("denominator"))[sample.arm] * below
    inside = ~np.isnan(value)
    return pooled_skewness(value[inside], sample.arm[inside], len(case.arms))


def _rounded(units: float) -> str:
    """A number of units, up to two digits."""
    step = 10.0 ** max(int(np.log10(max(units, 1.0))) - 1, 0)
    return f"{np.ceil(units / step) * step:,.0f}"
