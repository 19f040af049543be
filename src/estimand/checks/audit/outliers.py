"""Do a few far values carry the answer?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.audit.covariates import covariates_of
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import ARMS, Panel
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.screening import leave_one_out_shift

FENCE, FAR = 3.0, 15.0
FEWEST_ROWS, FEWEST_REPEATS = 20, 5
SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Spread:
    """How far the values of one column lie from its middle half, in interquartile ranges."""

    column: str
    outside: float
    furthest: float
    value: float
    repeats: int

    @property
    def coded(self) -> bool:
        """Whether one far value stands so often that it looks like a code."""
        return self.furthest > FAR and self.repeats >= FEWEST_REPEATS


def _spread_of(name: str, values: Floats) -> _Spread | None:
    """Measure one column; None where it is too short or its middle half is one value."""
    if values.size < FEWEST_ROWS:
        return None
    low, high = np.quantile(values, [0.25, 0.75])
    width = high - low
    if width <= 0.0:
        return None
    distance = np.maximum(low - values, values - high) / width
    worst = int(distance.argmax())
    return _Spread(
        column=name,
        outside=float((distance > FENCE).mean()),
        furthest=float(distance[worst]),
        value=float(values[worst]),
        repeats=int(np.count_nonzero(values == values[worst])),
    )


@check(
    "audit.outliers",
    question="Does a column hold values far from all others?",
    references=("Tukey 1977",),
    designs=(*ARMS, Panel),
)
class FarValues(Check):
    """Outcomes and numeric covariates against fences three interquartile ranges beyond the quartiles.

    A value fifteen ranges out is noted, and warned of where it is repeated as a code for missing would be.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to every sample."""
        return isinstance(case.source, Sample)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with the column whose values lie furthest out, and all columns as evidence."""
        sample = case.sample()
        columns = [(name, values[sample.present[name]]) for name, values in sample.outcomes.items()]
        columns += [(c.name, c.values) for c in covariates_of(sample) if not c.levels]
        spreads = [found for name, values in columns if (found := _spread_of(name, values)) is not None]
        if not spreads:
            return ()
        worst = max(spreads, key=lambda item: (item.coded, item.furthest))
        grade = Grade.WARN if worst.coded else Grade.NOTE if worst.furthest > FAR else Grade.PASS
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=grade,
                subject=worst.column,
                statistic=worst.furthest,
                threshold=FAR,
                message=_message(worst, grade),
                remedy=_remedy(worst, grade),
                evidence=Table(
                    {
                        "column": [item.column for item in spreads],
                        "share_outside": [item.outside for item in spreads],
                        "furthest": [item.furthest for item in spreads],
                        "value": [item.value for item in spreads],
                    }
                ),
            ),
        )


def _message(worst: _Spread, grade: Grade) -> str:
    if grade is Grade.PASS:
        return f"No value lies more than {FAR:g} interquartile ranges beyond the quartiles of its column."
    often = f", {worst.repeats:,} times over" if worst.coded else ""
    return (
        f"'{worst.column}' holds {worst.value:g}{often}, {worst.furthest:,.0f} interquartile ranges beyond its "
        f"quartiles; {worst.outside:.1%} of its values lie more than {FENCE:g} beyond."
    )


def _remedy(worst: _Spread, grade: Grade) -> str | None:
    if grade is Grade.WARN:
        return f"If {worst.value:g} stands for missing, make it missing; else see what those rows are."
    return (
        "Check that it is no typing error; if it is real, take the logarithm or winsorise."
        if grade is Grade.NOTE
        else None
    )


@check("audit.influence", question="Does a single row move the raw difference?")
class InfluentialRow(Check):
    """Standard errors by which the raw difference of means moves when one row is left out."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where every arm has three outcomes or more."""
        if not isinstance(case.source, Sample):
            return False
        present = case.source.present[case.outcome]
        return int(np.bincount(case.source.arm[present], minlength=len(case.arms)).min()) > 2

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Compare each arm with control, and answer with the row that matters most."""
        sample, line = case.sample(), case.gates.influence
        known = np.flatnonzero(sample.present[case.outcome])
        rows, values = sample.index[known], sample.outcomes[case.outcome][known]
        arm = sample.arm[known]
        shift = np.zeros(known.size)
        for a in range(1, len(sample.arms)):
            pair = (arm == a) | (arm == 0)
            own = leave_one_out_shift(values[pair], arm[pair] == a)
            shift[pair] = np.where(np.abs(own) > np.abs(shift[pair]), own, shift[pair])
        top = np.argsort(-np.abs(shift), kind="stable")[:SHOWN]
        size = float(np.abs(shift[top[0]]))
        heavy = size > line
        return (
            Finding(
                check=self.spec.key,
                about=case.outcome,
                grade=Grade.WARN if heavy else Grade.PASS,
                subject=case.outcome,
                statistic=size,
                threshold=line,
                message=f"Leaving out one row, of outcome {values[top[0]]:g} in arm '{sample.arms[arm[top[0]]]}', "
                f"moves the raw difference by {size:.2f} standard errors.",
                remedy="See who it is; report the answer with and without it, or winsorise the outcome."
                if heavy
                else None,
                evidence=Table(
                    {
                        "row_used": (rows[top] + 1).tolist(),
                        "arm": [sample.arms[code] for code in arm[top]],
                        "outcome": values[top].tolist(),
                        "shift": shift[top].tolist(),
                    }
                ),
            ),
        )
