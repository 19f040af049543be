"""The row of a finding's evidence with the smallest adjusted p-value, which is what the finding is told by."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True)
class Worst:
    """The row of evidence that differs most.

    Attributes
    ----------
    row : mapping
    p_value : float
        Adjusted.
    differs : bool
        Whether that is below the finding's threshold.
    """

    row: Mapping[str, Any]
    p_value: float
    differs: bool


def worst_of(finding: Finding, adjusted: Floats) -> Worst | None:
    """The worst row by p-values of the evidence's rows, shape (rows,); None without evidence or threshold."""
    if finding.evidence is None or finding.threshold is None:
        return None
    at = int(adjusted.argmin())
    p_value = float(adjusted[at])
    return Worst(list(finding.evidence.rows())[at], p_value, p_value < finding.threshold)


def told_by(worst: Worst, finding: Finding, adjusted: Floats, message: str, remedy: str) -> Finding:
    """Grade a finding by its worst row, with a remedy if that differs and the p-values in the evidence."""
    table = finding.evidence or Table({})
    return replace(
        finding,
        grade=Grade.WARN if worst.differs else Grade.PASS,
        statistic=worst.p_value,
        message=message,
        remedy=remedy if worst.differs else None,
        evidence=Table({name: table[name] for name in table.columns} | {"adjusted": adjusted.tolist()}),
    )
