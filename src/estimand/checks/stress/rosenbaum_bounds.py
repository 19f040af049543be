"""How unlike could matched rows be in what was not measured before the conclusion turns?"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from estimand.checks.stress.causal import average_effects
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.stats.arrays import Floats, Ints
from estimand.stats.intervals import critical_value
from estimand.stats.matched_sets import MatchedSets, m_largest_p, m_scores, m_shift_bounds
from estimand.stats.rosenbaum import SignedRanks, mcnemar_bounds, shift_bounds, turning_point

FEWEST = 5
TOP, LEAST_TOP = 20.0, 2.0
PAST, NEAR = 1.3, 1.05
NAMES = {
    "rank": "Wilcoxon signed-rank test of the pairs",
    "pairs": "McNemar's exact test of the pairs",
    "sets": "Huber's M-test of the matched sets",
}


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """A test of matched rows in the direction that the data lean, and how it stands under Γ.

    Attributes
    ----------
    name : str
    largest_p : callable
        Γ to the largest one-sided p-value.
    shifts : callable or None
        Γ and a critical value to the ends of an additive effect; None for a yes-or-no outcome.
    """

    name: str
    largest_p: Callable[[float], float]
    shifts: Callable[[float, float], tuple[float, float]] | None


@check(
    "stress.rosenbaum_bounds",
    question="How unlike could matched rows be in what was not measured before the conclusion turns?",
    references=(
        "Rosenbaum 2002, doi:10.1007/978-1-4757-3692-2",
        "Rosenbaum 1993, doi:10.1080/01621459.1993.10476405",
        "Rosenbaum 2007, doi:10.1111/j.1541-0420.2006.00717.x",
        "Gastwirth, Krieger & Rosenbaum 2000, doi:10.1111/1467-9868.00249",
    ),
)
class RosenbaumBounds(Check):
    """Rosenbaum's Γ for matching without replacement: p-value and effect over all hidden confounding up to Γ.

    Two matched rows may differ in their odds of treatment by a factor of at most Γ. Pairs are tested by Wilcoxon's
    signed-rank test, or McNemar's where the outcome is yes or no, and sets with several controls by Huber's M-test;
    one-sided, in the direction the data lean, at half of one minus the level, so that the conclusion turns where the
    interval reaches zero. Outcomes are compared as they are, without a correction for what matched rows still differ
    in. There is no line to pass: always a note.

    Parameters
    ----------
    steps, set_steps : int
        Values of Γ shown, for pairs and for sets, beside three about the turn.
    limit : int
        Numbers in all sets (rows times rows of their set) beyond which the effect is not bounded, only the p-value.
    """

    steps: int = 8
    set_steps: int = 4
    limit: int = 8_000

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to matching without replacement, in a design that is not randomised."""
        return bool(_matched(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each such estimate."""
        return tuple(self._one(case, estimate) for estimate in _matched(case, estimates))

    def _one(self, case: Case, estimate: Estimate) -> Finding:
        label, refused = estimate.terms[0].label, _refusal(case, estimate)
        if refused is not None:
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, *refused)
        sets = MatchedSets.of(_pairs(estimate), case.values())
        gaps = sets.differences()
        if np.count_nonzero(gaps) < FEWEST:
            message = f"Only {np.count_nonzero(gaps)} matched sets differ in the outcome; a test needs {FEWEST}."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, message, "Match more rows.")
        alpha = _one_sided(case)
        test = self._test(sets, gaps)
        turn = turning_point(test.largest_p, alpha)
        steps = self.steps if len(sets.blocks) == 1 and sets.blocks[0].shape[1] == 2 else self.set_steps
        evidence = _evidence(case, test, turn, steps)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=label,
            statistic=1.0 if turn is None else turn,
            message=_words(test, turn, alpha, gaps, evidence),
            remedy="Name what was not measured, and ask whether it could set matched rows that far apart.",
            evidence=evidence,
        )

    def _test(self, sets: MatchedSets, gaps: Floats) -> Test:
        """The test that fits the sets and the outcome; a negative lean is tested with all signs turned."""
        binary = all(bool(np.isin(block, (0.0, 1.0)).all()) for block in sets.blocks)
        lean = 1.0 if gaps.mean() >= 0.0 else -1.0
        towards = sets if lean > 0.0 else sets.turned()
        if not (len(sets.blocks) == 1 and sets.blocks[0].shape[1] == 2):
            scores = m_scores(towards)
            size = sum(block.size * block.shape[1] for block in sets.blocks)
            shifts = None if binary or size > self.limit else lambda gamma, z: m_shift_bounds(sets, gamma, z)
            return Test(NAMES["sets"], lambda gamma: m_largest_p(scores, gamma), shifts)
        if binary:
            more, fewer = int((lean * gaps > 0.0).sum()), int((lean * gaps < 0.0).sum())
            return Test(NAMES["pairs"], lambda gamma: mcnemar_bounds(more, fewer, gamma)[1], None)
        ranks = SignedRanks.of(lean * gaps)
        return Test(
            NAMES["rank"],
            lambda gamma: ranks.p_bounds(gamma)[1],
            lambda gamma, z: shift_bounds(gaps, gamma, z),
        )


def _matched(case: Case, estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    return tuple(
        estimate
        for estimate in average_effects(case, estimates)
        if estimate.method == "matching" and estimate.options.get("replace") is False and _has_pairs(estimate)
    )


def _has_pairs(estimate: Estimate) -> bool:
    pairs = estimate.details.get("pairs")
    return isinstance(pairs, np.ndarray) and pairs.ndim == 2 and pairs.shape[0] > 0


def _refusal(case: Case, estimate: Estimate) -> tuple[str, str] | None:
    """Why Γ is not worked out, and what to do, where it is not."""
    sample = case.sample()
    if estimate.options.get("contrast", "difference") != "difference":
        return "Matched rows are compared by differences, and this is a ratio.", "Ask for the difference."
    if sample.weights is not None or sample.cluster is not None:
        return "The tests of matched sets take neither weights nor clusters.", "Use stress.e_value instead."
    owner, partner = _pairs(estimate).T
    if len(case.arms) > 2 or (sample.arm[owner] != 1).any() or (sample.arm[partner] != 0).any():
        return "Γ is for sets of one treated row and its controls, of two arms.", "Keep two arms, and target ATT."
    return None


def _pairs(estimate: Estimate) -> Ints:
    return np.asarray(estimate.details["pairs"], dtype=np.int64)


def _evidence(case: Case, test: Test, turn: float | None, steps: int) -> Table:
    """P-value and effect from no hidden confounding to past the turn, which stands in every row."""
    top = LEAST_TOP if turn is None else min(TOP, max(LEAST_TOP, PAST * turn))
    near = () if turn is None or turn * NEAR >= top else (turn / NEAR, turn, turn * NEAR)
    gammas = sorted({*(float(gamma) for gamma in np.geomspace(1.0, top, steps)), *(g for g in near if g > 1.0)})
    z = float(critical_value(case.level, None, 1)[0])
    columns: dict[str, list[float | None]] = {
        "gamma": [*gammas],
        "largest_p": [test.largest_p(gamma) for gamma in gammas],
    }
    shifts = test.shifts
    ends = [None if shifts is None else (*shifts(gamma, 0.0), *shifts(gamma, z)) for gamma in gammas]
    for j, name in enumerate(("low", "high", "ci_low", "ci_high")):
        columns[name] = [None if row is None or not math.isfinite(row[j]) else row[j] for row in ends]
    columns["turn"] = [turn if turn is None or math.isfinite(turn) else None] * len(gammas)
    columns["alpha"] = [_one_sided(case)] * len(gammas)
    return Table(columns)


def _one_sided(case: Case) -> float:
    """Half of one minus the level, without what binary fractions add to it."""
    return round(0.5 * (1.0 - case.level), 12)


def _words(test: Test, turn: float | None, alpha: float, gaps: Floats, evidence: Table) -> str:
    way = "higher" if gaps.mean() >= 0.0 else "lower"
    held = f"that the treated of {gaps.shape[0]:,} matched sets have the {way} outcome ({test.name}"
    if turn is None:
        p = evidence["largest_p"][0]
        return f"Even without hidden confounding the data do not show {held}, one-sided p = {p:.2g}): Γ = 1."
    if math.isinf(turn):
        return f"No hidden confounding takes away {held}, one-sided p ≤ {alpha:g}): only pairs of one kind differ."
    words = (
        f"If what was not measured made the odds of treatment of one matched row {turn:.2f} times those of another "
        f"(Γ = {turn:.2f}), and all but decided the outcome, it could no longer be said {held}, one-sided p > "
        f"{alpha:g})"
    )
    return words + _range(evidence, turn)


def _range(evidence: Table, turn: float) -> str:
    """What Γ would leave of the effect, at the last value shown before the turn."""
    rows = [row for row in evidence.rows() if 1.0 < row["gamma"] <= turn and row["low"] is not None]
    if not rows:
        return "."
    row = rows[-1]
    low, high = format_number(row["low"]), format_number(row["high"])
    return f"; at Γ = {row['gamma']:.2f} the effect lies between {low} and {high} (Hodges-Lehmann)."
