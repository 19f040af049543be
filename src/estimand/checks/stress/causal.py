"""Which estimates claim a cause without an experiment behind them."""

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.question import Target
from estimand.core.sample import Sample

AVERAGES = frozenset({Target.ATE, Target.ATT, Target.ATC, Target.ATO, Target.ATM, Target.VARIANCE_WEIGHTED})


def average_effects(case: Case, estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    """Average effects that rest on adjustment, of a sample whose treatment nobody randomised."""
    if case.randomised or not isinstance(case.source, Sample):
        return ()
    return tuple(estimate for estimate in estimates if estimate.target in AVERAGES)
