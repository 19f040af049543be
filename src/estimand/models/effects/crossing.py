"""Effects out of fold, and which features they turn on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np

from estimand.core.run import Run
from estimand.models.effects.answers import EffectModel
from estimand.models.effects.dr_learner import DRRecipe
from estimand.models.effects.ground import Ground, Learners
from estimand.models.effects.r_learner import RRecipe
from estimand.models.effects.s_learner import SRecipe
from estimand.models.effects.t_learner import TRecipe
from estimand.models.effects.teaching import Teacher
from estimand.models.effects.x_learner import XRecipe
from estimand.stats.arrays import Floats, Ints

Kind: TypeAlias = Literal["s_learner", "t_learner", "x_learner", "r_learner", "dr_learner"]
ROWS_SHUFFLED = 400
MOST_ENTRIES = 5_000_000
ROUNDING = 1e-24


class Recipe(Protocol):
    """A learner of effects with its nuisances fitted."""

    @property
    def teacher(self) -> Teacher:
        """Who fitted them."""
        ...

    def model(self, held: int | None) -> EffectModel:
        """Fit outside a fold, or on everyone."""
        ...


RECIPES: dict[Kind, Callable[[Ground, Learners, Run], Recipe]] = {
    "s_learner": SRecipe.prepare,
    "t_learner": TRecipe.prepare,
    "x_learner": XRecipe.prepare,
    "r_learner": RRecipe.prepare,
    "dr_learner": DRRecipe.prepare,
}


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """Effects of every row by models that it had no part in.

    Attributes
    ----------
    effects : ndarray of shape (n, K)
    importance : ndarray of shape (p,)
        Mean squared change of the effects when a feature is shuffled, as shares; zero where effects are constant.
    """

    effects: Floats
    importance: Floats


def crossed(ground: Ground, recipe: Recipe, run: Run) -> Crossed:
    """Fit outside each fold, ask inside it.

    Parameters
    ----------
    ground : Ground
    recipe : Recipe
    run : Run
    """
    shuffled = max(2, ROWS_SHUFFLED // ground.folds)

    def fold_of(held: int) -> tuple[Ints, Floats, Floats]:
        model, rows = recipe.model(held), np.flatnonzero(ground.fold == held)
        order = run.rng("importance", held).permutation(rows)[:shuffled]
        return rows, model(ground.features[rows]), _moved(model, ground.features[order])

    parts = run.map(fold_of, range(ground.folds), "fitting effects")
    effects = np.empty((ground.arm.shape[0], len(ground.names) - 1))
    for rows, found, _ in parts:
        effects[rows] = found
    moved = np.sum([part for _, _, part in parts], axis=0)
    moved = np.where(moved > ROUNDING * np.square(effects).sum(), moved, 0.0)
    return Crossed(effects, moved / max(float(moved.sum()), np.finfo(float).tiny))


def _moved(model: EffectModel, features: Floats) -> Floats:
    """Squared change of the effects when each feature takes its value from the row before, shape (p,)."""
    rows, columns = features.shape
    before, rolled = model(features), np.roll(features, 1, axis=0)
    out, block = np.empty(columns), max(1, MOST_ENTRIES // max(1, rows * columns))
    for first in range(0, columns, block):
        some = np.arange(first, min(first + block, columns))
        asked = np.repeat(features[None], some.shape[0], axis=0)
        asked[np.arange(some.shape[0]), :, some] = rolled[:, some].T
        after = model(asked.reshape(-1, columns)).reshape(some.shape[0], *before.shape)
        out[some] = np.square(after - before).sum(axis=(1, 2))
    return out
