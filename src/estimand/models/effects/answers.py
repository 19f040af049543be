"""Fitted effect models: functions of the features that can be written to a file."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from estimand.models.predictors import Predictor
from estimand.stats.arrays import Floats


class EffectModel(Protocol):
    """A fitted model of effects."""

    def __call__(self, features: Floats) -> Floats:
        """Effect of each arm against control, shape (m, K)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Switched:
    """One outcome model asked under every arm, its first columns telling the arm."""

    outcome: Predictor
    arms: int

    def __call__(self, features: Floats) -> Floats:
        """Effect of each arm against control, shape (m, K)."""
        under = [self.outcome(held_by(features, a, self.arms)) for a in range(self.arms)]
        return np.stack([level - under[0] for level in under[1:]], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """An outcome model for each arm, control first."""

    outcomes: tuple[Predictor, ...]

    def __call__(self, features: Floats) -> Floats:
        """Effect of each arm against control, shape (m, K)."""
        under = [outcome(features) for outcome in self.outcomes]
        return np.stack([level - under[0] for level in under[1:]], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Direct:
    """A model of the effect of each arm."""

    effects: tuple[Predictor, ...]

    def __call__(self, features: Floats) -> Floats:
        """Effect of each arm against control, shape (m, K)."""
        return np.stack([effect(features) for effect in self.effects], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Blended:
    """Two models of the effect of each arm, mixed by the propensity: that of control rows where most are treated."""

    from_treated: tuple[Predictor, ...]
    from_control: tuple[Predictor, ...]
    propensities: tuple[Predictor, ...]

    def __call__(self, features: Floats) -> Floats:
        """Effect of each arm against control, shape (m, K)."""
        parts = zip(self.from_treated, self.from_control, self.propensities, strict=True)
        return np.stack([_blend(features, *part) for part in parts], axis=1)


def _blend(features: Floats, treated: Predictor, control: Predictor, propensity: Predictor) -> Floats:
    share = propensity(features)
    return np.asarray(share * control(features) + (1.0 - share) * treated(features))


def held_by(features: Floats, arm: int, arms: int) -> Floats:
    """Features behind columns that say every row is in an arm, shape (m, arms - 1 + p)."""
    told = np.broadcast_to(np.arange(1, arms) == arm, (features.shape[0], arms - 1)).astype(np.float64)
    return np.hstack([told, features])
