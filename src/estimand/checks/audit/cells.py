"""Does every category have rows in every arm?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.audit.covariates import Covariate, covariates_of
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Ints


@dataclass(frozen=True, slots=True)
class _Cell:
    """Rows of one category by arm."""

    covariate: str
    level: str
    rows: tuple[int, ...]
    lonely: bool

    @property
    def name(self) -> str:
        return f"{self.covariate} = {self.level}"


@check("audit.cells", question="Does every category have rows in every arm?")
class SmallCells(Check):
    """Counts of category by arm; a category absent from an arm that should hold five of its rows or more warns."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where some covariate is a category."""
        return isinstance(case.source, Sample) and any(c.levels for c in covariates_of(case.source))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each category found in too few arms, else once with the smallest cell."""
        sample, line = case.sample(), case.gates.cell
        cells = [cell for c in covariates_of(sample) if c.levels for cell in _cells(c, sample, line)]
        small = [cell for cell in cells if min(cell.rows) < line]
        lonely = [cell for cell in small if cell.lonely]
        evidence = _table(small or cells, sample.arms)
        if not small:
            return (self._pass(min(cells, key=lambda cell: min(cell.rows)), sample, line, evidence),)
        worst = min(lonely or small, key=lambda cell: (min(cell.rows), -sum(cell.rows)))
        arm = sample.arms[int(np.argmin(worst.rows))]
        rest = f" {len(small) - 1} other categories have fewer than {line} rows in an arm." if len(small) > 1 else ""
        least = min(worst.rows)
        held = f"has {least} rows" if least else f"has {sum(worst.rows):,} rows, none of them"
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.WARN if lonely else Grade.NOTE,
                subject=worst.covariate,
                statistic=float(min(worst.rows)),
                threshold=float(line),
                message=f"Category '{worst.name}' {held} in arm '{arm}'.{rest}",
                remedy="Merge rare categories with like ones, or leave their rows out and say so.",
                evidence=evidence,
            ),
        )

    def _pass(self, least: _Cell, sample: Sample, line: int, evidence: Table) -> Finding:
        return Finding(
            check=self.spec.key,
            about=STUDY,
            grade=Grade.PASS,
            subject=least.covariate,
            statistic=float(min(least.rows)),
            threshold=float(line),
            message=f"Every category has at least {line} rows in every arm; '{least.name}' has the fewest, "
            f"{min(least.rows):,} in arm '{sample.arms[int(np.argmin(least.rows))]}'.",
            evidence=evidence,
        )


def _cells(covariate: Covariate, sample: Sample, line: int) -> list[_Cell]:
    codes, arm = covariate.values.astype(np.int64), sample.arm[covariate.present]
    arms = len(sample.arms)
    counts = np.bincount(codes * arms + arm, minlength=len(covariate.levels) * arms).reshape(-1, arms)
    sizes = np.bincount(arm, minlength=arms)
    return [
        _Cell(covariate.name, level, tuple(map(int, row)), _absent(row, sizes, line))
        for level, row in zip(covariate.levels, counts, strict=True)
        if row.sum()
    ]


def _absent(row: Ints, sizes: Ints, line: int) -> bool:
    """Whether an arm has none of a category of which it should have at least ``line`` rows."""
    expected = row.sum() * sizes / sizes.sum()
    return bool(((row == 0) & (expected >= line)).any())


def _table(cells: list[_Cell], arms: tuple[str, ...]) -> Table:
    ordered = sorted(cells, key=lambda cell: min(cell.rows))[:50]
    columns: dict[str, list[object]] = {
        "covariate": [cell.covariate for cell in ordered],
        "level": [cell.level for cell in ordered],
    }
    for a, label in enumerate(arms):
        columns[f"arm {label}"] = [cell.rows[a] for cell in ordered]
    return Table(columns)
