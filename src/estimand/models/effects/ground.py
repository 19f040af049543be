"""The rows that effects are learned from, and by which learners."""

from dataclasses import dataclass

import numpy as np

from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner
from estimand.errors import DesignError
from estimand.stats.arrays import Bools, Floats, Ints

LEAST_FOLDS = 3
# What learners of effects regress is mostly noise.
FOR_EFFECTS = {
    Learner("boosting").key: Learner("stopped_boosting"),
    Learner("auto").key: Learner("auto", FrozenMap({"second": "stopped_boosting"})),
}


@dataclass(frozen=True, slots=True)
class Learners:
    """Which learner predicts what."""

    outcome: Learner
    propensity: Learner
    effect: Learner

    @classmethod
    def of(cls, outcome: Learner, propensity: Learner | None, effect: Learner | None) -> "Learners":
        """Learners where some are not named: the outcome's, and for effects its counterpart for noisy outcomes."""
        return cls(outcome, propensity or outcome, effect or FOR_EFFECTS.get(outcome.key, outcome))


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Rows to learn effects from.

    Attributes
    ----------
    features : ndarray of shape (n, p)
    arm : ndarray of shape (n,)
        Codes; 0 is control.
    outcome : ndarray of shape (n,)
    fold : ndarray of shape (n,)
        Codes from 0.
    names : tuple of str
        Of the arms.
    weights : ndarray of shape (n,) or None
        Mean one.

    Raises
    ------
    DesignError
        If there are fewer than three folds: a row's effect leaves out its own fold, and what that is learned from
        leaves out another.
    """

    features: Floats
    arm: Ints
    outcome: Floats
    fold: Ints
    names: tuple[str, ...]
    weights: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse too few folds."""
        if self.folds < LEAST_FOLDS:
            raise DesignError(
                f"Effects need {LEAST_FOLDS} folds or more, and there are {self.folds}.",
                remedy=f"Use folds={LEAST_FOLDS} or more.",
                found=self.folds,
                expected=LEAST_FOLDS,
            )

    @property
    def folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1

    @property
    def against(self) -> range:
        """Codes of the arms that are compared with control."""
        return range(1, len(self.names))

    def outside(self, held: int | None) -> Bools:
        """Which rows are outside a fold, shape (n,); all where none is held out."""
        return np.ones(self.fold.shape[0], dtype=bool) if held is None else self.fold != held

    def pair(self, arm: int) -> Bools:
        """Which rows are in an arm or in control, shape (n,)."""
        return np.isin(self.arm, (0, arm))
