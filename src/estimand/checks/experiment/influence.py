"""Does one unit, or the largest few, make the difference?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.metric import MEANS
from estimand.core.metric_rows import metric_column
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats, Ints

CAP_AT = 0.999
FEWEST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """A metric summed within independent units: its level in an arm is Σ value / Σ below.

    Attributes
    ----------
    value, below : ndarray of shape (u,)
    arm : ndarray of shape (u,)
    """

    value: Floats
    below: Floats
    arm: Ints

    def level(self, member: Bools) -> float:
        """Level over some units."""
        return float(self.value[member].sum() / self.below[member].sum())

    def variance(self, member: Bools) -> float:
        """Squared error of that level, linearised."""
        off = (self.value[member] - self.level(member) * self.below[member]) / self.below[member].mean()
        return float(off.var(ddof=1) / off.size)

    def shifts(self, member: Bools) -> Floats:
        """How far the level moves without each of the units in turn."""
        value, below = self.value[member], self.below[member]
        return np.asarray((value.sum() - value) / (below.sum() - below) - value.sum() / below.sum())


@check(
    "experiment.outlier_influence",
    question="Does one unit, or the largest few, make the difference?",
    references=("Kohavi, Tang & Xu 2020, doi:10.1017/9781108653985",),
    designs=(Experiment,),
)
class OutlierInfluence(Check):
    """How far each difference moves without the unit that moves it most, and with the largest thousandth cut to a cap.

    Units are rows, or clusters. Warns where one unit moves a difference by more standard errors than the gate allows.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to metrics whose level is a mean or a ratio."""
        return case.metric is not None and case.metric.kind in {*MEANS, "ratio"} and case.sample().weights is None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with the arm whose difference rests most on one unit."""
        values, below = _columns(case)
        plain = _summed(case, values, below)
        capped = _summed(case, np.minimum(values, np.quantile(values, CAP_AT)), below)
        if min(int((plain.arm == a).sum()) for a in range(len(case.arms))) < FEWEST:
            words = f"An arm has fewer than {FEWEST} units."
            return (Finding(self.spec.key, case.outcome, Grade.NOT_RUN, case.outcome, words, "Gather more data."),)
        rows = [_one(case, a, plain, capped) for a in range(1, len(case.arms))]
        worst = max(rows, key=lambda row: abs(row["moves"]))
        heavy = abs(worst["moves"]) > case.gates.influence
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.WARN if heavy else Grade.PASS,
                subject=str(worst["arm"]),
                statistic=abs(worst["moves"]),
                threshold=case.gates.influence,
                message=_words(case, worst),
                remedy="Look at that unit (a test account, a bot, a bulk buyer); plan a cap (winsor) or a quantile "
                "metric before the next experiment, and show both."
                if heavy
                else None,
                evidence=Table({name: [row[name] for row in rows] for name in rows[0]}),
            ),
        )


def _columns(case: Case) -> tuple[Floats, Floats]:
    values = case.values()
    if case.metric is None or case.metric.denominator is None:
        return values, np.ones_like(values)
    return values, metric_column(case.sample(), case.metric.denominator)


def _summed(case: Case, values: Floats, below: Floats) -> Sums:
    sample = case.sample()
    if sample.cluster is None:
        return Sums(values, below, sample.arm)
    pair = sample.cluster * len(sample.arms) + sample.arm
    there, code = np.unique(pair, return_inverse=True)
    total, rows = (np.bincount(code, weights=column).astype(float) for column in (values, below))
    return Sums(total, rows, there % len(sample.arms))


def _one(case: Case, arm: int, plain: Sums, capped: Sums) -> dict[str, Any]:
    """Difference of an arm, as it is and as others would have it."""
    treated, control = plain.arm == arm, plain.arm == 0
    difference = plain.level(treated) - plain.level(control)
    error = float(np.sqrt(plain.variance(treated) + plain.variance(control)))
    moves = np.concatenate([plain.shifts(treated), -plain.shifts(control)])
    top = float(moves[np.argmax(np.abs(moves))])
    return {
        "arm": case.arms[arm],
        "difference": difference,
        "std_error": error,
        "without_unit": difference + top,
        "moves": top / error if error > 0.0 else 0.0,
        "capped": capped.level(treated) - capped.level(control),
        "capped_error": float(np.sqrt(capped.variance(treated) + capped.variance(control))),
    }


def _words(case: Case, row: dict[str, Any]) -> str:
    number = {name: format_number(row[name]) for name in row if name != "arm"}
    difference = row["difference"]
    share = abs(row["without_unit"] - difference) / abs(difference) if difference else 0.0
    part = f", {share:.1%} of it" if difference else ""
    return (
        f"'{case.outcome}' of arm '{row['arm']}' differs by {number['difference']}; without the unit that moves it "
        f"most, by {number['without_unit']} ({abs(row['moves']):.2f} standard errors{part}). With values above the "
        f"{CAP_AT:g} quantile cut to it, by {number['capped']} (standard error {number['capped_error']} in place of "
        f"{number['std_error']})."
    )
