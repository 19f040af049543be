"""Are there enough rows for each coefficient that a robust covariance can learn the noise from residuals?"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.history import with_history
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Normal
from estimand.stats.arrays import Floats
from estimand.stats.covariance import leverage
from estimand.stats.linear import least_squares

MEAN_LINE, ROW_LINE = 0.2, 0.9
# Residuals of k coefficients to n rows are √(1 - k/n) of the noise: 0.15 takes an interval of 95 % to 92.9 %.
SANDWICH_LINE = 0.15
SANDWICH = "influence"
Model: TypeAlias = Literal["propensity", "by arm", "pooled"]


@check(
    "inference.leverage",
    question="Are there enough rows for each coefficient that the interval rests on?",
    references=(
        "MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7",
        "Cattaneo, Jansson & Newey 2018, doi:10.1080/01621459.2017.1328360",
    ),
)
class Leverage(Check):
    """Leverage of the rows in a fit whose residuals make the interval: its mean is coefficients over rows.

    HC3 divides each squared residual by (1 - h)², where even noise asks for 1 - h: with many coefficients its interval
    is too wide, and a mean above 0.2 is a warning. HC2 divides by 1 - h, right on average but noisy: a note. So is
    a row of leverage above 0.9, whose residual says almost nothing of its noise.

    The sandwich of ``gcomputation``, of ``balancing`` for everyone and of overlap weights, whose model is that of their
    propensity, takes the residuals as they are: a mean above 0.15 is a warning that the interval is too narrow.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to regressions that used HC2 or HC3, and to sandwiches of models fitted in sample."""
        return isinstance(case.source, Sample) and any(_kind(estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for every such estimate with the leverage in each of its fits."""
        judged = [(estimate, kind, _Fits.of(estimate)) for estimate in estimates if (kind := _kind(estimate))]
        made = {fits: fits.leverages(case) for fits in dict.fromkeys(fits for *_, fits in judged)}
        return tuple(self._one(estimate, kind, made[fits]) for estimate, kind, fits in judged)

    def _one(self, estimate: Estimate, kind: str, fits: dict[str, Floats]) -> Finding:
        mean = {name: float(h.mean()) for name, h in fits.items()}
        largest = {name: float(h.max()) for name, h in fits.items()}
        worst = max(mean, key=lambda name: mean[name])
        single = sum(int(np.count_nonzero(h > ROW_LINE)) for h in fits.values())
        line = SANDWICH_LINE if kind == SANDWICH else MEAN_LINE
        heavy = mean[worst] > line
        coefficients = round(mean[worst] * fits[worst].shape[0])
        words = f"{worst[0].upper()}{worst[1:]} fits {coefficients} coefficients to {fits[worst].shape[0]:,} rows."
        if heavy and kind == "HC3":
            words += " HC3 is made for fewer: its interval is too wide."
        elif heavy and kind == SANDWICH:
            words += " Its residuals are smaller than the noise by that much, so the interval is too narrow."
        elif heavy:
            words += " HC2 is right on average where the noise is even, and itself noisy here."
        single = 0 if kind == SANDWICH else single
        if single:
            words += f" {single} row{'s have' if single > 1 else ' has'} a leverage above {ROW_LINE:g}."
        grade = Grade.WARN if heavy and kind != "HC2" else Grade.NOTE if heavy or single else Grade.PASS
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="leverage",
            statistic=mean[worst],
            threshold=line,
            message=words,
            remedy=_remedy(estimate, heavy=heavy) if heavy or single else None,
            evidence=Table({"fit": list(fits), "mean": list(mean.values()), "largest": list(largest.values())}),
        )


def _kind(estimate: Estimate) -> str | None:
    """HC2, HC3 or the plain sandwich, where the interval rests on residuals of a fit in sample."""
    held = estimate.uncertainty
    if not isinstance(held, Normal):
        return None
    if estimate.method == "regression":
        return held.correction if held.correction in {"HC2", "HC3"} else None
    narrow = estimate.method == "gcomputation" or _overlap(estimate)
    everyone = estimate.method == "balancing" and estimate.target is Target.ATE
    return SANDWICH if held.correction == SANDWICH and (narrow or everyone) else None


def _overlap(estimate: Estimate) -> bool:
    return estimate.method in {"ipw", "balancing"} and estimate.target is Target.ATO


@dataclass(frozen=True, slots=True)
class _Fits:
    """Which fits an estimate rests on, and whether a metric's history and strata are among their columns."""

    model: Model
    history: bool

    @classmethod
    def of(cls, estimate: Estimate) -> "_Fits":
        """Tell by the method and its options."""
        by_arm = estimate.options.get("interactions", True)
        model: Model = "propensity" if _overlap(estimate) else "by arm" if by_arm else "pooled"
        return cls(model, estimate.method == "regression")

    def leverages(self, case: Case) -> dict[str, Floats]:
        """Leverage of each fit's rows."""
        return _leverages(with_history(case).sample() if self.history else case.sample(), self.model)


def _leverages(sample: Sample, model: Model) -> dict[str, Floats]:
    """Leverage of each fit's rows: one fit in each arm, or one of all rows, with a column for each arm if pooled."""
    values, arm = sample.features.values, sample.arm
    if model == "propensity":
        return {"the propensity model": _diagonal(values, sample.weights)}
    if model == "pooled":
        dummies = (arm[:, None] == np.arange(1, len(sample.arms))).astype(float)
        return {"the regression": _diagonal(np.hstack([dummies, values]), sample.weights)}
    rows = {f"arm '{label}'": np.flatnonzero(arm == a) for a, label in enumerate(sample.arms)}
    return {
        name: _diagonal(values[own], None if sample.weights is None else sample.weights[own])
        for name, own in rows.items()
    }


def _diagonal(raw: Floats, weights: Floats | None) -> Floats:
    """Diagonal of the hat matrix of an intercept and the columns, which no outcome changes, shape (n,)."""
    return leverage(least_squares(raw, np.zeros(raw.shape[0]), weights))


def _remedy(estimate: Estimate, *, heavy: bool) -> str:
    if not heavy:
        return "Merge rare categories, or leave out columns that single out a row."
    ways = "Use fewer covariates, or 'aipw' or 'dml' with learner 'lasso'"
    if estimate.method in {"ipw", "balancing"}:
        return f"{ways}."
    return f"{ways}; or set interactions: false." if estimate.options["interactions"] else f"{ways}."
