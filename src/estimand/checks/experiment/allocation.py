"""Did units fall to the arms as planned?"""

import numpy as np

from estimand.checks.experiment.assigned import is_running, plan_of, units_by_arm
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.table import Table
from estimand.stats.allocation import allocation_p_value, sequential_allocation
from estimand.stats.arrays import Floats

REMEDY = (
    "Find what loses or adds units in one arm (assignment, redirects, bots, logging, filters) before any number is "
    "read: no analysis repairs it."
)


@check(
    "experiment.srm",
    question="Did units fall to the arms as planned?",
    references=(
        "Fabijan et al. 2019, doi:10.1145/3292500.3330722",
        "Lindon & Malek 2022, Advances in Neural Information Processing Systems 35",
    ),
    designs=(Experiment,),
    reads_moments=True,
)
class SampleRatio(Check):
    """Test the arms' units against the planned shares: sample ratio mismatch.

    At the planned end Pearson's χ² test; before it, a sequential test that holds at every look. A mismatch beyond
    chance is a veto; where nothing was planned, equal shares are a guess, and it is a warning.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to experiments with metrics or a plan."""
        return case.metric is not None or plan_of(case) is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Compare what was planned with what is there."""
        plan, counts = plan_of(case), units_by_arm(case)
        shares = np.array(plan.shares(case.arms)) if plan is not None else np.full(len(case.arms), 1 / len(case.arms))
        running = is_running(plan, float(counts.sum()))
        p_value = (
            float(sequential_allocation(counts[None], shares)[0]) if running else allocation_p_value(counts, shares)
        )
        off = p_value < case.gates.allocation
        grade = (Grade.WARN if plan is None else Grade.VETO) if off else Grade.PASS
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=grade,
                subject=case.design.treatment,
                statistic=p_value,
                threshold=case.gates.allocation,
                message=_words(case.arms, counts, shares, p_value, running=running, guessed=plan is None),
                remedy=_remedy(guessed=plan is None) if off else None,
                evidence=Table(
                    {
                        "arm": case.arms,
                        "units": counts.tolist(),
                        "planned": shares.tolist(),
                        "expected": (shares * counts.sum()).tolist(),
                    }
                ),
            ),
        )


def _words(
    arms: tuple[str, ...], counts: Floats, shares: Floats, p_value: float, *, running: bool, guessed: bool
) -> str:
    found = ", ".join(
        f"{arm} {count:,.0f} ({count / counts.sum():.2%} against {share:.2%})"
        for arm, count, share in zip(arms, counts, shares, strict=True)
    )
    against = "equal shares, as no allocation is planned" if guessed else "the planned shares"
    test = "sequential test, valid at every look" if running else "χ² test"
    return f"Units by arm, against {against}: {found}; p = {format_number(p_value)} ({test})."


def _remedy(*, guessed: bool) -> str:
    return (
        f"If arms were not meant to be equal, add planned: {{allocation: …}} to the design. Else: {REMEDY}"
        if (guessed)
        else REMEDY
    )
