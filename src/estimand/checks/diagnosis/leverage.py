"""Are there enough rows for each coefficient that a robust covariance can learn the noise from residuals?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Normal
from estimand.stats.arrays import Floats
from estimand.stats.covariance import leverage
from estimand.stats.linear import least_squares

MEAN_LINE, ROW_LINE = 0.2, 0.9


@check(
    "inference.leverage",
    question="Are there enough rows for each coefficient of the regression?",
    references=(
        "MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7",
        "Cattaneo, Jansson & Newey 2018, doi:10.1080/01621459.2017.1328360",
    ),
)
class Leverage(Check):
    """Leverage of the rows in a regression whose covariance is HC2 or HC3: its mean is coefficients over rows.

    HC3 divides each squared residual by (1 - h)², where even noise asks for 1 - h: with many coefficients its interval
    is too wide, and a mean above 0.2 is a warning. HC2 divides by 1 - h, right on average but noisy: a note. So is
    a row of leverage above 0.9, whose residual says almost nothing of its noise.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to regressions that used HC2 or HC3."""
        return isinstance(case.source, Sample) and any(_robust(estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for every such regression with the leverage in each of its fits."""
        found = []
        for estimate in estimates:
            kind = _robust(estimate)
            if kind:
                by_arm = bool(estimate.options["interactions"])
                found.append(self._one(estimate, kind, _leverages(case.sample(), by_arm=by_arm)))
        return tuple(found)

    def _one(self, estimate: Estimate, kind: str, fits: dict[str, Floats]) -> Finding:
        mean = {name: float(h.mean()) for name, h in fits.items()}
        largest = {name: float(h.max()) for name, h in fits.items()}
        worst = max(mean, key=lambda name: mean[name])
        single = sum(int(np.count_nonzero(h > ROW_LINE)) for h in fits.values())
        heavy = mean[worst] > MEAN_LINE
        coefficients = round(mean[worst] * fits[worst].shape[0])
        words = f"{worst[0].upper()}{worst[1:]} fits {coefficients} coefficients to {fits[worst].shape[0]:,} rows."
        if heavy and kind == "HC3":
            words += " HC3 is made for fewer: its interval is too wide."
        elif heavy:
            words += " HC2 is right on average where the noise is even, and itself noisy here."
        if single:
            words += f" {single} row{'s have' if single > 1 else ' has'} a leverage above {ROW_LINE:g}."
        grade = Grade.WARN if heavy and kind == "HC3" else Grade.NOTE if heavy or single else Grade.PASS
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="leverage",
            statistic=mean[worst],
            threshold=MEAN_LINE,
            message=words,
            remedy=_remedy(estimate, heavy=heavy) if heavy or single else None,
            evidence=Table({"fit": list(fits), "mean": list(mean.values()), "largest": list(largest.values())}),
        )


def _robust(estimate: Estimate) -> str | None:
    """HC2 or HC3, where a regression's interval rests on it."""
    held = estimate.uncertainty
    if estimate.method != "regression" or not isinstance(held, Normal):
        return None
    return held.correction if held.correction in {"HC2", "HC3"} else None


def _leverages(sample: Sample, *, by_arm: bool) -> dict[str, Floats]:
    """Leverage of each fit's rows: one fit in each arm, or one of all with a column for each arm."""
    values, arm = sample.features.values, sample.arm
    if not by_arm:
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
    return f"{ways}; or set interactions: false." if estimate.options["interactions"] else f"{ways}."
