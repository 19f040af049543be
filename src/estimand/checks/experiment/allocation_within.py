"""Did units fall to the arms as planned in every segment, and on every day?"""

from collections.abc import Iterator

import numpy as np

from estimand.checks.experiment.allocation import REMEDY
from estimand.checks.experiment.assigned import Assigned, plan_of, role_column, samples
from estimand.checks.heterogeneity.segments import segments_of
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import EXPOSED_ROLE, Encoded, Sample
from estimand.core.table import Table
from estimand.stats.allocation import allocation_p_value, sequential_allocation
from estimand.stats.arrays import Bools, Floats
from estimand.stats.multiplicity import holm

DAY = "day"
FEWEST_EXPECTED = 5.0
NAMED = 3


@check(
    "experiment.srm_within",
    question="Did units fall to the arms as planned in every segment, and on every day?",
    references=("Fabijan et al. 2019, doi:10.1145/3292500.3330722", "Holm 1979, doi:10.2307/4615733"),
    designs=(Experiment,),
)
class SampleRatioWithin(Check):
    """Test the shares of the arms within strata, segments and days of exposure, p-values Holm's over all of them.

    Where no allocation is planned, they are held to the shares of all units, so that what is off everywhere alike is
    left to the overall test. For days, the sequential test of all units by then stands beside.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names strata, segments or times of exposure."""
        if case.metric is None and plan_of(case) is None:
            return False
        sample = case.sample()
        return sample.stratum is not None or bool({"segments", EXPOSED_ROLE, "timestamp"} & set(sample.roles))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with all levels as evidence."""
        table = self._table(case)
        if not len(table):
            words = f"No segment or day has {FEWEST_EXPECTED:g} units expected in every arm."
            return (Finding(self.spec.key, STUDY, Grade.NOT_RUN, case.design.treatment, words, "Name coarser ones."),)
        rows = sorted(table.rows(), key=lambda row: float(row["p_value"]))
        off = [row for row in rows if row["adjusted"] < case.gates.allocation]
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.WARN if off else Grade.PASS,
                subject=f"{rows[0]['part']} {rows[0]['level']}",
                statistic=rows[0]["adjusted"],
                threshold=case.gates.allocation,
                message=_words(off, len(rows), case.arms),
                remedy=f"Look at what was different there. {REMEDY}" if off else None,
                evidence=table,
            ),
        )

    def _table(self, case: Case) -> Table:
        assigned, plan = Assigned.of(case), plan_of(case)
        every = assigned.counts()
        fixed = plan is not None and bool(plan.allocation)
        shares = np.array(plan.shares(case.arms)) if plan is not None and fixed else every / every.sum()
        told = []
        for part, level, member in _levels(case):
            counts = assigned.counts(member)
            if (counts.sum() * shares).min() >= FEWEST_EXPECTED:
                told.append((part, level, counts))
        p_values = np.array([allocation_p_value(counts, shares) for _, _, counts in told])
        columns = {
            "part": [part for part, _, _ in told],
            "level": [level for _, level, _ in told],
            **{f"units {arm}": [float(counts[a]) for _, _, counts in told] for a, arm in enumerate(case.arms)},
            "p_value": p_values.tolist(),
            "adjusted": holm(p_values).tolist(),
        }
        return Table(columns | {"sequential": _running(told, shares)})


def _running(told: list[tuple[str, str, Floats]], shares: Floats) -> list[float | None]:
    """Always-valid p-value of all units by each day; None beside what is no day."""
    days = [counts for part, _, counts in told if part == DAY]
    if not days:
        return [None] * len(told)
    path = iter(sequential_allocation(np.cumsum(np.stack(days), axis=0), shares).tolist())
    return [next(path) if part == DAY else None for part, _, _ in told]


def _levels(case: Case) -> Iterator[tuple[str, str, Bools]]:
    """Strata, segments and days: what each is of, its name, and the rows in it."""
    parts = samples(case)
    first = parts[0]
    if first.stratum is not None:
        stratum = np.concatenate([_strata(part) for part in parts])
        for s, label in enumerate(first.strata):
            yield "stratum", label, stratum == s
    if "segments" in first.roles:
        values = np.concatenate([part.roles["segments"].values for part in parts])
        for segment in segments_of(Encoded(values, first.roles["segments"].features)):
            yield segment.column, segment.level, segment.member
    timed = next((role for role in (EXPOSED_ROLE, "timestamp") if role in first.roles), None)
    if timed is not None:
        day = np.floor(role_column(case, timed))
        for number in np.unique(day[~np.isnan(day)]):
            yield DAY, day_name(float(number)), day == number


def _strata(sample: Sample) -> Floats:
    return np.zeros(sample.n) if sample.stratum is None else sample.stratum.astype(float)


def day_name(number: float) -> str:
    """Name a day by its date, where it counts from 1970; a small number stays one.

    Examples
    --------
    >>> day_name(3.0), day_name(19_783.0)
    ('3', '2024-03-01')
    """
    if not 3_650 <= number < 100_000:
        return f"{number:g}"
    return str(np.datetime64(int(number), "D"))


def _words(off: list[dict[str, object]], tested: int, arms: tuple[str, ...]) -> str:
    if not off:
        return f"In none of {tested} strata, segments and days do units fall to the arms otherwise than planned (Holm)."
    named = "; ".join(
        f"{row['part']} {row['level']}: "
        + ", ".join(f"{arm} {row[f'units {arm}']:,.0f}" for arm in arms)
        + f" (adjusted p = {format_number(float(str(row['adjusted'])))})"
        for row in off[:NAMED]
    )
    return f"In {len(off)} of {tested} strata, segments and days units did not fall to the arms as planned: {named}."
