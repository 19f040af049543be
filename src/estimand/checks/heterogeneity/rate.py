"""Is more gained by treating first those with the largest predicted effect?"""

import numpy as np

from estimand.checks.heterogeneity.answers import answered_by_arm, reporting
from estimand.checks.heterogeneity.held_out import Part, among, in_turn
from estimand.checks.heterogeneity.tests_in_turn import rank_weighted
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_interval, format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.intervals import critical_value
from estimand.stats.sequential import Combined
from estimand.stats.targeting import curve_draws, targeting_curve

SHARES = np.arange(1, 21) / 20.0


@check(
    "heterogeneity.rate",
    question="Is more gained by treating first those with the largest predicted effect?",
    references=(
        "Yadlowsky, Fleming, Shah, Brunskill & Wager 2025, doi:10.1080/01621459.2024.2393466",
        "Wager 2024, doi:10.48550/arXiv.2405.05534",
    ),
)
class RankAverageEffect(Check):
    """Rank rows by effects learned from earlier folds, and average how much more those ranked first gain than all.

    AUTOC is the area under the targeting curve, and Qini the same weighted by the share treated: the first is the
    better judge where few gain much, the second where many gain some. Zero says that the order is no better than
    chance. Errors are by the influence function, those of the first thirty rows by the jackknife, with clusters summed;
    ties count as random order. The curve's errors are by half-samples, and its band holds for all shares at once.
    Significance is no gate: a pass, or a note.

    Parameters
    ----------
    draws : int
        Half-samples.
    """

    draws: int = 400

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that report an effect for each row."""
        return bool(reporting(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate and arm with the area."""
        return answered_by_arm(self.spec.key, case, estimates, in_turn, self._arm)

    def _arm(self, case: Case, estimate: Estimate, label: str, parts: tuple[Part, ...]) -> Finding:
        autoc, qini = rank_weighted(parts, "autoc"), rank_weighted(parts, "qini")
        if autoc is None or qini is None:
            message = "Every prediction is the same on rows it was not learned from: nobody is ranked before another."
            return Finding(self.spec.key, estimate.id, Grade.NOTE, label, message, "Report the average effect.")
        low, _ = autoc.interval(case.level)
        shown = low > 0.0
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if shown else Grade.NOTE,
            subject=label,
            statistic=autoc.value,
            message=_words(autoc, qini, case.level) + among(case),
            remedy=None if shown else "Do not choose whom to treat by these predictions.",
            evidence=self._evidence(case, (estimate.id, label), parts, (autoc, qini)),
        )

    def _evidence(
        self, case: Case, named: tuple[str, str], parts: tuple[Part, ...], areas: tuple[Combined, Combined]
    ) -> Table:
        curve, moved = self._curve(case, named, parts)
        error = moved.std(axis=0)
        reach = float(critical_value(case.level, None, 1)[0]) * error
        live = error > 0.0
        largest = np.abs(moved[:, live] / error[live]).max(axis=1, initial=0.0)
        wide = max(float(np.quantile(largest, case.level)), float(critical_value(case.level, None, 1)[0])) * error
        columns: dict[str, list[float]] = {
            "share": SHARES.tolist(),
            "value": curve.tolist(),
            "std_error": error.tolist(),
            "low": (curve - reach).tolist(),
            "high": (curve + reach).tolist(),
            "band_low": (curve - wide).tolist(),
            "band_high": (curve + wide).tolist(),
        }
        for name, area in zip(("autoc", "qini"), areas, strict=True):
            told = (area.value, *area.interval(case.level), area.p_value)
            for part, value in zip(("", "_low", "_high", "_p"), told, strict=True):
                columns[f"{name}{part}"] = [value] * SHARES.shape[0]
        return Table(columns)

    def _curve(self, case: Case, named: tuple[str, str], parts: tuple[Part, ...]) -> tuple[Floats, Floats]:
        """Curve over the folds, each counting by its weight, and its deviations under half-samples."""
        mass = np.array([float(part.weights.sum()) for part in parts])
        curve, moved = np.zeros(SHARES.shape[0]), np.zeros((self.draws, SHARES.shape[0]))
        for number, (part, share) in enumerate(zip(parts, mass / mass.sum(), strict=True)):
            curve += share * targeting_curve(part.scores, part.predicted, part.weights, SHARES)
            rng = case.run.rng(self.spec.key, case.outcome, *named, number)
            told = (part.scores, part.predicted, part.weights)
            moved += share * curve_draws(told, part.units, SHARES, rng, self.draws)
        curve[-1], moved[:, -1] = 0.0, 0.0
        return curve, moved


def _words(autoc: Combined, qini: Combined, level: float) -> str:
    told = (
        f"{name} {format_number(area.value)} ({level:.0%} interval {format_interval(area.interval(level))})"
        for name, area in (("AUTOC", autoc), ("Qini", qini))
    )
    start = f"Ranked by effects learned from earlier folds: {', '.join(told)}"
    if autoc.interval(level)[0] > 0.0:
        return f"{start}: those ranked first gain more than all do."
    return f"{start}: the ranking cannot be told from chance."
