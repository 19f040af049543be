"""Strata that are given: averages of their differences with weights, clusters and several arms, and what they tell."""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.core.row_weights import mean_one_by_arm, row_weights
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Normal
from estimand.errors import Code, IdentificationError
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.influence import sum_within
from estimand.stats.strata import (
    Cells,
    Stacked,
    Stratified,
    cell_moments,
    comparable,
    row_scores,
    stratified,
    target_totals,
)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A case compared within strata.

    Attributes
    ----------
    codes : ndarray of shape (n,)
    cells : Cells
    usable : ndarray of shape (strata, k) of bool
    made : Stratified
    uncertainty : Normal
    """

    codes: Ints
    cells: Cells
    usable: Bools
    made: Stratified
    uncertainty: Normal

    def weights(self, sample: Sample, target: str) -> Floats:
        """Weight of each row in the first term, mean one in each arm that has any, shape (n,)."""
        usable = self.usable[:, 0]
        wanted = np.where(usable, target_totals(self.cells.weight, target)[:, 0], 0.0)
        have = self.cells.weight[self.codes, sample.arm]
        own = row_weights(sample) * np.where(sample.arm <= 1, wanted[self.codes] / have, 0.0)
        return mean_one_by_arm(own, sample)


def compared(case: Case, codes: Ints, strata: int, target: str, *, net: bool = False) -> Compared:
    """Compare the arms of a case within strata, and average.

    Where the design names clusters the variance is that of row scores summed within them, times G/(G - 1), with
    t(G - 1); else it is the sum over cells.

    Raises
    ------
    IdentificationError
        If no stratum has the arms of a term, or all their cells in one arm are of a single row.
    """
    sample = case.sample()
    weights, values = row_weights(sample), case.values()
    cells = cell_moments(values, sample.arm, codes, (strata, len(sample.arms)), weights)
    usable = comparable(cells, target)
    refuse_thin(cells, usable)
    made = stratified(cells, usable, target, net=net)
    uncertainty = Normal(made.vcov, None, "identity", "stratified")
    if sample.cluster is not None:
        scores, borrowed = row_scores(Stacked(values, sample.arm, codes, weights), cells, made, target)
        groups, position = np.unique(sample.cluster, return_inverse=True)
        size = groups.shape[0]
        summed = sum_within(scores, position, size)
        vcov = summed.T @ summed * (size / (size - 1.0)) + borrowed
        df = np.full(made.value.shape[0], size - 1.0)
        uncertainty = Normal(vcov, df, "identity", "clustered strata")
    return Compared(codes, cells, usable, made, uncertainty)


def refuse_thin(cells: Cells, usable: Bools) -> None:
    """Refuse strata that tell nothing of an arm's noise, or hold no comparison at all."""
    for j in range(usable.shape[1]):
        both = usable[:, j]
        if not (cells.count[both][:, [0, j + 1]] >= 2).any(axis=0).all():
            raise IdentificationError(
                "The strata with both arms hold single rows of an arm, so nothing is known of its noise."
                if both.any()
                else "No stratum holds both arms.",
                remedy="Use fewer, or coarser, strata.",
                code=Code.INSUFFICIENT_OVERLAP,
            )


def lost_strata(cells: Cells, usable: Bools, target: str) -> Bools:
    """Strata whose loss changes whom an answer is about; one without target rows says nothing of them, (strata,)."""
    return np.asarray((~usable & (target_totals(cells.count, target) > 0)).any(axis=1))


def stratum_table(sample: Sample, labels: list[str], cells: Cells, usable: Bools) -> Table:
    """Rows and difference of every stratum, by arm where there are several."""
    arms = ["treated"] if len(sample.arms) == 2 else list(sample.arms[1:])
    gaps = ["difference"] if len(sample.arms) == 2 else [f"difference of {arm}" for arm in arms]
    difference = cells.difference
    columns: dict[str, list[str] | list[int] | list[float | None]] = {"stratum": labels}
    for name, count in zip(["control", *arms], cells.count.T, strict=True):
        columns[name] = count.astype(int).tolist()
    for j, name in enumerate(gaps):
        columns[name] = [float(d) if ok else None for d, ok in zip(difference[:, j], usable[:, j], strict=True)]
    return Table(columns)


def one_armed(about: str, labels: list[str], cells: Cells, usable: Bools, target: str) -> tuple[Finding, ...]:
    """Report strata that cannot be compared: a veto for ATE; for ATT only those with treated rows count."""
    lost = lost_strata(cells, usable, target)
    if not lost.any():
        return ()
    rows = cells.count[:, 1:].sum(axis=1) if target == "ATT" else cells.count.sum(axis=1)
    share = float(rows[lost].sum() / rows.sum())
    names = [label for label, gone in zip(labels, lost, strict=True) if gone]
    return (
        Finding(
            check=f"{about}.one_armed",
            about=about,
            grade=Grade.VETO if target == "ATE" else Grade.WARN,
            subject=names[0],
            statistic=share,
            threshold=0.0,
            message=f"{int(lost.sum())} strata lack an arm ({share:.1%} of the target's rows) and were left out: "
            f"{', '.join(names)[:200]}.",
            remedy="Use coarser strata, or say that the answer is about the others.",
        ),
    )


def single_rows(about: str, labels: list[str], cells: Cells, usable: Bools) -> tuple[Finding, ...]:
    """Report cells of one row, whose variance is borrowed from the arm's other strata."""
    alone = usable.any(axis=1) & (cells.count == 1).any(axis=1)
    if not alone.any():
        return ()
    names = [label for label, single in zip(labels, alone, strict=True) if single]
    return (
        Finding(
            check=f"{about}.single_row",
            about=about,
            grade=Grade.NOTE,
            subject=names[0],
            statistic=float(alone.sum()),
            message="One row is all of an arm in these strata, and its variance is taken from the others: "
            f"{', '.join(names)[:200]}.",
            remedy="Use coarser strata.",
        ),
    )
