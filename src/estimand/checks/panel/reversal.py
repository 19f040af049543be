"""Does treatment stay on once it starts, and what is the estimate without units where it does not?"""

from dataclasses import replace

import numpy as np

from estimand.checks.stress.cost import refit_cost
from estimand.checks.stress.refits import attempt
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.run import Run
from estimand.core.table import Table
from estimand.core.timeline import Timeline

MUCH = 0.05
FELT = 0.5


@check(
    "panel.reversal",
    question="Does treatment stay on once it starts?",
    references=("de Chaisemartin & D'Haultfoeuille 2024, doi:10.1162/rest_a_01414",),
    designs=(Panel,),
)
class Reversal(Check):
    """Count units whose treatment ends, and estimate again without them.

    It warns where they are more than a twentieth of the treated units, or leaving them out moves the estimate by more
    than half its standard error.

    Parameters
    ----------
    spend : float
        What a refit may cost in a quick run, in numbers read (rows times columns of a linear fit).
    """

    spend: float = 3e7

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the rows say who is treated when."""
        design = case.design
        return isinstance(design, Panel) and design.derives_cohort and case.timeline().unit is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate."""
        timeline = case.timeline()
        off, treated = _units(timeline, ended=True), _units(timeline, ended=False)
        if not off:
            message = f"In all {treated:,} treated units treatment stays on once it starts."
            return tuple(Finding(self.spec.key, e.id, Grade.PASS, "treatment", message) for e in estimates)
        kept = case.sample().take(np.flatnonzero(~timeline.switched_off))
        whole = replace(case, source=kept, unobserved=None, run=Run(case.run.seed, cancelled=case.run.cancelled))
        return tuple(self._one(case, whole, estimate, refit, (off, treated)) for estimate in estimates)

    def _one(self, case: Case, whole: Case, estimate: Estimate, refit: Refit, counts: tuple[int, int]) -> Finding:
        off, treated = counts
        share = off / treated
        dear = case.stress == "quick" and refit_cost(case, estimate) > self.spend
        both = _two_arms(whole)
        again = attempt(refit, estimate, whole) if both and not dear else None
        words = f"In {off:,} of {treated:,} treated units treatment ends, and their cohort counts from its start."
        moved = False
        if again is not None:
            before, after = float(estimate.scaled[0]), float(again.scaled[0])
            errors = estimate.uncertainty.std_error(estimate.value)
            moved = errors is not None and abs(after - before) > FELT * float(estimate.scaled_error[0])
            words += f" Without them the estimate is {format_number(after)} instead of {format_number(before)}."
        elif not both:
            words += " Without them nobody is treated."
        elif dear:
            words += " Fitting without them costs more than a quick run may."
        else:
            words += " It could not be estimated without them."
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if moved or share > MUCH else Grade.NOTE,
            subject="treatment",
            statistic=share,
            threshold=MUCH,
            message=words,
            remedy="If the effect ends with treatment, leave these units out, or cut their rows where it ends.",
            evidence=Table(
                {
                    "sample": ["all units", "without those whose treatment ends"],
                    "units_treated": [treated, treated - off],
                    "value": [float(estimate.scaled[0]), None if again is None else float(again.scaled[0])],
                }
            ),
        )


def _units(timeline: Timeline, *, ended: bool) -> int:
    """Units treated within these periods, or those of them whose treatment ends."""
    chosen = timeline.switched_off if ended else ~timeline.never
    return 0 if timeline.unit is None else int(np.unique(timeline.unit[chosen]).shape[0])


def _two_arms(case: Case) -> bool:
    return bool(np.unique(case.sample().arm).shape[0] == 2)
