"""The treatment received: zeros and ones of every unit."""

from collections.abc import Iterable

import numpy as np

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.data.column import Numbers, read_column
from estimand.data.source import Source
from estimand.errors import Code, DataError


def read_received(source: Source, column: str) -> Numbers:
    """Read who took the treatment: one where a unit did, else zero; missing where nobody knows.

    Raises
    ------
    DataError
        If it holds anything else.
    """
    found = read_column(source, column)
    values = found.values if isinstance(found, Numbers) else np.full(source.rows, 0.5)
    if not isinstance(found, Numbers) or not (np.isin(values, (0.0, 1.0)) | np.isnan(values)).all():
        raise DataError(
            f"'{column}' says who took the treatment, and holds values that are not zeros and ones.",
            remedy="Write 1 (or true) where the unit took the treatment of its arm, else 0.",
            code=Code.INVALID_MAPPING,
            found=column,
        )
    return found


def refuse_missing_as_zero(metrics: Iterable[Metric], taken: MetricMoments, column: str) -> None:
    """Refuse to count who is not known to have taken the treatment as one who has not.

    Raises
    ------
    DataError
        If the column has gaps, and some metric counts its own gaps as zero.
    """
    named = [metric.name for metric in metrics if metric.missing == "zero"]
    if named and taken.counts.missing.any():
        raise DataError(
            f"'{column}' is missing for some units, and metric '{named[0]}' counts what is missing as zero.",
            remedy=f"Write 0 in '{column}' where the unit did not take the treatment, or leave such units out.",
            code=Code.INVALID_MAPPING,
            found=column,
        )


def received_findings(column: str, taken: MetricMoments) -> tuple[Finding, ...]:
    """Tell of units of whom nobody knows what they took."""
    missing = int(taken.counts.missing.sum())
    if not missing:
        return ()
    return (
        Finding(
            check="sample.missing_took",
            about=STUDY,
            grade=Grade.WARN,
            subject=column,
            statistic=float(missing),
            message=f"{missing:,} units have no value of '{column}', and are left out of the effect on compliers.",
            remedy="Find out what they took: who is not known may differ by arm.",
        ),
    )
