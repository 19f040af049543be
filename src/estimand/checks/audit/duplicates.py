"""Is the same row there twice?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import AnyArray, Bools, Ints
from estimand.stats.screening import row_hashes

DISTINCT_SHARE, FEWEST_DISTINCT = 0.05, 50
FEWEST_COPIES = 3
SHOWN = 20


@check("audit.duplicates", question="Is the same row there more than once?")
class RepeatedRows(Check):
    """Rows alike in treatment, outcomes and covariates, told from coincidence.

    Rows of few discrete columns are alike by chance. A copy is counted only where some column of many values
    holds a value that is found in those rows and nowhere else.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to every sample whose rows do not stand for several."""
        return isinstance(case.source, Sample) and case.source.weight_kind != "frequency"

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count the copies, and name the rows of the largest groups."""
        sample = case.sample()
        columns = [*sample.outcomes.values(), *np.ascontiguousarray(sample.features.values.T)]
        hashes = row_hashes([sample.arm, *columns])
        _, first, group, sizes = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
        alike = int((sizes - 1).sum())
        sure = _telling(columns, first, sizes) if alike else np.zeros(sizes.size, dtype=np.bool_)
        copies = int((sizes[sure] - 1).sum())
        grade = Grade.WARN if copies >= FEWEST_COPIES else Grade.PASS
        chance = alike - copies
        words = (
            f"{copies:,} of {sample.n:,} rows repeat another exactly, in treatment, outcomes and every covariate, down "
            "to values found nowhere else."
            if grade is Grade.WARN
            else "No row repeats another in a way that chance does not explain."
        )
        if chance:
            words += f" {chance:,} more are alike in values that many rows share, as rows of few columns are."
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=grade,
                subject="rows",
                statistic=float(copies),
                threshold=float(FEWEST_COPIES),
                message=words,
                remedy=None
                if grade is Grade.PASS
                else "Drop the copies, or name the column they share as cluster: they are not independent rows.",
                evidence=_groups(sample, group, np.flatnonzero(sure)[_order(first[sure], sizes[sure])]),
            ),
        )


def _telling(columns: list[AnyArray], first: Ints, sizes: Ints) -> Bools:
    """Which groups hold, in a column of many values, one found nowhere else."""
    sure = np.zeros(sizes.size, dtype=np.bool_)
    several = sizes > 1
    for values in columns:
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        if counts.size >= max(FEWEST_DISTINCT, DISTINCT_SHARE * values.size):
            sure |= several & (counts[place[first]] == sizes) & ~np.isnan(values[first])
    return sure


def _order(first: Ints, sizes: Ints) -> Ints:
    """Largest groups first, then those that come first in the table."""
    return np.asarray(np.lexsort((first, -sizes)))


def _groups(sample: Sample, group: Ints, found: Ints) -> Table | None:
    if not found.size:
        return None
    rows = [np.flatnonzero(group == g) for g in found[:SHOWN]]
    return Table(
        {
            "copies": [int(alike.size) for alike in rows],
            "rows_used": [", ".join(str(int(sample.index[row]) + 1) for row in alike[:10]) for alike in rows],
        }
    )
