"""Who is there to compare each cohort with, and for how long?"""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.panel import Panel
from estimand.core.table import Table
from estimand.core.timeline import Timeline
from estimand.stats.arrays import Ints

FEWEST = 5


@dataclass(frozen=True, slots=True)
class Cohort:
    """One treated cohort: its units, and the periods before and after, with and without someone to compare with."""

    label: str
    units: int
    before: int
    after: int
    compared: int


@check(
    "panel.comparison",
    question="Who is there to compare each cohort with, and for how long?",
    references=("Callaway & Sant'Anna 2021, doi:10.1016/j.jeconom.2020.12.001",),
    designs=(Panel,),
)
class ComparisonGroups(Check):
    """Count, for every cohort, its units, its periods, and those in which some unit is not treated yet.

    It warns where a cohort has a period of treatment in which nobody is left to compare with and none in which somebody
    is, and notes units treated from the start, the lack of units never treated, and cohorts or comparisons of fewer
    than five units.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to every panel."""
        return True

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer once, about the outcome."""
        timeline = case.timeline()
        home = _homes(case, timeline)
        never, always = int((home == timeline.periods).sum()), int((home == 0).sum())
        cohorts = [_cohort(g, home, timeline) for g in timeline.cohorts().tolist()]
        lonely = [cohort.label for cohort in cohorts if cohort.compared == 0]
        words, remedies = _notes(cohorts, never, always, timeline)
        if lonely:
            words.insert(0, f"Nobody untreated is left to compare with in any period of cohort {', '.join(lonely)}.")
            remedies.insert(0, "Add units never treated, or leave these cohorts' effects out.")
        plain = f"{len(cohorts)} treated cohort{'s' if len(cohorts) != 1 else ''} and {never:,} units never treated."
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.WARN if lonely else Grade.NOTE if words else Grade.PASS,
                subject="cohorts",
                statistic=float(len(lonely)),
                threshold=0.0,
                message=" ".join([plain, *words]),
                remedy=" ".join(remedies) or None,
                evidence=_table(cohorts, never, always, timeline),
            ),
        )


def _homes(case: Case, timeline: Timeline) -> Ints:
    """Cohort of each unit, cluster, or, where there is neither, row."""
    group = timeline.unit if timeline.unit is not None else case.sample().units
    first = np.unique(group, return_index=True)[1]
    return timeline.cohort[first]


def _cohort(g: int, home: Ints, timeline: Timeline) -> Cohort:
    periods = timeline.periods
    after = [t for t in range(g, periods) if (home > t).any()]
    return Cohort(timeline.labels[g], int((home == g).sum()), g, periods - g, len(after))


def _notes(cohorts: list[Cohort], never: int, always: int, timeline: Timeline) -> tuple[list[str], list[str]]:
    words, remedies = [], []
    if not never:
        cut = sum(cohort.after - cohort.compared for cohort in cohorts)
        total = sum(cohort.after for cohort in cohorts)
        words.append(
            f"No unit is never treated: in {cut} of {total} treated cohorts in periods there is nobody to compare with."
        )
        remedies.append("Use control: not_yet, and read the effects as those of the cells that have a comparison.")
    if always:
        words.append(f"{always:,} units are treated from {timeline.labels[0]} on, and have no period before.")
        remedies.append("Leave them out: as a comparison they would take their own effect off.")
    small = [cohort.label for cohort in cohorts if cohort.units < FEWEST]
    if small:
        words.append(f"Cohort {', '.join(small)} has fewer than {FEWEST} units.")
        remedies.append("Read the effects of small cohorts together with others'.")
    if 0 < never < FEWEST:
        words.append(f"Fewer than {FEWEST} units are never treated.")
        remedies.append("Use control: not_yet, which compares with more.")
    return words, remedies


def _table(cohorts: list[Cohort], never: int, always: int, timeline: Timeline) -> Table:
    rows = list(cohorts)
    if always:
        rows.insert(0, Cohort("always", always, 0, timeline.periods, 0))
    if never:
        rows.append(Cohort("never", never, timeline.periods, 0, 0))
    return Table(
        {
            "cohort": [row.label for row in rows],
            "units": [row.units for row in rows],
            "periods_before": [row.before for row in rows],
            "periods_after": [row.after for row in rows],
            "periods_compared": [row.compared for row in rows],
        }
    )
