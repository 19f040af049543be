r"""R: the effect that best explains the outcome's residual by the arm's.

Minimises :math:`\sum \{Y - m(X) - \tau(X)(W - e(X))\}^2`: a regression of :math:`(Y - m)/(W - e)` with weights
:math:`(W - e)^2`. With several arms, each is set against control on the rows of the two.

Nie & Wager (2021), doi:10.1093/biomet/asaa076; Robinson (1988), doi:10.2307/1912705.
"""

from dataclasses import dataclass

import numpy as np

from estimand.core.run import Run
from estimand.models.effects.answers import Direct, EffectModel
from estimand.models.effects.ground import Ground, Learners
from estimand.models.effects.nested import Nested, nested
from estimand.models.effects.teaching import Exercise, Teacher
from estimand.models.predictors import Predictor
from estimand.models.trained import task_of


@dataclass(frozen=True, slots=True, eq=False)
class RRecipe:
    """Fits R-learners outside any fold."""

    ground: Ground
    learners: Learners
    teacher: Teacher
    means: tuple[Nested, ...]
    propensities: tuple[Nested, ...]

    @classmethod
    def prepare(cls, ground: Ground, learners: Learners, run: Run) -> "RRecipe":
        """Fit the mean and the propensity of each pair of arms."""
        teacher = Teacher.of(ground.features, ground.fold, run, learners.outcome, learners.propensity, learners.effect)
        task, means, members = task_of(ground.outcome), [], []
        for a in ground.against:
            rows, held = np.flatnonzero(ground.pair(a)), (ground.arm == a).astype(np.float64)
            name = ground.names[a]
            means.append(Exercise(f"mean {name}", learners.outcome, ground.outcome, rows, task, weights=ground.weights))
            members.append(
                Exercise(
                    f"propensity {name}", learners.propensity, held, rows, "classification", weights=ground.weights
                )
            )
        made = nested(teacher, [*means, *members])
        return cls(ground, learners, teacher, tuple(made[: len(means)]), tuple(made[len(means) :]))

    def model(self, held: int | None) -> EffectModel:
        """Fit outside a fold, or on everyone."""
        return Direct(tuple(self._effect(a, held) for a in self.ground.against))

    def _effect(self, arm: int, held: int | None) -> Predictor:
        ground = self.ground
        mean, propensity = self.means[arm - 1].without(held), self.propensities[arm - 1].without(held)
        apart = (ground.arm == arm) - propensity
        # A row whose arm was certain has no weight.
        rows = np.flatnonzero(ground.outside(held) & ground.pair(arm) & (apart != 0.0))
        target, weights = np.full(ground.arm.shape[0], np.nan), np.full(ground.arm.shape[0], np.nan)
        target[rows] = (ground.outcome[rows] - mean[rows]) / apart[rows]
        weights[rows] = apart[rows] ** 2 * (1.0 if ground.weights is None else ground.weights[rows])
        folds = () if held is None else (held,)
        label = f"effect {ground.names[arm]}"
        return self.teacher.taught(Exercise(label, self.learners.effect, target, rows, "regression", folds, weights))
