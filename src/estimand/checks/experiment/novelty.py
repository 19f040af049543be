"""Does the effect wear off, or grow, with the days since exposure?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric import MEANS
from estimand.core.metric_rows import metric_column
from estimand.core.sample import DAY_ROLE
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats
from estimand.stats.effect_by_day import ByDay, effect_by_day
from estimand.stats.intervals import critical_value, two_sided_p
from estimand.stats.multiplicity import holm

FEWEST_ROWS, FEWEST_DAYS, CHANCE = 10, 3, 0.01


@check(
    "experiment.novelty",
    question="Does the effect wear off, or grow, with the days since exposure?",
    references=("Hohnhold, O'Brien & Tang 2015, doi:10.1145/2783258.2788583",),
    designs=(Experiment,),
)
class Novelty(Check):
    """Difference on each day since exposure, and the slope of a line through them, errors summed within units.

    Days with fewer than ten rows of an arm are left out. A slope unlike zero beyond chance (Holm over the arms) is a
    note: the average over the days read is not what lasts.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names the day since exposure, to metrics whose level is a mean or a ratio."""
        kinds = {*MEANS, "ratio"}
        sample = case.sample()
        return (
            case.metric is not None
            and case.metric.kind in kinds
            and DAY_ROLE in sample.roles
            and sample.weights is None
        )

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with the arm whose effect moves most surely, and all days as evidence."""
        found = {arm: self._of_arm(case, j + 1) for j, arm in enumerate(case.arms[1:])}
        known = {arm: days for arm, days in found.items() if days is not None}
        if not known:
            words = f"Fewer than {FEWEST_DAYS} days since exposure have {FEWEST_ROWS} rows of each arm."
            return (Finding(self.spec.key, case.outcome, Grade.NOT_RUN, case.outcome, words, "Wait for more days."),)
        slopes = np.array([days.slope / days.slope_error if days.slope_error else 0.0 for days in known.values()])
        adjusted = holm(two_sided_p(slopes, None))
        worst = int(np.argmin(adjusted))
        arm, days = list(known.items())[worst]
        moves = bool(adjusted[worst] < CHANCE)
        words = (
            f"The effect of arm '{arm}' on '{case.outcome}' is {format_number(float(days.value[0]))} on day "
            f"{days.day[0]:g} and {format_number(float(days.value[-1]))} on day {days.day[-1]:g} since exposure; it "
            f"moves by {format_number(days.slope)} a day (standard error {format_number(days.slope_error)}; p = "
            f"{format_number(float(adjusted[worst]))})."
        )
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.NOTE if moves else Grade.PASS,
                subject=arm,
                statistic=float(adjusted[worst]),
                threshold=CHANCE,
                message=words,
                remedy="Run on until it settles, and read the later days for what will last." if moves else None,
                evidence=_table(case, known),
            ),
        )

    def _of_arm(self, case: Case, a: int) -> ByDay | None:
        """Effects of an arm by day; None where too few days have enough rows."""
        sample = case.sample()
        day = sample.roles[DAY_ROLE].values[:, 0]
        pair = ((sample.arm == a) | (sample.arm == 0)) & ~np.isnan(day)
        rows = np.flatnonzero(pair & _on_full_days(day, sample.arm == a, sample.arm == 0))
        if np.unique(day[rows]).shape[0] < FEWEST_DAYS:
            return None
        values, below = case.values()[rows], _below(case)[rows]
        return effect_by_day((values, below), sample.arm[rows] == a, day[rows], sample.units[rows])


def _on_full_days(day: Floats, treated: Bools, control: Bools) -> Bools:
    """Rows of days that have enough rows of both arms."""
    full = np.ones(day.shape, dtype=np.bool_)
    for group in (treated, control):
        there, counts = np.unique(day[group], return_counts=True)
        full &= np.isin(day, there[counts >= FEWEST_ROWS])
    return full


def _below(case: Case) -> Floats:
    metric = case.metric
    if metric is None or metric.denominator is None:
        return np.ones(case.sample().n)
    return metric_column(case.sample(), metric.denominator)


def _table(case: Case, known: dict[str, ByDay]) -> Table:
    half = float(critical_value(case.level, None, 1)[0])
    rows = [
        (arm, float(day), float(units), float(value), float(value - half * error), float(value + half * error))
        for arm, days in known.items()
        for day, units, value, error in zip(days.day, days.units, days.value, days.std_error, strict=True)
    ]
    names = ("arm", "day", "rows", "value", "low", "high")
    return Table({name: [row[j] for row in rows] for j, name in enumerate(names)})
