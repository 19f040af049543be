"""What could the missing outcomes of an experiment have done to its effect?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.stress.assumed import Assumed, assumed, assumptions_table, outcome_limits, stacked
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.attrition import Trimmed, trimming_bounds
from estimand.stats.set_intervals import end_std_error
from estimand.stats.worst_case import seen_difference, worst_case

UNSURE = 1.96


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """All rows of an experiment, with and without the outcome.

    Attributes
    ----------
    values : ndarray of shape (n,)
        Zero where not observed.
    observed : ndarray of shape (n,) of bool
    arm : ndarray of shape (n,)
    weights : ndarray of shape (n,)
    cluster : ndarray of shape (n,) or None
    """

    values: Floats
    observed: Bools
    arm: Ints
    weights: Floats
    cluster: Ints | None

    @classmethod
    def of(cls, case: Case, absent: Sample) -> "Assigned":
        """Rows of a case, then those without the outcome."""
        values, arm, weights, cluster = stacked(case, absent)
        return cls(values, np.arange(values.shape[0]) < case.sample().n, arm, weights, cluster)


@check(
    "stress.lee_bounds",
    question="What could the missing outcomes of an experiment have done to its effect?",
    references=(
        "Lee 2009, doi:10.1111/j.1467-937X.2009.00536.x",
        "Horowitz & Manski 2000, doi:10.1080/01621459.2000.10473902",
        "Imbens & Manski 2004, doi:10.1111/j.1468-0262.2004.00555.x",
    ),
)
class LeeBounds(Check):
    """Bounds on a randomised effect where outcomes are missing, by what is assumed of who is missing.

    Nothing at all: the effect over everyone assigned, each missing outcome at its worst. That treatment moves everybody
    towards being observed, or everybody away from it: the effect on those observed in either arm, by trimming the arm
    in which more are (Lee). That outcomes are missing at random within arms: the difference between those observed.
    Intervals allow for the share trimmed being estimated, and cover the effect, not the whole set. There is no line to
    pass: always a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to an experiment with rows that lack the outcome."""
        return case.randomised and isinstance(case.source, Sample) and case.unobserved is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for the outcome, arm by arm."""
        absent = case.unobserved
        if absent is None:
            return ()
        assigned = Assigned.of(case, absent)
        return tuple(self._one(case, assigned, arm) for arm in range(1, len(case.arms)))

    def _one(self, case: Case, rows: Assigned, arm: int) -> Finding:
        ours = rows.weights * np.isin(rows.arm, (0, arm))
        trimmed = trimming_bounds(rows.values, rows.observed, rows.arm == arm, ours)
        found = [
            _worst_case(case, rows, arm),
            assumed(
                "Treatment moves all one way in being observed", (trimmed.low, trimmed.high), rows.cluster, case.level
            ),
            _at_random(case, rows, arm),
        ]
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.NOTE,
            subject=case.arm_terms()[arm - 1].label,
            statistic=trimmed.share,
            message=_words(case, arm, trimmed, found) + _direction(rows, arm, trimmed),
            remedy="Find out who is missing and why; where it can be had, get the outcome of a random part of them.",
            evidence=assumptions_table(found),
        )


def _worst_case(case: Case, rows: Assigned, arm: int) -> Assumed:
    limits = outcome_limits(case.values())[0]
    weights = (rows.weights * (rows.arm == arm), rows.weights * (rows.arm == 0))
    ends = worst_case(rows.values, (rows.observed, rows.observed), weights, limits)
    return assumed("Nothing of who is missing", ends, rows.cluster, case.level)


def _at_random(case: Case, rows: Assigned, arm: int) -> Assumed:
    seen = (rows.observed & (rows.arm == arm), rows.observed & (rows.arm == 0))
    naive = seen_difference(rows.values, seen, rows.weights)
    return assumed("Missing at random within arms", (naive, naive), rows.cluster, case.level)


def _words(case: Case, arm: int, trimmed: Trimmed, found: list[Assumed]) -> str:
    worst, lee, _ = found
    named = case.arms[arm] if trimmed.of_treated else case.arms[0]
    shares = f"{trimmed.observed[0]:.1%} of arm '{case.arms[arm]}' and {trimmed.observed[1]:.1%} of '{case.arms[0]}'"
    limits = outcome_limits(case.values())[1]
    ends = f"between {format_number(lee.low)} and {format_number(lee.high)}"
    interval = f"{case.level:.0%} interval {format_number(lee.ci_low)} to {format_number(lee.ci_high)}"
    return (
        f"The outcome was observed for {shares}. If treatment moves everybody one way in being observed, the effect on "
        f"those observed in either arm lies {ends} ({interval}), after trimming {trimmed.share:.1%} of arm '{named}'. "
        f"With nothing assumed, the effect over everyone assigned lies between {format_number(worst.low)} and "
        f"{format_number(worst.high)}: {limits}."
    )


def _direction(rows: Assigned, arm: int, trimmed: Trimmed) -> str:
    """A warning where the data do not tell which arm has more observed."""
    ours = np.isin(rows.arm, (0, arm))
    seen = rows.observed.astype(float)
    gap = seen_difference(seen, (rows.arm == arm, rows.arm == 0), rows.weights * ours)
    error = end_std_error(gap.psi, rows.cluster)
    if trimmed.share > 0.0 and abs(gap.value) >= UNSURE * error:
        return ""
    return " Which arm has more observed is not clear from the data, so neither is which is to be trimmed."
