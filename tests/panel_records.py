"""Records and findings of rollouts that never ran, made by hand for figures."""

import numpy as np
import study_records as made

from estimand.core.design import Panel
from estimand.core.estimate import Estimate, Population, Term
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.question import Question, Target
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.core.uncertainty import Normal

DESIGN = Panel(unit="school", time="term", treatment="tutored", outcome=("score",))
COHORTS, PERIODS = ("2004", "2006", "2007"), ("2003", "2004", "2005", "2006", "2007")


def event_study(key: str = "sun_abraham", times: tuple[int, ...] = (-4, -3, -2, 0, 1, 2, 3), rise: float = 0.21,
                **more: object) -> Estimate:  # fmt: skip
    """Return an event study whose effects grow by ``rise`` a period, with a headline before them."""
    effects = [rise * (time + 1) if time >= 0 else 0.03 * (-1) ** time for time in times]
    value = np.array([np.mean([e for e, t in zip(effects, times, strict=True) if t >= 0]), *effects])
    spread = np.array([0.05, *(0.06 + 0.02 * abs(time + 1) for time in times)])
    vcov = np.outer(spread, spread) * (0.4 + 0.6 * np.eye(len(spread)))
    terms = (Term("treated"), *(Term(f"event time {k}", FrozenMap({"event_time": k})) for k in times))
    return Estimate(
        id=key,
        method=more.pop("method", key),
        options=FrozenMap(more.pop("options", {})),
        outcome="score",
        target=Target.ATT,
        population=Population("treated unit-periods", 400, 0.4),
        terms=terms,
        value=value,
        uncertainty=Normal(vcov, np.full(len(value), 38.0)),
        n_obs=2500,
        inference="influence",
        **more,
    )


def cells(cohorts: tuple[str, ...] = COHORTS, periods: tuple[str, ...] = PERIODS, scale: float = 0.041) -> Table:
    """Return the cells of a rollout; the first period is the base, and that before treatment the placebo's."""
    rows = [
        (cohort, period, periods.index(period) - periods.index(cohort)) for cohort in cohorts for period in periods[1:]
    ]
    return Table(
        {
            "cohort": [cohort for cohort, _, _ in rows],
            "period": [period for _, period, _ in rows],
            "event_time": [time for *_, time in rows],
            "value": [-scale * (time + 1) if time >= 0 else 0.3 * scale * (-1) ** time for *_, time in rows],
            "rows": [100] * len(rows),
        }
    )


def staggered(key: str = "staggered_did", table: Table | None = None) -> Estimate:
    """Return an estimate with one term and the cells behind it."""
    return Estimate(
        id=key,
        method=key,
        options=FrozenMap({"base": "varying"}),
        outcome="score",
        target=Target.ATT,
        population=Population("treated unit-periods", 400, 0.4),
        terms=(Term("treated"),),
        value=np.array([-0.04]),
        uncertainty=Normal(np.array([[0.0001]])),
        n_obs=2500,
        inference="influence",
        details=FrozenMap({"group_time": cells() if table is None else table}),
    )


def trends(cohorts: tuple[str, ...] = ("2006",), periods: tuple[str, ...] = PERIODS,
           sources: tuple[str, ...] = ("did",)) -> Finding:  # fmt: skip
    """Return a finding of means over time, each cohort 0.5 above the next, its effect one a period."""
    rows: list[tuple[object, ...]] = []
    for j, name in enumerate((*cohorts, "comparison")):
        starts = periods.index(name) if name in periods else None
        for t, label in enumerate(periods):
            gained = 0 if starts is None else max(0, t - starts + 1)
            level = 10.0 + 0.8 * t - 0.5 * j
            rows.append((name, "", t, label, level + gained, 50 + j, starts))
            rows += [(name, source, t, label, level, 50 + j, starts) for source in sources if gained]
    names = ("group", "without", "period", "label", "mean", "rows", "starts")
    table = Table({name: [row[j] for row in rows] for j, name in enumerate(names)})
    return made.finding("panel.trends", "score", Grade.NOTE, "The means moved.", evidence=table)


def record(*estimates: Estimate, findings: tuple[Finding, ...] = (), headline: str | None = None) -> StudyRecord:
    """Return a rollout's record, led by its first estimate unless another is named."""
    return made.record(
        estimates,
        findings,
        question=Question(text="Did tutoring raise scores?", target=Target.ATT, unit="points"),
        design=DESIGN,
        headline=headline or estimates[0].id,
        arms={"untreated": 1500, "treated": 1000},
        data="schools",
    )


def bacon(forbidden: bool = True) -> Finding:
    """Return a finding of comparisons whose weights sum to one."""
    rows = [
        ("2004", "never", "never treated", 0.4, 0.31, 0),
        ("2006", "never", "never treated", 0.25, 0.22, 0),
        ("2004", "2006", "not yet treated", 0.2, 0.27, 0),
        ("2006", "2004", "already treated", 0.15, -0.18, 1),
    ]
    if not forbidden:
        rows = [("2004", "never", "never treated", 0.6, 0.31, 0), ("2006", "never", "never treated", 0.4, 0.22, 0)]
    names = ("treated", "control", "kind", "weight", "estimate", "forbidden")
    table = Table({name: [row[j] for row in rows] for j, name in enumerate(names)})
    return made.finding("panel.bacon", "did", Grade.WARN, "15% on units treated already.", evidence=table)


def honest(turn: float | None = 0.83, bend: float | None = 0.04) -> Finding:
    """Return a finding of robust intervals that widen with the bound, for two targets."""
    rows = []
    for target, value in (("first period", 0.3), ("average", 0.42)):
        for name, bounds, end in (
            ("relative magnitudes", (0.0, 0.5, 1.0, 1.5, 2.0), turn),
            ("smoothness", (0.0, 0.02, 0.04, 0.06), bend),
        ):
            far = bounds[-1]
            rows += [
                (name, target, m, value - 0.1 - 0.6 * m / far, value + 0.1 + 0.6 * m / far, value, end,
                 value - 0.12, value + 0.12)
                for m in bounds
            ]  # fmt: skip
    names = ("restriction", "target", "bound", "low", "high", "value", "breakdown", "usual_low", "usual_high")
    table = Table({name: [row[j] for row in rows] for j, name in enumerate(names)})
    return made.finding("panel.honest_did", "event_study", Grade.NOTE, "It stands.", subject="average", evidence=table)


def power(sign: float = 1.0) -> Finding:
    """Return a finding of a line of 0.05 a period that a pre-test finds four times in five."""
    times = [-4, -3, -2, -1, 0, 1, 2, 3]
    table = Table(
        {
            "event_time": times,
            "value": [0.02, -0.03, 0.01, 0.0, *(sign * 0.2 * (t + 1) for t in times[4:])],
            "std_error": [0.0 if t == -1 else 0.05 + 0.01 * abs(t + 1) for t in times],
            "found_half": [0.03 * (t + 1) for t in times],
            "found_80": [0.05 * (t + 1) for t in times],
        }
    )
    return made.finding("panel.pretrend_power", "event_study", Grade.NOTE, "A line of 0.05.", evidence=table)
