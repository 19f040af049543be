"""An estimate without noise: its outcome is worked out from treatment, or does not vary, and no interval means much."""

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.stats.arrays import Floats

NOTHING = 1e-12


def no_noise(estimate: Estimate, case: Case) -> tuple[Finding, ...]:
    """Warn where a standard error is nothing beside the estimate and the outcome's range, or beside their rounding."""
    errors = estimate.uncertainty.std_error(estimate.value)
    if errors is None:
        return ()
    known = np.isfinite(errors) & np.isfinite(estimate.value)
    still = known & (errors <= _rounding(estimate.value[known], case))
    count = int(np.count_nonzero(still))
    if not count:
        return ()
    first = estimate.terms[int(np.argmax(still))].label
    which = f"'{first}'" if count == 1 else f"{count:,} terms, first '{first}',"
    return (
        Finding(
            check="estimate.no_noise",
            about=estimate.id,
            grade=Grade.WARN,
            subject=case.outcome,
            statistic=float(errors[still].max()),
            message=f"The rows behind {which} fit without any noise, so that the standard error is zero: outcome "
            f"'{case.outcome}' does not vary there beyond what treatment and the model say.",
            remedy="Look how the outcome was made: it may be worked out from treatment, rounded, or capped. Do not "
            "read the interval.",
        ),
    )


def _rounding(value: Floats, case: Case) -> float:
    """Standard error below which there is no noise."""
    size = float(np.abs(value).max(initial=0.0))
    if not isinstance(case.source, Sample):
        return NOTHING * size
    values = case.values()
    low, high = float(values.min()), float(values.max())
    return max(NOTHING * size, NOTHING * (high - low), np.finfo(np.float64).eps * max(abs(low), abs(high)))
