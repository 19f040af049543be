"""Does who could have seen the change depend on the arm?"""

import numpy as np

from estimand.checks.experiment.assigned import is_running, plan_of
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.metric_estimate import Comparison
from estimand.core.metric_moments import MetricMoments
from estimand.core.table import Table
from estimand.errors import EstimandError
from estimand.stats.allocation import allocation_p_value
from estimand.stats.arrays import Floats
from estimand.stats.dilution import equal_shares_p_value
from estimand.stats.intervals import two_sided_p

REMEDY = (
    "Log in every arm who would have seen the change (counterfactual triggering), from what happened before the arm "
    "could matter; until then read the effect on everyone: leave triggered out of the design."
)


@check(
    "experiment.triggering",
    question="Does who could have seen the change depend on the arm?",
    references=(
        "Kohavi, Tang & Xu 2020, doi:10.1017/9781108653985",
        "Deng & Hu 2015, doi:10.1145/2684822.2685307",
    ),
    designs=(Experiment,),
    reads_moments=True,
)
class Triggering(Check):
    """Compare the share triggered between arms, and the arms among those who were not.

    Units may be left out by what the arm cannot change. Pearson's χ² test of the share triggered, of units with a
    value: beyond chance it is a veto at the planned end, and a warning while units still come. The triggered are tested
    against the planned shares too, as all units are. And the units that could not see the change must not differ
    between arms on the metric (over arms by Bonferroni): where they do, some of them saw it.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to metrics of a design that says who was triggered."""
        return isinstance(case.design, Experiment) and case.design.triggered is not None and case.metric is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Test the shares, and the metric of those not triggered."""
        moments = case.metric_moments()
        rest = moments.untriggered
        if rest is None:
            return (self._nobody_else(case),)
        seen = moments.units
        tested = (self._shares(case, seen, rest.units), *self._planned(case, seen), self._others(case, rest))
        return (*tested, *self._over_everyone(case, estimates))

    def _nobody_else(self, case: Case) -> Finding:
        return self._found(
            case,
            Grade.NOTE,
            "Every unit was triggered, so nothing tells whether triggering depends on the arm, nor what the effect is "
            "over everyone assigned.",
            "Keep the units that were assigned and not triggered in the table.",
        )

    def _shares(self, case: Case, seen: Floats, others: Floats) -> Finding:
        whole = seen + others
        p_value = equal_shares_p_value(seen, others)
        rates = seen / whole
        told = ", ".join(f"{arm} {rate:.2%}" for arm, rate in zip(case.arms, rates, strict=True))
        off = p_value < case.gates.allocation
        bad = Grade.WARN if is_running(plan_of(case), float(whole.sum())) else Grade.VETO
        return self._found(
            case,
            bad if off else Grade.PASS,
            f"Share of units triggered: {told}; p = {format_number(p_value)} (χ² test).",
            REMEDY if off else None,
            (
                p_value,
                Table({"arm": case.arms, "units": whole.tolist(), "triggered": seen.tolist(), "share": rates.tolist()}),
            ),
        )

    def _planned(self, case: Case, seen: Floats) -> tuple[Finding, ...]:
        """Test the triggered against the planned shares, once units have stopped to come."""
        plan = plan_of(case)
        if plan is None or is_running(plan, float(case.metric_moments().counts.rows.sum())):
            return ()
        shares = np.array(plan.shares(case.arms))
        p_value = allocation_p_value(seen, shares)
        off = p_value < case.gates.allocation
        told = ", ".join(f"{arm} {units:,.0f}" for arm, units in zip(case.arms, seen, strict=True))
        return (
            self._found(
                case,
                Grade.VETO if off else Grade.PASS,
                f"Triggered units by arm, against the planned shares: {told}; p = {format_number(p_value)} (χ² test).",
                REMEDY if off else None,
                (
                    p_value,
                    Table({"arm": case.arms, "triggered": seen.tolist(), "expected": (shares * seen.sum()).tolist()}),
                ),
            ),
        )

    def _others(self, case: Case, rest: MetricMoments) -> Finding:
        """Test that those who could not see the change do not differ between arms."""
        try:
            levels = Comparison.of(rest, [range(len(rest.parts))], history=False).levels(rest)
        except EstimandError as refused:
            said = f"Units that were not triggered could not be compared: {refused.message}"
            return self._found(case, Grade.NOT_RUN, said, refused.remedy)
        error = np.sqrt(np.diag(levels.effect_vcov))
        each = two_sided_p(levels.effect / error, levels.effect_df())
        p_value = min(1.0, float(each.min()) * each.shape[0])
        off = p_value < case.gates.allocation
        moved = "differ" if off else "do not differ beyond chance"
        return self._found(
            case,
            Grade.WARN if off else Grade.PASS,
            f"Units that were not triggered {moved} between arms on metric '{case.outcome}'; p = "
            f"{format_number(p_value)}.",
            f"Some of them saw the change, or the arms differ for another reason. {REMEDY}" if off else None,
            (p_value, Table({"arm": case.arms[1:], "value": levels.effect.tolist(), "std_error": error.tolist()})),
            about=case.outcome,
        )

    def _over_everyone(self, case: Case, estimates: tuple[Estimate, ...]) -> tuple[Finding, ...]:
        """Tell what the first estimate that can be diluted comes to over all units."""
        able = (estimate for estimate in estimates if estimate.details.get("diluted"))
        first = next(able, None)
        if first is None:
            return ()
        found = first.details["diluted"]
        parts = ", ".join(
            f"{label} {format_number(float(value))} (standard error {format_number(float(error))})"
            for label, value, error in zip(found["terms"], found["value"], found["std_error"], strict=True)
        )
        return (
            self._found(
                case,
                Grade.NOTE,
                f"Over everyone assigned, {found['share']:.2%} of whom were triggered, the effect on '{case.outcome}' "
                f"by {first.method} is: {parts}; if the others were not moved.",
                None,
                about=case.outcome,
            ),
        )

    def _found(
        self,
        case: Case,
        grade: Grade,
        message: str,
        remedy: str | None,
        tested: tuple[float, Table] | None = None,
        *,
        about: str = STUDY,
    ) -> Finding:
        p_value, evidence = (None, None) if tested is None else tested
        return Finding(
            check=self.spec.key,
            about=about,
            grade=grade,
            subject=str(case.design.triggered) if isinstance(case.design, Experiment) else "",
            statistic=p_value,
            threshold=None if p_value is None else case.gates.allocation,
            message=message,
            remedy=remedy,
            evidence=evidence,
        )
