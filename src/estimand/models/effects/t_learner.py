r"""T: an outcome model in each arm, :math:`\tau(x) = \mu_a(x) - \mu_0(x)`.

Künzel et al. (2019), doi:10.1073/pnas.1804597116.
"""

from dataclasses import dataclass

import numpy as np

from estimand.core.run import Run
from estimand.models.effects.answers import Differences, EffectModel
from estimand.models.effects.ground import Ground, Learners
from estimand.models.effects.teaching import Exercise, Teacher
from estimand.models.trained import task_of


@dataclass(frozen=True, slots=True, eq=False)
class TRecipe:
    """Fits T-learners outside any fold."""

    teacher: Teacher
    exercises: tuple[Exercise, ...]

    @classmethod
    def prepare(cls, ground: Ground, learners: Learners, run: Run) -> "TRecipe":
        """Set an exercise for each arm."""
        teacher = Teacher.of(ground.features, ground.fold, run, learners.outcome)
        return cls(teacher, arm_exercises(ground, learners))

    def model(self, held: int | None) -> EffectModel:
        """Fit outside a fold, or on everyone."""
        parts = self.exercises if held is None else tuple(_outside(self.teacher, e, held) for e in self.exercises)
        return Differences(tuple(self.teacher.taught(part) for part in parts))


def arm_exercises(ground: Ground, learners: Learners) -> tuple[Exercise, ...]:
    """The outcome in each arm, from its own rows."""
    task = task_of(ground.outcome)
    return tuple(
        Exercise(
            f"outcome {name}",
            learners.outcome,
            ground.outcome,
            np.flatnonzero(ground.arm == a),
            task,
            weights=ground.weights,
        )
        for a, name in enumerate(ground.names)
    )


def _outside(teacher: Teacher, exercise: Exercise, held: int) -> Exercise:
    return exercise.within(exercise.rows[teacher.fold[exercise.rows] != held], held)
