"""Are effects as large, and as different, as predicted?"""

import numpy as np

from estimand.checks.heterogeneity.answers import answered_by_arm, reporting
from estimand.checks.heterogeneity.held_out import Part, Stacked, among, in_turn
from estimand.checks.heterogeneity.tests_in_turn import calibration_slope
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_interval, format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.stats.effect_groups import group_averages, ranked_groups
from estimand.stats.intervals import critical_value
from estimand.stats.sequential import Combined

ROWS_IN_A_BIN = 10


@check(
    "heterogeneity.calibration",
    question="Are effects as large, and as different, as predicted?",
    references=(
        "Chernozhukov, Demirer, Duflo & Fernández-Val 2025, doi:10.3982/ECTA19303",
        "Wager 2024, doi:10.48550/arXiv.2405.05534",
    ),
)
class EffectCalibration(Check):
    """Regress doubly robust scores on effects predicted by a rule that was learned from earlier folds only.

    A slope of one says that predicted differences are true ones, of zero that they tell nothing, and in between that
    they are overstated. Five folds taken in turn, four of them judged: a fold is never judged by what it taught, so
    that the folds' statistics add up as a martingale does. Slopes have HC3 errors, or are by cluster. Significance is
    no gate: the answer is a pass, or a note.

    Parameters
    ----------
    bins : int
        Groups by prediction in the evidence, at most.
    """

    bins: int = 10

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that report an effect for each row."""
        return bool(reporting(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate and arm with the slope."""
        return answered_by_arm(self.spec.key, case, estimates, in_turn, self._arm)

    def _arm(self, case: Case, estimate: Estimate, label: str, parts: tuple[Part, ...]) -> Finding:
        slope = calibration_slope(parts)
        if slope is None:
            message = "Every prediction is the same on rows it was not learned from: there is no slope."
            return Finding(self.spec.key, estimate.id, Grade.NOTE, label, message, "Report the average effect.")
        low, high = slope.interval(case.level)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if low > 0.0 else Grade.NOTE,
            subject=label,
            statistic=slope.value,
            message=_words(slope, case.level) + among(case),
            remedy=_remedy(low, high),
            evidence=self._evidence(parts, slope, case.level),
        )

    def _evidence(self, parts: tuple[Part, ...], slope: Combined, level: float) -> Table:
        held = Stacked.of(parts)
        smallest = min(part.rows.shape[0] for part in parts)
        bins = max(1, min(self.bins, smallest // ROWS_IN_A_BIN))
        group = ranked_groups(held.predicted, held.part, bins)
        found = group_averages(held.scores, group, held.weights, held.units)
        error = np.sqrt(np.diag(found.vcov))
        reach = float(critical_value(level, None, 1)[0]) * error
        predicted = group_averages(held.predicted, group, held.weights, held.units).value
        low, high = slope.interval(level)
        constant = {
            "slope": slope.value,
            "slope_low": low,
            "slope_high": high,
            "p_value": slope.p_value,
            "mean": float(np.average(held.scores, weights=held.weights)),
            "predicted_mean": float(np.average(held.predicted, weights=held.weights)),
        }
        return Table(
            {
                "bin": list(range(1, bins + 1)),
                "rows": found.rows.tolist(),
                "predicted": predicted.tolist(),
                "value": found.value.tolist(),
                "std_error": error.tolist(),
                "low": (found.value - reach).tolist(),
                "high": (found.value + reach).tolist(),
                **{name: [value] * bins for name, value in constant.items()},
            }
        )


def _words(slope: Combined, level: float) -> str:
    low, high = slope.interval(level)
    start = (
        f"On rows that a rule did not see, a predicted difference of 1 goes with a difference of "
        f"{format_number(slope.value)} in effect ({level:.0%} interval {format_interval((low, high))}; one-sided p "
        f"{slope.p_value:.2g})"
    )
    if low <= 0.0:
        return f"{start}: predicted differences cannot be told from noise."
    if high < 1.0:
        return f"{start}: effects do differ, and by less than predicted."
    return f"{start}: effects do differ" + (", and by more than predicted." if low > 1.0 else " as predicted.")


def _remedy(low: float, high: float) -> str | None:
    if low <= 0.0:
        return "Report the average effect; do not act on predicted differences."
    return "Shrink predicted differences by the slope before acting on their size." if high < 1.0 else None
