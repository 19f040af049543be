"""Which rows are used: each dropped row counted once, by the first reason it has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Drop
from estimand.core.table import Table
from estimand.errors import DataError
from estimand.stats.arrays import Bools

FEW = 0.05
FEWEST_ROWS = 4
COVARIATE = "covariate missing"
# Rows that the design does not ask about are counted, and are no loss.
OUTSIDE = "outside the window"


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """A column that a row must have to be used.

    Attributes
    ----------
    reason : str
        Why a row without it is dropped.
    column : str
    present : ndarray of shape (n,) of bool
    """

    reason: str
    column: str
    present: Bools


def complete_rows(needs: Sequence[Need], rows: int, table: str) -> tuple[Bools, tuple[Drop, ...]]:
    """Find the rows that have all they need.

    Parameters
    ----------
    needs : sequence of Need
        In the order in which reasons count.
    rows : int
    table : str
        What to call the table.

    Returns
    -------
    keep : ndarray of shape (n,) of bool
    drops : tuple of Drop
        They add up to the rows not kept.

    Raises
    ------
    DataError
        If fewer than four rows are left.
    """
    keep = np.ones(rows, dtype=np.bool_)
    drops: list[Drop] = []
    for need in needs:
        lost = int(np.count_nonzero(keep & ~need.present))
        if lost:
            drops.append(Drop(need.reason, need.column, lost))
            keep &= need.present
    left = int(np.count_nonzero(keep))
    if left < FEWEST_ROWS:
        lost_to = f" after {_listed(drops)} were left out" if drops else ""
        raise DataError(
            f"{left} rows of {table} are left{lost_to}; at least {FEWEST_ROWS} are needed.",
            remedy="Add rows, or leave out the columns that are mostly missing.",
            found=left,
            expected=FEWEST_ROWS,
        )
    return keep, tuple(drops)


def _listed(drops: Sequence[Drop]) -> str:
    named = [f"{drop.rows:,} with {drop.reason} ({drop.column})" for drop in drops[:5]]
    more = [f"{sum(drop.rows for drop in drops[5:]):,} for other columns"] if len(drops) > 5 else []
    return ", ".join([*named, *more])


def dropped_finding(drops: Sequence[Drop], rows_read: int) -> tuple[Finding, ...]:
    """Say how many rows were dropped, and what that makes of the answer; none if none was."""
    rows_read -= sum(drop.rows for drop in drops if drop.reason == OUTSIDE)
    drops = [drop for drop in drops if drop.reason != OUTSIDE]
    dropped = sum(drop.rows for drop in drops)
    if dropped == 0:
        return ()
    share = dropped / rows_read
    fillable = any(drop.reason == COVARIATE for drop in drops)
    finding = Finding(
        check="sample.dropped",
        about=STUDY,
        grade=Grade.NOTE if share <= FEW else Grade.WARN,
        subject=max(drops, key=lambda drop: drop.rows).column,
        message=(
            f"{dropped:,} of {rows_read:,} rows ({share:.1%}) were left out: {_listed(drops)}. The answer is "
            "about complete cases only."
        ),
        remedy="Say why they are missing"
        + (", or keep them with missing: impute+indicator." if fillable else ", or fill in the column."),
        statistic=share,
        threshold=FEW,
        evidence=Table(
            {
                "reason": [drop.reason for drop in drops],
                "column": [drop.column for drop in drops],
                "rows": [drop.rows for drop in drops],
            }
        ),
    )
    return (finding,)
