"""Do the nuisance models predict rows they have not seen, and do their probabilities mean what they say?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.models.quality import log_loss, squared_loss
from estimand.models.trained import task_of
from estimand.stats.arrays import Floats
from estimand.stats.rates import wilson_interval

CLEARLY_WORSE = -0.05
SLOPES = (0.8, 1.25)
FELT = 0.1
SURELY = 2.58
GROUPS = 10


@dataclass(frozen=True, slots=True)
class Part:
    """One nuisance beside a prediction that looks at no covariate."""

    name: str
    loss: float
    constant: float

    @property
    def skill(self) -> float:
        """Share of the constant prediction's loss that the model takes off; 0 where there is none to take."""
        return 1.0 - self.loss / self.constant if self.constant > 0.0 else 0.0

    @property
    def words(self) -> str:
        """Its name in a sentence."""
        kind, _, arm = self.name.partition("[")
        return f"the {kind} model" + (f" of arm '{arm.removesuffix(']')}'" if arm else "")


def _out_of_fold(estimate: Estimate, detail: str) -> Mapping[str, float]:
    """A detail by part of an estimate that predicted rows its models had not seen."""
    found = estimate.details.get(detail)
    return found if isinstance(found, Mapping) and estimate.options.get("folds") != 1 else {}


def _parts(case: Case, estimate: Estimate) -> list[Part]:
    """The nuisances whose loss can be held against that of a constant."""
    sample = case.sample()
    losses = _out_of_fold(estimate, "nuisance_loss")
    constants = {name: _constant_loss(name, sample, case.values()) for name in losses}
    return [Part(name, loss, constant) for name, loss in losses.items() if (constant := constants[name]) is not None]


def _constant_loss(name: str, sample: Sample, values: Floats) -> float | None:
    """Loss of the best constant: of the arm's share, or of the outcome's mean (in the arm, where one is named)."""
    kind, _, label = name.partition("[")
    arm = label.removesuffix("]")
    if label and arm not in sample.arms:
        return None
    member = np.ones(sample.n, dtype=bool) if not label else sample.arm == sample.arms.index(arm)
    if kind == "propensity":
        return _least_loss((member if label else sample.arm == 1).astype(float), sample.weights, True)
    if kind != "outcome":
        return None
    weights = None if sample.weights is None else sample.weights[member]
    return _least_loss(values[member], weights, task_of(values) == "classification")


def _least_loss(seen: Floats, weights: Floats | None, binary: bool) -> float:
    constant = np.full(seen.shape[0], np.average(seen, weights=weights))
    return (log_loss if binary else squared_loss)(seen, constant, weights)


@check(
    "nuisance.quality",
    question="Do the nuisance models predict better than a constant?",
    references=("Chernozhukov et al. 2018, doi:10.1111/ectj.12097",),
)
class NuisanceQuality(Check):
    """Out-of-fold loss of each nuisance against that of a prediction that looks at no covariate.

    A model without skill removes no confounding: the estimate then rests on its other model. One that is
    clearly worse than a constant is fitted to noise, and adds it to the estimate. A propensity without skill is
    what an experiment should give.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that predict out of fold."""
        return isinstance(case.source, Sample) and any(_parts(case, e) for e in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with its least skilful model."""
        made = ((estimate, _parts(case, estimate)) for estimate in estimates)
        return tuple(self._one(case, estimate, parts) for estimate, parts in made if parts)

    def _one(self, case: Case, estimate: Estimate, parts: list[Part]) -> Finding:
        due = [part for part in parts if not (case.randomised and part.name.startswith("propensity"))]
        grade = Grade.PASS
        if any(part.skill < CLEARLY_WORSE for part in parts):
            grade = Grade.WARN
        elif any(part.skill <= 0.0 for part in due):
            grade = Grade.NOTE
        worst = min(parts if grade is Grade.WARN or not due else due, key=lambda part: part.skill)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=worst.name,
            statistic=worst.skill,
            threshold=CLEARLY_WORSE if grade is Grade.WARN else 0.0,
            message=_skill_words(worst, grade),
            remedy=_skill_remedy(worst, grade),
            evidence=Table(
                {
                    "part": [part.name for part in parts],
                    "loss": [part.loss for part in parts],
                    "constant": [part.constant for part in parts],
                    "skill": [part.skill for part in parts],
                }
            ),
        )


def _skill_words(worst: Part, grade: Grade) -> str:
    if grade is Grade.PASS:
        return (
            f"Out of fold, {worst.words} takes {worst.skill:.1%} off the loss of a constant prediction; "
            "no model that should has less skill."
        )
    size = f"{abs(worst.skill):.1%} worse than" if worst.skill < 0.0 else "no better than"
    meaning = (
        "it is fitted to noise, which it adds to the estimate"
        if grade is Grade.WARN
        else "it removes no confounding, so the estimate rests on its other model"
    )
    return f"Out of fold, {worst.words} predicts {size} a constant: {meaning}."


def _skill_remedy(worst: Part, grade: Grade) -> str | None:
    if grade is Grade.PASS:
        return None
    if grade is Grade.WARN:
        return "Use a plainer learner (linear, lasso), or gather more rows."
    if worst.name.startswith("propensity"):
        return "Ask whether the covariates hold what decided the treatment."
    return "Ask whether the covariates say anything about the outcome, or try another learner."


@check(
    "nuisance.calibration",
    question="Do the estimated propensities mean what they say?",
    references=("Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7",),
)
class PropensityCalibration(Check):
    """Slope of the arm on its out-of-fold propensity, and both by tenth of the rows.

    Warns where the slope is outside [0.8, 1.25] and the error it implies in the typical propensity is, beyond
    noise, more than a tenth of the smaller arm's share. Below that the slope is of no consequence: where
    nothing decides the treatment, as in an experiment, the propensity varies by chance alone.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates with an out-of-fold propensity."""
        return isinstance(case.source, Sample) and any(_calibrated(case, e) for e in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the slope, and the curve as evidence."""
        return tuple(self._one(case, estimate) for estimate in estimates if _calibrated(case, estimate))

    def _one(self, case: Case, estimate: Estimate) -> Finding:
        sample = case.sample()
        predicted = _propensity(estimate)
        seen = (sample.arm == 1).astype(float)
        slope = float(estimate.details["calibration"][f"propensity[{sample.arms[1]}]"])
        spread = float(predicted.std())
        low, high = SLOPES
        outside = not low <= slope <= high
        felt = abs(1.0 - slope) * spread
        noise = SURELY * float(np.sqrt((predicted * (1.0 - predicted)).mean() / sample.n))
        line = FELT * min(float(seen.mean()), 1.0 - float(seen.mean()))
        grade = Grade.PASS
        if outside and felt > line:
            unsure = Grade.PASS if case.randomised else Grade.NOTE
            grade = Grade.WARN if felt - noise > line else unsure
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject=f"propensity[{sample.arms[1]}]",
            statistic=slope,
            threshold=low if slope < 1.0 else high,
            message=_slope_words(slope, felt, outside),
            remedy=None
            if grade is Grade.PASS
            else "Use a plainer or more heavily penalised propensity learner, and compare with 'ipw'.",
            evidence=_curve(predicted, seen, case.level),
        )


def _calibrated(case: Case, estimate: Estimate) -> bool:
    part = f"propensity[{case.arms[1]}]"
    return isinstance(estimate.details.get("propensity"), np.ndarray) and part in _out_of_fold(estimate, "calibration")


def _propensity(estimate: Estimate) -> Floats:
    """Propensity of the first arm after control, shape (n,)."""
    found: Floats = estimate.details["propensity"]
    return found if found.ndim == 1 else found[:, 1]


def _slope_words(slope: float, felt: float, outside: bool) -> str:
    low, high = SLOPES
    place = f"{'outside' if outside else 'within'} [{low:g}, {high:g}]"
    words = (
        f"Where the propensity rises by 0.1, the share treated rises by {0.1 * slope:.3f} (slope {slope:.2f}, {place})"
    )
    if not outside:
        return f"{words}."
    kind = "too bold" if slope < 1.0 else "too timid"
    return f"{words}: propensities are {kind}, by {felt:.3f} in the typical row."


def _curve(predicted: Floats, seen: Floats, level: float) -> Table:
    """Mean propensity and share treated by tenth of the rows, with Wilson's interval."""
    order = np.argsort(predicted, kind="stable")
    tenths = [rows for rows in np.array_split(order, GROUPS) if rows.size]
    share = np.array([seen[rows].mean() for rows in tenths])
    rows = np.array([float(part.size) for part in tenths])
    bounds = wilson_interval(share, rows, level)
    return Table(
        {
            "predicted": [float(predicted[part].mean()) for part in tenths],
            "observed": share.tolist(),
            "low": bounds[:, 0].tolist(),
            "high": bounds[:, 1].tolist(),
            "rows": [int(part.size) for part in tenths],
        }
    )
