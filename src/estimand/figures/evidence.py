"""The evidence a figure is drawn from."""

from collections.abc import Sequence

from estimand.core.finding import Finding
from estimand.core.table import Table
from estimand.errors import UnsupportedError


def evidence_of(finding: Finding, columns: Sequence[str]) -> Table:
    """Return a finding's evidence, or refuse where it lacks a column or has no row.

    Raises
    ------
    UnsupportedError
        If there is nothing to draw.
    """
    evidence = finding.evidence
    found = () if evidence is None else tuple(evidence.columns)
    if evidence is None or not len(evidence) or any(name not in found for name in columns):
        raise UnsupportedError(
            f"The finding of '{finding.check}' about '{finding.about}' has nothing to draw.",
            remedy=f"Give a finding whose evidence has rows and the columns {', '.join(columns)}.",
            found=list(found),
            expected=list(columns),
        )
    return evidence
