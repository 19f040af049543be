"""Out-of-fold nuisances of the doubly robust methods, one set per repetition, fitted once and shared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner
from estimand.core.method import Detail
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.core.question import Target
from estimand.core.row_weights import mean_one_by_arm, row_weights
from estimand.core.sample import Sample
from estimand.errors import Code, IdentificationError
from estimand.methods.adjustment.tails import Tails, clipped
from estimand.stats.arrays import Floats
from estimand.stats.weighting import target_weights

SPLIT_DETAILS = (
    Detail("nuisance_loss", "by part", "log loss [nats] or mean squared error [outcome²]"),
    Detail("calibration", "by part", "slope of observed on predicted"),
    Detail("propensity", "(n,) or (n, arms)", "probability of the arm after control, or of each arm"),
    Detail("weights", "(n,)", "weight of each row's residual, mean one in each arm"),
)


@dataclass(frozen=True, slots=True)
class Fitting:
    """How the nuisances are to be fitted.

    Attributes
    ----------
    learner, propensity_learner : Learner
    folds : int or tuple of int
    repeats : int
    pooled : bool
        One outcome model with the arm as a feature, instead of one in each arm.
    """

    learner: Learner
    propensity_learner: Learner
    folds: int | tuple[int, ...]
    repeats: int
    pooled: bool


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One repetition's out-of-fold nuisances.

    Attributes
    ----------
    propensity : ndarray of shape (n, arms)
    outcome : mapping of arm to ndarray of shape (n,)
        Only the arms the target needs.
    loss, calibration : mapping of str to float
    notes : tuple of str
    """

    propensity: Floats
    outcome: Mapping[int, Floats]
    loss: Mapping[str, float]
    calibration: Mapping[str, float]
    notes: tuple[str, ...]


def fitted_splits(case: Case, fitting: Fitting, arms: Sequence[int]) -> list[Split]:
    """Fit the propensity and the outcome under the given arms in every repetition, all models side by side."""
    asked = [
        (
            Nuisance("propensity", fitting.propensity_learner, plan),
            *(Nuisance("outcome", fitting.learner, plan, a, fitting.pooled) for a in arms),
        )
        for plan in (FoldPlan(fitting.folds, repeat) for repeat in range(fitting.repeats))
    ]
    fits = iter(case.fitted().fit(*(request for group in asked for request in group)))
    splits = []
    for group in asked:
        made = [next(fits) for _ in group]
        splits.append(
            Split(
                made[0].prediction,
                {a: fit.prediction for a, fit in zip(arms, made[1:], strict=True)},
                {name: value for fit in made for name, value in fit.loss.items()},
                {name: value for fit in made for name, value in fit.calibration.items()},
                tuple(note for fit in made for note in fit.notes),
            )
        )
    return splits


def clipped_splits(about: str, splits: list[Split], bound: float | None) -> tuple[list[Split], tuple[Finding, ...]]:
    """Bound every arm's propensity; report the first repetition's."""
    if bound is None:
        return splits, ()
    _, findings = clipped(about, Tails.of(splits[0].propensity), bound)
    return [replace(s, propensity=np.clip(s.propensity, bound, 1.0 - bound)) for s in splits], findings


def refuse_certainty(splits: list[Split], sample: Sample, needed: Sequence[int]) -> None:
    """Refuse where a propensity that a score divides by is zero.

    Raises
    ------
    IdentificationError
        Naming the arm, and how many rows could never be in it.
    """
    for split in splits:
        for a in needed:
            nought = int((split.propensity[:, a] <= 0.0).sum())
            if nought:
                raise IdentificationError(
                    f"{nought} rows have a propensity of zero for arm '{sample.arms[a]}': "
                    "nobody like them could be there.",
                    remedy="Leave those rows out, drop the covariate that decides the arm, or set clip.",
                    code=Code.INSUFFICIENT_OVERLAP,
                )


def split_details(sample: Sample, split: Split, target: Target) -> dict[str, object]:
    """What a repetition's nuisances look like: losses, calibration, propensity and the weights of the residuals."""
    several = len(sample.arms) > 2
    weights = target_weights(sample.arm, split.propensity, target) * row_weights(sample)
    return {
        "nuisance_loss": FrozenMap(split.loss),
        "calibration": FrozenMap(split.calibration),
        "propensity": split.propensity if several else split.propensity[:, 1],
        "weights": mean_one_by_arm(weights, sample),
    }
