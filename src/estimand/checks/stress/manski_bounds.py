"""What do the data say of the effect if nothing is assumed, and what does each assumption add?"""

from estimand.checks.stress.assumed import Assumed, assumed, assumptions_table, design_weights, outcome_limits
from estimand.checks.stress.pooled import pooled_row
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.stats.worst_case import nothing, seen_difference, worst_case


@check(
    "stress.manski_bounds",
    question="What do the data say of the effect if nothing is assumed, and what does each assumption add?",
    references=(
        "Manski 1990, American Economic Review 80(2)",
        "Manski & Pepper 2000, doi:10.1111/1468-0262.00144",
        "Imbens & Manski 2004, doi:10.1111/j.1468-0262.2004.00555.x",
        "Lee & Weidner 2021, arXiv:2111.05243",
    ),
)
class ManskiBounds(Check):
    """Bounds on the average effect over everyone, by what is assumed.

    Nothing at all; where rows share their covariates' values, that nothing is hidden, from three rows of such a cell at
    a time and without overlap being assumed; and, without covariates, that treatment never moves anybody against the
    difference seen (monotone response), that those treated would have had higher, or lower, outcomes anyway (monotone
    selection), and both in the direction of the difference. An outcome that is not yes or no is taken to stay within
    the values seen, whose own uncertainty is left out. Intervals cover the effect, not the whole set. There is no line
    to pass: always a note.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to rows of a design that is not randomised."""
        return not case.randomised and isinstance(case.source, Sample)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for the outcome, arm by arm."""
        return tuple(self._one(case, arm) for arm in range(1, len(case.arms)))

    def _one(self, case: Case, arm: int) -> Finding:
        rows = _bounds(case, arm)
        limits = outcome_limits(case.values())[1]
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.NOTE,
            subject=case.arm_terms()[arm - 1].label,
            statistic=rows[0].high - rows[0].low,
            message=_words(rows, limits),
            remedy="Say which of the assumptions can be defended here; the estimates assume more than any of them.",
            evidence=assumptions_table(rows),
        )


def _bounds(case: Case, arm: int) -> list[Assumed]:
    sample, values = case.sample(), case.values()
    seen, weights = (sample.arm == arm, sample.arm == 0), design_weights(case)
    low, high = worst_case(values, seen, (weights, weights), outcome_limits(values)[0])
    rows = [assumed("Nothing", (low, high), sample.cluster, case.level)]
    pooled = pooled_row(case)
    rows += [] if pooled is None else [pooled]
    if len(case.arms) > 2:
        return rows
    naive, zero = seen_difference(values, seen, weights), nothing(sample.n)
    rises = naive.value >= 0.0
    one_way = (zero, high) if rises else (low, zero)
    both = (zero, naive) if rises else (naive, zero)
    never = "Treatment never lowers it" if rises else "Treatment never raises it"
    more = f"{never}, and the treated would be {'higher' if rises else 'lower'} anyway"
    named = {
        never: one_way,
        "The treated would be higher anyway": (low, naive),
        "The treated would be lower anyway": (naive, high),
        more: both,
    }
    return [*rows, *(assumed(words, ends, sample.cluster, case.level) for words, ends in named.items())]


def _words(rows: list[Assumed], limits: str) -> str:
    first = rows[0]
    low, high = format_number(first.low), format_number(first.high)
    words = f"With nothing assumed, the average effect over everyone lies between {low} and {high}: {limits}."
    telling = [row for row in rows if row.sign]
    if telling:
        said = "; ".join(f"'{row.words}' ({format_number(row.low)} to {format_number(row.high)})" for row in telling)
        return f"{words} Assumptions that settle its sign: {said}."
    if len(rows) == 1:
        return f"{words} With several arms no weaker assumption is tried."
    last = rows[-1]
    return (
        f"{words} None of the assumptions tried settles its sign; '{last.words}' leaves {format_number(last.low)} to "
        f"{format_number(last.high)}."
    )
