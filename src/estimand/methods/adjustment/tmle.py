"""Targeted maximum likelihood: cross-fitted predictions, moved until the score of the target is zero."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner, LearnerOption
from estimand.core.method import Detail, Method, method
from estimand.core.question import Target
from estimand.core.row_weights import refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.errors import ConvergenceError
from estimand.methods.adjustment.contrast import Reported, repeated_contrast
from estimand.methods.adjustment.notes import learner_notes
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Contrast, Means
from estimand.methods.adjustment.separation import refuse_separated
from estimand.methods.adjustment.splits import (
    SPLIT_DETAILS,
    Fitting,
    Split,
    clipped_splits,
    fitted_splits,
    refuse_certainty,
    split_details,
)
from estimand.stats.arrays import Floats
from estimand.stats.fluctuation import Fluctuation, fluctuate

# How near to the ends of the range a prediction may start: of a share, and of an outcome scaled to one.
SHARE_EDGE, SCALED_EDGE = 1e-9, 5e-4
CLEVER = Literal["weight", "covariate"]


@method(
    "tmle",
    designs=(Observational, Experiment),
    references=(
        "van der Laan & Rubin 2006, doi:10.2202/1557-4679.1043",
        "Gruber & van der Laan 2010, doi:10.2202/1557-4679.1260",
        "Zheng & van der Laan 2011, doi:10.1007/978-1-4419-9782-1_27",
        "Robins, Sued, Lei-Gomez & Rotnitzky 2007, doi:10.1214/07-STS227D",
    ),
    inference="influence",
    resampling=("pairs", "cluster", "bayesian", "multiplier"),
    invariances=("row_order", "covariate_scale"),
    details=(
        *SPLIT_DETAILS,
        Detail("fluctuation", "by model moved", "log odds"),
        Detail("range", "(2,)", "outcome; what is scaled to zero and one"),
    ),
)
class TMLE(Method):
    r"""Targeted maximum likelihood with cross-fitted nuisances.

    Estimand: E[Y(a)] against E[Y(0)] over everyone (ATE) or over those in arm a (ATT), as a difference, a ratio or an
    odds ratio.

    The outcome is scaled to [0, 1] by the smallest and largest value seen, unless it is zeros and ones. Each arm's
    prediction Q is moved on the logit scale, logit Q* = logit Q + ε, until for ATE

    .. math:: \sum_i w_i \frac{1\{A_i = a\}}{e_a(X_i)} \big(Y_i - Q^*_a(X_i)\big) = 0,

    and for ATT, where only control's prediction is moved, with :math:`1\{A_i = 0\} e_a(X_i)/e_0(X_i)` in place of the
    clever covariate. The means are then averages of Q* over the target: they stay within the outcome's range. The mean
    of the treated in arm a is their own. The empirical distribution of arm and covariates makes the rest of the score
    zero, so that one step is enough.

    Assumes no unmeasured confounding given the covariates, and overlap. Consistent if either the outcome or the
    propensity model is; its variance needs both.

    Variance: Σψψ'/n² with ψ = w (1{A=a}(Y - Q*)/e + Q* - μ) for ATE, and for control's mean among those in arm a
    ψ = w (1{A=0} (e_a/e_0)(Y - Q*) + 1{A=a}(Q* - μ))/p; the mean of ψ is zero by construction. Several ``repeats`` as
    for ``aipw``. Ratios are normal on the log scale.

    Parameters
    ----------
    target : "ATE" | "ATT"
    learner : Learner
        For both nuisances, which ``aipw`` shares.
    propensity_learner : Learner, optional
        Replaces ``learner`` for the propensity.
    folds : int or tuple of int
        Number of folds, 1 for none (in sample), or the fold of each row.
    repeats : int
        Splits to take the median over.
    outcome_model : "by_arm" | "pooled"
        An outcome model in each arm, or one with the arm as a feature.
    clip : float, optional
        Bound propensities to [clip, 1 - clip]; reported with the share bounded.
    clever : "weight" | "covariate"
        Whether the clever covariate weights the fluctuation, which no small propensity can throw far, or multiplies ε.
    contrast : "difference" | "ratio" | "odds_ratio"
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    learner: LearnerOption = Learner("auto")
    propensity_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=1)] | tuple[int, ...] = 5
    repeats: Annotated[int, Field(ge=1)] = 1
    outcome_model: Literal["by_arm", "pooled"] = "by_arm"
    clip: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    clever: CLEVER = "weight"
    contrast: Contrast = "difference"

    def estimate(self, case: Case) -> Estimate:
        """Fit out of fold, target, and average."""
        sample = case.sample()
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        needed = range(len(case.arms)) if self.target is Target.ATE else (0,)
        learners = self.learner, self.propensity_learner or self.learner
        fitting = Fitting(*learners, self.folds, self.repeats, self.outcome_model == "pooled")
        splits, findings = clipped_splits("tmle", fitted_splits(case, fitting, needed), self.clip)
        refuse_certainty(splits, sample, needed)
        targeted = [Targeted(sample, Bounds.of(case.values()), split, self.clever) for split in splits]
        moved = [item.everyone() if self.target is Target.ATE else item.treated() for item in targeted]
        bounds = targeted[0].bounds
        details = split_details(sample, splits[0], self.target) | {
            "fluctuation": FrozenMap(moved[0].epsilon),
            "range": np.array([bounds.low, bounds.high]),
        }
        findings = (*findings, *_scaling(bounds), *learner_notes("tmle", splits[0].notes))
        reported = Reported(self.target, population(case, self.target), FrozenMap(details), findings, self.contrast)
        return repeated_contrast(case, self, [item.means for item in moved], reported)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """The outcome scaled to [0, 1].

    Attributes
    ----------
    low, high : float
        What becomes 0 and 1.
    scaled : ndarray of shape (n,)
    edge : float
        How near to 0 and 1 a prediction may start.
    """

    low: float
    high: float
    scaled: Floats
    edge: float

    @classmethod
    def of(cls, values: Floats) -> "Bounds":
        """Zeros and ones as they are; other outcomes by the smallest and largest seen."""
        if np.isin(values, (0.0, 1.0)).all():
            return cls(0.0, 1.0, values, SHARE_EDGE)
        low, high = float(values.min()), float(values.max())
        return cls(low, high, np.asarray((values - low) / ((high - low) or 1.0)), SCALED_EDGE)

    @property
    def width(self) -> float:
        """Outcome per unit of the scaled one."""
        return self.high - self.low

    def down(self, prediction: Floats) -> Floats:
        """Scale a prediction, inside the range."""
        return np.clip((prediction - self.low) / (self.width or 1.0), self.edge, 1.0 - self.edge)

    def up(self, prediction: Floats) -> Floats:
        """Scale back."""
        return np.asarray(self.low + self.width * prediction)


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """Targeted means, and how far each model was moved."""

    means: Means
    epsilon: dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Targeted:
    """One repetition's predictions, to be moved towards a target."""

    sample: Sample
    bounds: Bounds
    split: Split
    clever: CLEVER

    def everyone(self) -> Moved:
        """Means over all rows."""
        sample, weights = self.sample, row_weights(self.sample)
        means, psis, epsilon = [], [], {}
        for a, label in enumerate(sample.arms):
            clever = (sample.arm == a) / self.split.propensity[:, a]
            moved = self._moved(a, clever, 1.0 / self.split.propensity[:, a], label)
            prediction = self.bounds.up(moved.prediction)
            mean = float(weights @ prediction / weights.sum())
            means.append(mean)
            psis.append(weights * (clever * self._residual(moved) + prediction - mean))
            epsilon[label] = moved.epsilon
        value, psi, k = np.array(means), np.stack(psis, axis=1), len(means) - 1
        control = np.repeat(value[:1], k), np.repeat(psi[:, :1], k, axis=1)
        return Moved(Means(value[1:], control[0], psi[:, 1:], control[1]), epsilon)

    def treated(self) -> Moved:
        """Means over the rows of each arm: their own, and what control's model predicts for them."""
        sample, weights = self.sample, row_weights(self.sample)
        own, without, own_psi, without_psi, epsilon = [], [], [], [], {}
        values = self.bounds.up(self.bounds.scaled)
        for a, label in enumerate(sample.arms[1:], start=1):
            member = weights * (sample.arm == a)
            share = member.mean()
            odds = self.split.propensity[:, a] / self.split.propensity[:, 0]
            clever = (sample.arm == 0) * odds
            moved = self._moved(0, clever, odds, label)
            prediction = self.bounds.up(moved.prediction)
            own.append(float(member @ values / member.sum()))
            without.append(float(member @ prediction / member.sum()))
            own_psi.append(member * (values - own[-1]) / share)
            residual = weights * clever * self._residual(moved)
            without_psi.append((residual + member * (prediction - without[-1])) / share)
            epsilon[label] = moved.epsilon
        means = Means(np.array(own), np.array(without), np.stack(own_psi, axis=1), np.stack(without_psi, axis=1))
        return Moved(means, epsilon)

    def _residual(self, moved: Fluctuation) -> Floats:
        """Outcome minus moved prediction, in outcome units."""
        return np.asarray(self.bounds.width * (self.bounds.scaled - moved.prediction))

    def _moved(self, arm: int, clever: Floats, height: Floats, label: str) -> Fluctuation:
        """Move an arm's prediction until the residuals, weighted by the clever covariate, sum to zero."""
        direction = np.ones_like(height) if self.clever == "weight" else height
        start = self.bounds.down(self.split.outcome[arm])
        moved = fluctuate(self.bounds.scaled, start, row_weights(self.sample) * clever, direction)
        if not moved.solved:
            raise ConvergenceError(
                f"The outcome model of arm '{self.sample.arms[arm]}' cannot be targeted: "
                "all its outcomes are at one end of the range.",
                remedy="Use method 'aipw', which needs no outcome strictly inside, or gather more data.",
                found=label,
            )
        return moved


def _scaling(bounds: Bounds) -> tuple[Finding, ...]:
    """Say by what an outcome that is not zeros and ones was scaled."""
    if bounds.edge == SHARE_EDGE:
        return ()
    return (
        Finding(
            check="tmle.bounds",
            about="tmle",
            grade=Grade.NOTE,
            subject="outcome",
            message=f"The outcome was scaled to [0, 1] by the smallest and largest value seen, {bounds.low:.4g} and "
            f"{bounds.high:.4g}; predictions stay between them.",
            remedy="Where one far value sets the range, look at it first.",
        ),
    )
