"""Does the effect wear off, or grow, with the days?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.days import Days
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric import MEANS
from estimand.core.metric_moments import DENOMINATOR, VALUE
from estimand.core.metric_rows import metric_column
from estimand.core.moments import Moments
from estimand.core.sample import DAY_ROLE, Sample
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats
from estimand.stats.effect_by_day import ByDay, effect_by_day, effect_of_days
from estimand.stats.intervals import critical_value, two_sided_p
from estimand.stats.multiplicity import holm

FEWEST_ROWS, FEWEST_DAYS, CHANCE = 10, 3, 0.01


@check(
    "experiment.novelty",
    question="Does the effect wear off, or grow, with the days since exposure?",
    references=("Hohnhold, O'Brien & Tang 2015, doi:10.1145/2783258.2788583",),
    designs=(Experiment,),
    reads_moments=True,
    reads_both=True,
)
class Novelty(Check):
    """Difference on each day since exposure, else of exposure, and the slope of a line through them.

    From moments by day where units are rows; from rows, errors summed within clusters, where units may have several
    days. Days with fewer than ten rows of an arm are left out. A slope unlike zero beyond chance (Holm over the arms)
    is a note: the average over the days read is not what lasts.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names days, to metrics whose level is a mean or a ratio."""
        if case.metric is None or case.metric.kind not in {*MEANS, "ratio"}:
            return False
        if not isinstance(case.source, Sample):
            return _days(case) is not None
        sample = case.source
        clustered = sample.cluster is not None or _untold(case)
        return clustered and DAY_ROLE in sample.roles and sample.weights is None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with the arm whose effect moves most surely, and all days as evidence."""
        days = None if isinstance(case.source, Sample) else _days(case)
        found = {
            arm: _of_rows(case, j + 1) if days is None else _of_days(days, j + 1) for j, arm in enumerate(case.arms[1:])
        }
        known = {arm: by_day for arm, by_day in found.items() if by_day is not None}
        came = days is not None and days.column != _day_column(case)
        since = ", by day of exposure" if came else " since exposure"
        if not known:
            words = f"Fewer than {FEWEST_DAYS} days have {FEWEST_ROWS} rows of each arm."
            return (Finding(self.spec.key, case.outcome, Grade.NOT_RUN, case.outcome, words, "Wait for more days."),)
        return (self._worst(case, known, (since, _names(days))),)

    def _worst(self, case: Case, known: dict[str, ByDay], said: tuple[str, dict[float, str]]) -> Finding:
        since, names = said
        slopes = np.array([days.slope / days.slope_error if days.slope_error else 0.0 for days in known.values()])
        adjusted = holm(two_sided_p(slopes, None))
        worst = int(np.argmin(adjusted))
        arm, days = list(known.items())[worst]
        moves = bool(adjusted[worst] < CHANCE)
        first, last = (names.get(float(day), f"day {day:g}") for day in (days.day[0], days.day[-1]))
        words = (
            f"The effect of arm '{arm}' on '{case.outcome}' is {format_number(float(days.value[0]))} on "
            f"{first} and {format_number(float(days.value[-1]))} on {last}{since}; it moves by "
            f"{format_number(days.slope)} a day (standard error {format_number(days.slope_error)}; p = "
            f"{format_number(float(adjusted[worst]))})."
        )
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.NOTE if moves else Grade.PASS,
            subject=arm,
            statistic=float(adjusted[worst]),
            threshold=CHANCE,
            message=words,
            remedy="Run on until it settles, and read the later days for what will last." if moves else None,
            evidence=_table(case, known, names),
        )


def _day_column(case: Case) -> str | None:
    return case.design.day if isinstance(case.design, Experiment) else None


def _days(case: Case) -> Days | None:
    """Moments by the day since exposure where that is known, else by the day of exposure."""
    exposed = case.design.exposed if isinstance(case.design, Experiment) else None
    found = (case.days.get(column) for column in (_day_column(case), exposed) if column is not None)
    return next((days for days in found if days is not None), None)


def _untold(case: Case) -> bool:
    """Whether there are no moments by day, since units were triggered or not."""
    return isinstance(case.design, Experiment) and case.design.triggered is not None


def _names(days: Days | None) -> dict[float, str]:
    """Dates of the days, by their numbers; empty where days are numbers."""
    if days is None or not days.dated:
        return {}
    return {float(number): label for number, label in zip(days.numbers, days.labels, strict=True)}


def _of_days(days: Days, a: int) -> ByDay | None:
    """Effects of an arm by day, from moments; None where too few days have enough units."""
    parts = [(number, days.on(at)) for at, number in enumerate(days.numbers)]
    full = [(number, part) for number, part in parts if min(part.units[0], part.units[a]) >= FEWEST_ROWS]
    if len(full) < FEWEST_DAYS:
        return None
    units = np.array([[part.units[0], part.units[a]] for _, part in full])
    read = [_level(part) for _, part in full]
    level, variance = (np.array([[side[0], side[a]] for side in sides]) for sides in zip(*read, strict=True))
    return effect_of_days(np.array([number for number, _ in full]), units, level, variance)


def _level(part: Moments) -> tuple[Floats, Floats]:
    """Level of each arm and its variance, shape (a,)."""
    y = part.position(VALUE)
    mean = part.shift + part.means
    with np.errstate(divide="ignore", invalid="ignore"):
        if DENOMINATOR not in part.columns:
            return mean[:, y], part.cross[:, y, y] / np.square(part.units)
        b = part.position(DENOMINATOR)
        ratio = mean[:, y] / mean[:, b]
        residual = part.cross[:, y, y] - 2.0 * ratio * part.cross[:, y, b] + np.square(ratio) * part.cross[:, b, b]
        return ratio, residual / np.square(part.units * mean[:, b])


def _of_rows(case: Case, a: int) -> ByDay | None:
    """Effects of an arm by day, from rows; None where too few days have enough of them."""
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


def _table(case: Case, known: dict[str, ByDay], names: dict[float, str]) -> Table:
    half = float(critical_value(case.level, None, 1)[0])
    rows = [
        (arm, float(day), float(units), float(value), float(value - half * error), float(value + half * error))
        for arm, days in known.items()
        for day, units, value, error in zip(days.day, days.units, days.value, days.std_error, strict=True)
    ]
    columns = ("arm", "day", "rows", "value", "low", "high")
    made: dict[str, list[object]] = {name: [row[j] for row in rows] for j, name in enumerate(columns)}
    return Table(made | ({"date": [names[float(row[1])] for row in rows]} if names else {}))
