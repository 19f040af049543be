r"""X: what each arm's rows gained over the other arm's model, regressed on the features.

Treated rows bring :math:`Y - \mu_0(X)`, control rows :math:`\mu_a(X) - Y`; the two regressions are mixed as
:math:`\tau = e\,\tau_0 + (1 - e)\,\tau_a`. The outcome model of one arm never saw the rows of the other, so that
nothing but the row's own fold has to be left out.

Künzel et al. (2019), doi:10.1073/pnas.1804597116.
"""

from dataclasses import dataclass

import numpy as np

from estimand.core.run import Run
from estimand.models.effects.answers import Blended, EffectModel
from estimand.models.effects.ground import Ground, Learners
from estimand.models.effects.t_learner import arm_exercises
from estimand.models.effects.teaching import Exercise, Teacher
from estimand.models.predictors import Predictor
from estimand.stats.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class XRecipe:
    """Fits X-learners outside any fold."""

    ground: Ground
    learners: Learners
    teacher: Teacher
    exercises: tuple[Exercise, ...]

    @classmethod
    def prepare(cls, ground: Ground, learners: Learners, run: Run) -> "XRecipe":
        """Set an exercise for each arm's outcome."""
        teacher = Teacher.of(ground.features, ground.fold, run, learners.outcome, learners.propensity, learners.effect)
        return cls(ground, learners, teacher, arm_exercises(ground, learners))

    def model(self, held: int | None) -> EffectModel:
        """Fit outside a fold, or on everyone."""
        outside = self.ground.outside(held)
        folds = () if held is None else (held,)
        parts = [exercise.within(exercise.rows[outside[exercise.rows]], *folds) for exercise in self.exercises]
        outcomes = [self.teacher.taught(part) for part in parts]
        compared = [self._compared(a, outcomes, outside, folds) for a in self.ground.against]
        treated, control, propensity = zip(*compared, strict=True)
        return Blended(treated, control, propensity)

    def _compared(
        self, arm: int, outcomes: list[Predictor], outside: Bools, folds: tuple[int, ...]
    ) -> tuple[Predictor, Predictor, Predictor]:
        """Model what rows of an arm gained, what control rows would have, and who is in the arm."""
        ground, name = self.ground, self.ground.names[arm]

        def gained(own: int, other: int, sign: float) -> Predictor:
            rows = np.flatnonzero(outside & (ground.arm == own))
            gain: Floats = np.full(ground.arm.shape[0], np.nan)
            gain[rows] = sign * (ground.outcome[rows] - outcomes[other](ground.features[rows]))
            label = f"effect {name} in {ground.names[own]}"
            exercise = Exercise(label, self.learners.effect, gain, rows, "regression", folds, ground.weights)
            return self.teacher.taught(exercise)

        pair = np.flatnonzero(outside & ground.pair(arm))
        held = (ground.arm == arm).astype(np.float64)
        member = Exercise(
            f"propensity {name}", self.learners.propensity, held, pair, "classification", folds, ground.weights
        )
        return gained(arm, 0, 1.0), gained(0, arm, -1.0), self.teacher.taught(member)
