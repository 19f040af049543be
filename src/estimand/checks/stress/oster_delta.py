"""How much more than the covariates would hidden selection have to matter?"""

from typing import Annotated

import numpy as np
from pydantic import Field

from estimand.checks.stress.causal import average_effects
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.table import Table
from estimand.stats.arrays import Floats
from estimand.stats.selection_ratio import Movement, adjusted_coefficients, movement, selection_ratio

STEPS = 41
TOP, LEAST_TOP = 5.0, 2.0
STILL = 1e-9


@check(
    "stress.oster_delta",
    question="How much more than the covariates would hidden selection have to matter?",
    references=("Oster 2019, doi:10.1080/07350015.2016.1227711", "Altonji, Elder & Taber 2005, doi:10.1086/426036"),
)
class OsterDelta(Check):
    """Selection on what was not measured, relative to selection on the covariates, that leaves nothing of the effect.

    From how far the covariates move the coefficient and R² of a linear regression with one slope each, compared with
    none: δ at a coefficient of zero, and the coefficient at δ = 1, for an R² of at most ``r2_times`` that of the
    regression with covariates. Exact for ``regression`` with ``interactions=False``; otherwise the same regression of
    the same rows stands in. There is no line to pass: always a note.

    Parameters
    ----------
    r2_times : float
        Largest R² that all causes together could reach, as a multiple of the one reached; at most 1 in all.
    """

    r2_times: Annotated[float, Field(gt=1, allow_inf_nan=False)] = 1.3

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to regressions with covariates, in a design that is not randomised."""
        return bool(_regressions(case, estimates)) and case.sample().features.values.shape[1] > 0

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each term of each regression."""
        arms = range(1, len(case.arms))
        moves = {arm: _movement(case, arm) for arm in arms}
        return tuple(self._one(estimate, arm, moves[arm]) for estimate in _regressions(case, estimates) for arm in arms)

    def _one(self, estimate: Estimate, arm: int, seen: Movement | None) -> Finding:
        label = estimate.terms[arm - 1].label
        why = _refusal(seen)
        if seen is None or why is not None:
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, str(why), "See the other stress tests.")
        largest = min(1.0, self.r2_times * seen.controlled_r2)
        ratio = selection_ratio(seen, seen.controlled, largest)
        equal = adjusted_coefficients(seen, 1.0, largest)
        stands_in = estimate.options.get("interactions") is not False or len(estimate.terms) > 1
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=label,
            statistic=ratio if np.isfinite(ratio) else None,
            message=_words(seen, ratio, equal, largest, stands_in),
            remedy="Ask whether what was not measured could matter that much more than what was.",
            evidence=_evidence(seen, ratio, largest),
        )


def _regressions(case: Case, estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    return tuple(estimate for estimate in average_effects(case, estimates) if estimate.method == "regression")


def _movement(case: Case, arm: int) -> Movement | None:
    """Treatment's coefficient on the rows of one arm and control, without and with covariates."""
    sample = case.sample()
    rows = np.flatnonzero((sample.arm == arm) | (sample.arm == 0))
    weights = None if sample.weights is None else sample.weights[rows]
    treated = (sample.arm[rows] == arm).astype(float)
    return movement(treated, sample.features.values[rows], case.values()[rows], weights)


def _refusal(seen: Movement | None) -> str | None:
    """Why δ is not defined, where it is not."""
    if seen is None:
        return "The covariates determine the treatment, or the outcome does not vary: nothing can be set against them."
    if 1.0 - seen.controlled_r2 < STILL:
        return "The covariates explain all of the outcome, so nothing is left for what was not measured."
    if abs(seen.short - seen.controlled) <= STILL * max(abs(seen.short), abs(seen.controlled)):
        return "The covariates do not move the coefficient, so selection on them is no measure of other selection."
    return None


def _words(seen: Movement, ratio: float, equal: Floats, largest: float, stands_in: bool) -> str:
    moved = (
        f"The covariates move the coefficient from {format_number(seen.short)} to {format_number(seen.controlled)} and "
        f"R² from {seen.short_r2:.3f} to {seen.controlled_r2:.3f}"
    )
    if not np.isfinite(ratio):
        said = "no selection on what was not measured would take it to zero"
    elif ratio < 0.0:
        said = (
            f"what was not measured would have to pull the other way, {-ratio:.2f} times as hard as the covariates, to "
            "take it to zero"
        )
    else:
        said = f"selection on what was not measured would have to be {ratio:.2f} times that on them to take it to zero"
    alike = (
        f"just as strong, it would leave {format_number(float(equal[0]))}"
        if equal.shape[0]
        else "just as strong, it fits no coefficient"
    )
    words = f"{moved}. If all causes together could explain {largest:.1%} of the outcome, {said}; {alike}."
    return f"{words} This is the algebra of the regression with one slope per covariate." if stands_in else words


def _evidence(seen: Movement, ratio: float, largest: float) -> Table:
    """Coefficient left at each δ, followed from δ = 0, where nothing is taken off; the rest repeats."""
    top = min(TOP, max(LEAST_TOP, 1.25 * ratio)) if ratio > 0.0 else LEAST_TOP
    deltas, left, last = [], [], seen.controlled
    for delta in np.linspace(0.0, top, STEPS):
        found = adjusted_coefficients(seen, float(delta), largest) if delta > 0.0 else np.array([seen.controlled])
        if not found.shape[0]:
            break
        last = float(found[np.abs(found - last).argmin()])
        deltas.append(float(delta))
        left.append(last)
    rows = len(deltas)
    return Table(
        {
            "delta": deltas,
            "coefficient": left,
            "controlled": [seen.controlled] * rows,
            "short": [seen.short] * rows,
            "ratio": [ratio if np.isfinite(ratio) else None] * rows,
            "largest_r2": [largest] * rows,
        }
    )
