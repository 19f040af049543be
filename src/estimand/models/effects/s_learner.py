r"""S: one outcome model with the arm among its features, :math:`\tau(x) = \mu(x, a) - \mu(x, 0)`.

Künzel et al. (2019), doi:10.1073/pnas.1804597116.
"""

from dataclasses import dataclass

import numpy as np

from estimand.core.run import Run
from estimand.models.effects.answers import EffectModel, Switched
from estimand.models.effects.ground import Ground, Learners
from estimand.models.effects.teaching import Exercise, Teacher
from estimand.models.trained import task_of


@dataclass(frozen=True, slots=True, eq=False)
class SRecipe:
    """Fits S-learners outside any fold."""

    teacher: Teacher
    exercise: Exercise
    arms: int

    @classmethod
    def prepare(cls, ground: Ground, learners: Learners, run: Run) -> "SRecipe":
        """Put the arm before the features."""
        told = (ground.arm[:, None] == np.arange(1, len(ground.names))).astype(np.float64)
        teacher = Teacher.of(np.hstack([told, ground.features]), ground.fold, run, learners.outcome)
        everyone, task = np.arange(ground.arm.shape[0]), task_of(ground.outcome)
        exercise = Exercise("outcome pooled", learners.outcome, ground.outcome, everyone, task, weights=ground.weights)
        return cls(teacher, exercise, len(ground.names))

    def model(self, held: int | None) -> EffectModel:
        """Fit outside a fold, or on everyone."""
        if held is None:
            return Switched(self.teacher.taught(self.exercise), self.arms)
        rows = self.exercise.rows[self.teacher.fold != held]
        return Switched(self.teacher.taught(self.exercise.within(rows, held)), self.arms)
