"""Did the arms differ before anybody was exposed?"""

from functools import reduce

import numpy as np

from estimand.checks.experiment.worst import told_by, worst_of
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric_moments import COVARIATE, COVARIATE_DENOMINATOR, MetricMoments
from estimand.core.moments import Moments
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.intervals import two_sided_p
from estimand.stats.metric_moments import Levels, metric_levels
from estimand.stats.moments import ArmMoments
from estimand.stats.multiplicity import holm

BEFORE = "experiment.pre_exposure"
FEWEST = 2


@check(
    BEFORE,
    question="Did the arms differ before anybody was exposed?",
    references=("Kohavi, Tang & Xu 2020, doi:10.1017/9781108653985", "Holm 1979, doi:10.2307/4615733"),
    designs=(Experiment,),
    reads_moments=True,
)
class BeforeExposure(Check):
    """Compare the metric before the experiment between the arms, where no effect can be: Welch, and the delta method.

    P-values are Holm's over the arms, and over all metrics of a study that have a covariate.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to a metric with history."""
        return case.metric is not None and case.metric.covariate is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for the metric, with every arm as evidence."""
        levels = _history(case.metric_moments())
        if levels is None:
            words = f"Fewer than {FEWEST} units of some arm have metric '{case.outcome}' before the experiment."
            remedy = "Check that the covariate was measured in all arms."
            return (Finding(self.spec.key, case.outcome, Grade.NOT_RUN, case.outcome, words, remedy),)
        error = np.sqrt(np.diag(levels.effect_vcov))
        p_value = _p_value(levels, error)
        adjusted = holm(p_value)
        table = Table(
            {
                "arm": case.arms[1:],
                "control": [case.arms[0]] * len(p_value),
                "difference": levels.effect.tolist(),
                "std_error": error.tolist(),
                "p_value": p_value.tolist(),
                "adjusted": adjusted.tolist(),
            }
        )
        covariate = str(case.metric.covariate) if case.metric is not None else ""
        plain = Finding(
            self.spec.key, case.outcome, Grade.PASS, covariate, "", threshold=case.gates.before, evidence=table
        )
        return (before_told(plain, adjusted, len(p_value)),)


def before_told(finding: Finding, adjusted: Floats, tests: int) -> Finding:
    """Say what the adjusted p-values of the arms in a metric's evidence say."""
    worst = worst_of(finding, adjusted)
    if worst is None:
        return finding
    row = worst.row
    words = (
        f"Before the experiment '{finding.subject}' of arm '{row['arm']}' is {format_number(float(row['difference']))} "
        f"from '{row['control']}' (standard error {format_number(float(row['std_error']))}; p = "
        f"{format_number(worst.p_value)}, adjusted for {tests} {'tests' if tests > 1 else 'test'})."
    )
    remedy = (
        "Check that it was measured before exposure and the same way in all arms, and that no arm was used in an "
        "experiment before; else assignment was not at random."
    )
    return told_by(worst, finding, adjusted, words, remedy)


def _history(moments: MetricMoments) -> Levels | None:
    """Level of the covariate in each arm, over the units with history; None with too few of them."""
    held = [part for part in moments.parts if COVARIATE in part.columns]
    if not held:
        return None
    names = tuple(name for name in (COVARIATE, COVARIATE_DENOMINATOR) if name in held[0].columns)
    whole = reduce(Moments.merge, (part.only(names) for part in held))
    below = whole.mean(COVARIATE_DENOMINATOR) if COVARIATE_DENOMINATOR in names else np.ones(1)
    if whole.units.min() < FEWEST or not (np.abs(below) > 0.0).all():
        return None
    return metric_levels([ArmMoments(whole.units, whole.means, whole.cross)], len(names), whole.shift)


def _p_value(levels: Levels, error: Floats) -> Floats:
    """P-values of no difference; one where nothing varies and nothing differs, zero where it differs all the same."""
    safe = np.where(error > 0.0, error, 1.0)
    found = two_sided_p(levels.effect / safe, levels.effect_df())
    return np.where(error > 0.0, found, np.where(levels.effect == 0.0, 1.0, 0.0))
