"""What could the missing outcomes of an experiment have done to its effect?"""

from dataclasses import dataclass

import numpy as np

from estimand.checks.stress.assumed import Assumed, assumed, assumptions_table, outcome_limits, stacked
from estimand.checks.stress.cells import Cells, observed_cells
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.attrition import Trimmed, cell_trimming_bounds, trimming_bounds
from estimand.stats.set_intervals import end_std_error
from estimand.stats.worst_case import seen_difference, worst_case

UNSURE = 1.96
ONE_WAY = "Treatment moves all one way in being observed"
LISTED = 3


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
    in which more are (Lee); and by trimming it within cells of discrete covariates, where there are enough rows, which
    assumes no more and is narrower as far as the cells tell who is missing, or the outcome. That outcomes are missing
    at random within arms: the difference between those observed. Intervals allow for the shares trimmed being
    estimated, and cover the effect, not the whole set. There is no line to pass: always a note.
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
        worst, whole = _worst_case(case, rows, arm), _one_way(case, rows, trimmed, ONE_WAY)
        cells = _cells(case, rows, arm)
        within: list[Assumed] = []
        if cells is not None:
            narrower = cell_trimming_bounds(rows.values, rows.observed, rows.arm == arm, ours, cells.code)
            within.append(_one_way(case, rows, narrower, f"{ONE_WAY}, trimmed within {_named(cells)}"))
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.NOTE,
            subject=case.arm_terms()[arm - 1].label,
            statistic=trimmed.share,
            message=_words(case, arm, trimmed, (worst, whole, *within)) + _direction(rows, arm, trimmed),
            remedy="Find out who is missing and why; where it can be had, get the outcome of a random part of them.",
            evidence=assumptions_table([worst, whole, *within, _at_random(case, rows, arm)]),
        )


def _cells(case: Case, rows: Assigned, arm: int) -> Cells | None:
    """Cells of covariates that treatment cannot have moved."""
    features = tuple(sample.features for sample in (case.sample(), case.unobserved) if sample is not None)
    return observed_cells(features, case.design.roles.post_treatment, rows.observed, (rows.arm == arm, rows.arm == 0))


def _named(cells: Cells) -> str:
    listed = ", ".join(cells.sources[:LISTED]) + (" …" if len(cells.sources) > LISTED else "")
    return f"{cells.count} cells of {listed}"


def _one_way(case: Case, rows: Assigned, trimmed: Trimmed, words: str) -> Assumed:
    return assumed(words, (trimmed.low, trimmed.high), rows.cluster, case.level)


def _worst_case(case: Case, rows: Assigned, arm: int) -> Assumed:
    limits = outcome_limits(case.values())[0]
    weights = (rows.weights * (rows.arm == arm), rows.weights * (rows.arm == 0))
    ends = worst_case(rows.values, (rows.observed, rows.observed), weights, limits)
    return assumed("Nothing of who is missing", ends, rows.cluster, case.level)


def _at_random(case: Case, rows: Assigned, arm: int) -> Assumed:
    seen = (rows.observed & (rows.arm == arm), rows.observed & (rows.arm == 0))
    naive = seen_difference(rows.values, seen, rows.weights)
    return assumed("Missing at random within arms", (naive, naive), rows.cluster, case.level)


def _words(case: Case, arm: int, trimmed: Trimmed, found: tuple[Assumed, ...]) -> str:
    worst, lee, *within = found
    named = case.arms[arm] if trimmed.of_treated else case.arms[0]
    shares = f"{trimmed.observed[0]:.1%} of arm '{case.arms[arm]}' and {trimmed.observed[1]:.1%} of '{case.arms[0]}'"
    limits = outcome_limits(case.values())[1]
    tighter = "".join(f"; {row.words.removeprefix(f'{ONE_WAY}, ')}, {_between(row, case.level)}" for row in within)
    return (
        f"The outcome was observed for {shares}. If treatment moves everybody one way in being observed, the effect on "
        f"those observed in either arm lies {_between(lee, case.level)}, after trimming {trimmed.share:.1%} of arm "
        f"'{named}'{tighter}. With nothing assumed, the effect over everyone assigned lies between "
        f"{format_number(worst.low)} and {format_number(worst.high)}: {limits}."
    )


def _between(row: Assumed, level: float) -> str:
    interval = f"{level:.0%} interval {format_number(row.ci_low)} to {format_number(row.ci_high)}"
    return f"between {format_number(row.low)} and {format_number(row.high)} ({interval})"


def _direction(rows: Assigned, arm: int, trimmed: Trimmed) -> str:
    """A warning where the data do not tell which arm has more observed."""
    ours = np.isin(rows.arm, (0, arm))
    seen = rows.observed.astype(float)
    gap = seen_difference(seen, (rows.arm == arm, rows.arm == 0), rows.weights * ours)
    error = end_std_error(gap.psi, rows.cluster)
    if trimmed.share > 0.0 and abs(gap.value) >= UNSURE * error:
        return ""
    return " Which arm has more observed is not clear from the data, so neither is which is to be trimmed."
