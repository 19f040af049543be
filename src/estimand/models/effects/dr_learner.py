r"""DR: doubly robust scores of the effect, regressed on the features.

:math:`\Gamma = \mu_a - \mu_0 + 1\{A=a\}(Y - \mu_a)/e_a - 1\{A=0\}(Y - \mu_0)/e_0`, whose mean given x is the effect if
the outcome models or the propensities are right; the error of :math:`\tau` holds that of both only as their product.

Kennedy (2023), doi:10.1214/23-EJS2157.
"""

from dataclasses import dataclass

import numpy as np

from estimand.core.run import Run
from estimand.errors import Code, IdentificationError
from estimand.models.effects.answers import Direct, EffectModel
from estimand.models.effects.ground import Ground, Learners
from estimand.models.effects.nested import Nested, nested
from estimand.models.effects.t_learner import arm_exercises
from estimand.models.effects.teaching import Exercise, Teacher
from estimand.models.predictors import Predictor
from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class DRRecipe:
    """Fits DR-learners outside any fold."""

    ground: Ground
    learners: Learners
    teacher: Teacher
    outcomes: tuple[Nested, ...]
    propensities: tuple[Nested, ...]

    @classmethod
    def prepare(cls, ground: Ground, learners: Learners, run: Run) -> "DRRecipe":
        """Fit the outcome in each arm, and the propensities: one model for two arms, each against the rest for more."""
        teacher = Teacher.of(ground.features, ground.fold, run, learners.outcome, learners.propensity, learners.effect)
        everyone, outcomes = np.arange(ground.arm.shape[0]), arm_exercises(ground, learners)
        members = [
            Exercise(
                f"propensity {ground.names[a]}",
                learners.propensity,
                (ground.arm == a).astype(np.float64),
                everyone,
                "classification",
                weights=ground.weights,
            )
            for a in ((1,) if len(ground.names) == 2 else range(len(ground.names)))
        ]
        made = nested(teacher, [*outcomes, *members])
        return cls(ground, learners, teacher, tuple(made[: len(outcomes)]), tuple(made[len(outcomes) :]))

    def model(self, held: int | None) -> EffectModel:
        """Fit outside a fold, or on everyone.

        Raises
        ------
        IdentificationError
            If a propensity is zero.
        """
        gains = self._gains(held)
        return Direct(tuple(self._effect(a, gains[a] - gains[0], held) for a in self.ground.against))

    def _effect(self, arm: int, score: Floats, held: int | None) -> Predictor:
        ground, folds = self.ground, () if held is None else (held,)
        label, rows = f"effect {ground.names[arm]}", np.flatnonzero(ground.outside(held))
        exercise = Exercise(label, self.learners.effect, score, rows, "regression", folds, ground.weights)
        return self.teacher.taught(exercise)

    def _gains(self, held: int | None) -> list[Floats]:
        """Scores of the mean outcome under each arm, not-a-number in the fold held out."""
        ground = self.ground
        chances = [part.without(held) for part in self.propensities]
        if len(chances) == 1:
            chances = [1.0 - chances[0], chances[0]]
        out = []
        for a, (outcome, chance) in enumerate(zip(self.outcomes, chances, strict=True)):
            level, own = outcome.without(held), np.flatnonzero(ground.outside(held) & (ground.arm == a))
            if (chance[own] <= 0.0).any():
                raise IdentificationError(
                    f"Rows in arm '{ground.names[a]}' have a propensity of zero for it.",
                    remedy="Drop the covariate that decides the arm, or give another learner for the propensity.",
                    code=Code.INSUFFICIENT_OVERLAP,
                )
            score = level.copy()
            score[own] += (ground.outcome[own] - level[own]) / chance[own]
            out.append(score)
        return out
