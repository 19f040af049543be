"""What does the method find if treatment is dated earlier, in rows from before it?"""

from dataclasses import dataclass, replace

import numpy as np

from estimand.checks.stress.cost import refit_cost
from estimand.checks.stress.refits import attempt, degrees, too_dear
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.arrays import Floats, Ints
from estimand.stats.intervals import two_sided_p

SOMEWHAT, FAR = 0.05, 0.01
HALF = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Dated:
    """Rows from before treatment, and the dates that are tried."""

    sample: Sample
    left_out: int


@check(
    "panel.placebo_date",
    question="What does the method find if treatment is dated earlier, in rows from before it?",
    references=("Heckman & Hotz 1989, doi:10.1080/01621459.1989.10478848",),
    designs=(Panel,),
)
class PlaceboDate(Check):
    """Date treatment some periods earlier, keep only rows from before the real date, and run the method again.

    Nothing was done yet, so the effect should be none, unless treatment was anticipated. Units never treated keep
    their rows of the same periods. Cohorts with no period before the date tried are left out. It warns below p = 0.01
    and notes below 0.05.

    Parameters
    ----------
    steps : tuple of int
        How many steps earlier; those for which at least half of the treated units have a period before are tried.
    spend : float
        What the refits of one estimate may cost in a quick run, in numbers read (rows times columns of a linear fit).
    """

    steps: tuple[int, ...] = (1, 2)
    spend: float = 3e7

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates with a standard error."""
        return any(_testable(estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the date at which it finds most."""
        dated = {step: found for step in self.steps if (found := earlier(case, step)) is not None}
        out = []
        for estimate in estimates:
            if not _testable(estimate):
                continue
            dear = case.stress == "quick" and len(dated) * refit_cost(case, estimate) > self.spend
            if dear:
                out.append(too_dear(estimate, len(dated)).finding(self.spec.key, "placebo date"))
            else:
                out.append(self._one(case, estimate, dated, refit))
        return tuple(out)

    def _one(self, case: Case, estimate: Estimate, dated: dict[int, Dated], refit: Refit) -> Finding:
        if not dated:
            message = "Less than half of the treated units have two periods before treatment, so no date can be tried."
            return self._not_run(estimate, message, "Add earlier periods.")
        made = {step: attempt(refit, estimate, _on(case, found.sample)) for step, found in dated.items()}
        usable = {step: again for step, again in made.items() if again is not None and _testable(again)}
        if not usable:
            message = "The method could not be run on the rows from before treatment."
            return self._not_run(estimate, message, "Add earlier periods, or units.")
        steps = list(usable)
        values = np.array([float(usable[step].scaled[0]) for step in steps])
        errors = np.array([float(usable[step].scaled_error[0]) for step in steps])
        p = two_sided_p(values / errors, np.array([degrees(usable[step], 0) for step in steps]))
        adjusted = np.minimum(1.0, p * len(steps))
        worst = int(np.argmin(p))
        grade = Grade.WARN if adjusted[worst] < FAR else Grade.NOTE if adjusted[worst] < SOMEWHAT else Grade.PASS
        scale = " on the log scale" if estimate.scale == "log" else ""
        words = (
            f"Dated {steps[worst]} {'step' if steps[worst] == 1 else 'steps'} earlier, treatment has an effect of "
            f"{format_number(float(values[worst]))}{scale} (standard error {format_number(float(errors[worst]))}, p = "
            f"{adjusted[worst]:.2g}, adjusted for {len(steps)} dates) in rows from before it; the estimate is "
            f"{format_number(float(estimate.scaled[0]))}."
        )
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="placebo date",
            statistic=float(adjusted[worst]),
            threshold=FAR,
            message=words,
            remedy=None
            if grade is Grade.PASS
            else "Ask what moved the groups apart before treatment, and whether it went on: then it is in the effect.",
            evidence=_table(estimate, steps, (values, errors, p), [dated[step].left_out for step in steps]),
        )

    def _not_run(self, estimate: Estimate, why: str, remedy: str) -> Finding:
        return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, "placebo date", why, remedy)


def _testable(estimate: Estimate) -> bool:
    errors = estimate.uncertainty.std_error(estimate.value)
    return errors is not None and float(errors[0]) > 0.0


def _on(case: Case, sample: Sample) -> Case:
    return replace(case, source=sample, unobserved=None, run=Run(case.run.seed, cancelled=case.run.cancelled))


def earlier(case: Case, step: int) -> Dated | None:
    """Rows from before treatment, dated ``step`` earlier; None where too few of the treated have a period before."""
    timeline, sample = case.timeline(), case.sample()
    moved = _moved(timeline, step)
    treated = ~timeline.never & ~timeline.always
    keep = (timeline.period < timeline.cohort) & ~timeline.always & ((moved > 0) | timeline.never)
    group = timeline.unit if timeline.unit is not None else sample.units
    before, left = np.unique(group[treated]).shape[0], np.unique(group[treated & keep]).shape[0]
    if before == 0 or left < HALF * before:
        return None
    # Two groups and two times have no period effects to hold what later periods do to those never treated.
    keep &= timeline.period <= timeline.period[treated & keep].max()
    dates = np.where(timeline.never, timeline.periods, moved)
    rows = np.flatnonzero(keep)
    narrowed = sample.take(rows)
    held = timeline.take(rows)
    placed = replace(held, cohort=dates[rows], switched_off=np.zeros(rows.shape[0], dtype=np.bool_))
    made = narrowed.with_timeline(placed)
    if np.unique(made.arm).shape[0] < 2:
        return None
    return Dated(made, before - left)


def _moved(timeline: Timeline, step: int) -> Ints:
    """Position of the date ``step`` earlier than each row's cohort; zero where that is not after the first period."""
    start = timeline.clock[np.where(timeline.never, 0, timeline.cohort)] - step
    return np.asarray(np.searchsorted(timeline.clock, start), dtype=np.int64)


def _table(estimate: Estimate, steps: list[int], found: tuple[Floats, Floats, Floats], left_out: list[int]) -> Table:
    values, errors, p = found
    return Table(
        {
            "steps_earlier": [0, *steps],
            "value": [float(estimate.scaled[0]), *values.tolist()],
            "std_error": [float(estimate.scaled_error[0]), *errors.tolist()],
            "p_value": [None, *p.tolist()],
            "units_left_out": [0, *left_out],
        }
    )
