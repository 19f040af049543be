r"""Learners of effects in the manner of scikit-learn: S, T, X, R and DR on any learner.

Each answers :math:`\tau(x) = E[Y(a) - Y(0) \mid X = x]`, under no unmeasured confounding given the features, and
overlap.
"""

from inspect import signature
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from estimand.core.declared import Declared
from estimand.core.learner import Learner, LearnerOption
from estimand.core.nearest import did_you_mean
from estimand.core.run import Run
from estimand.errors import DesignError
from estimand.models.effects.columns import finite_features, read_arms
from estimand.models.effects.crossing import RECIPES, Kind, crossed
from estimand.models.effects.fitted import FittedEffects
from estimand.models.effects.ground import LEAST_FOLDS, Ground, Learners
from estimand.models.folds import hashed_folds
from estimand.models.forest.columns import read_clusters, read_column, read_weights
from estimand.models.tags import Tags
from estimand.stats.arrays import Floats
from estimand.stats.effect_scores import flat


class EffectSettings(Declared):
    """What a learner of effects is asked to do."""

    noun: ClassVar[str] = "The learner of effects"
    learner: LearnerOption = Learner("boosting")
    propensity_learner: LearnerOption | None = None
    effect_learner: LearnerOption | None = None
    folds: int = Field(default=5, ge=LEAST_FOLDS)
    seed: int = Field(default=0, ge=0)

    def learners(self) -> Learners:
        """Which learner predicts what."""
        return Learners.of(self.learner, self.propensity_learner, self.effect_learner)


class EffectLearner:
    """What the five learners share.

    Parameters
    ----------
    learner : Learner, str, mapping or object
        Predicts the outcome: a name such as "boosting", a name with parameters, or an object with fit and predict.
    propensity_learner : Learner, str, mapping or object, optional
        Predicts the arm; ``learner`` by default.
    effect_learner : Learner, str, mapping or object, optional
        Regresses what X, R and DR make of the rows on the features; ``learner`` by default, or where that is
        "boosting" the "stopped_boosting" made for noisy outcomes, which "auto" too then stacks.
    folds : int
        At least three.
    seed : int

    Attributes
    ----------
    fitted_ : FittedEffects
        After :meth:`fit`.
    """

    kind: ClassVar[Kind]
    fitted_: FittedEffects

    def __init__(
        self,
        learner: Any = "boosting",
        propensity_learner: Any = None,
        effect_learner: Any = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.learner = learner
        self.propensity_learner = propensity_learner
        self.effect_learner = effect_learner
        self.folds = folds
        self.seed = seed

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"

    def __sklearn_tags__(self) -> Tags:
        return Tags()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name; those of a learner that is an object too, where ``deep``."""
        own = {name: getattr(self, name) for name in signature(EffectLearner).parameters}
        inner = {
            f"{name}__{key}": item
            for name, value in own.items()
            if deep and hasattr(value, "get_params") and not isinstance(value, type)
            for key, item in value.get_params().items()
        }
        return own | inner

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, and return the same object.

        Raises
        ------
        DesignError
            If there is no such parameter.
        """
        own = self.get_params(deep=False)
        for name, value in params.items():
            head, _, rest = name.partition("__")
            if head not in own or (rest and not hasattr(own[head], "set_params")):
                raise DesignError(
                    f"{type(self).__name__} has no parameter '{name}'.",
                    remedy=did_you_mean(head, list(own)),
                    found=name,
                )
            if rest:
                own[head].set_params(**{rest: value})
            else:
                setattr(self, name, value)
        return self

    def fit(
        self, X: Any, treatment: Any, outcome: Any, *, weights: Any = None, cluster: Any = None, threads: int = 1
    ) -> Self:
        """Fit effects, out of fold for these rows and on all of them for others.

        Parameters
        ----------
        X : table or ndarray of shape (n, p)
        treatment : column or ndarray of shape (n,)
            Zeros and ones, or labels of arms of which the first in order is control.
        outcome : column or ndarray of shape (n,)
        weights : ndarray of shape (n,), optional
            Sampling weights.
        cluster : ndarray of shape (n,), optional
            Clusters are in one fold.
        threads : int
            Models side by side; the answer does not depend on it.

        Raises
        ------
        EstimandError
            If the data cannot be used; the message says what to do.
        """
        settings = EffectSettings(**self.get_params(deep=False))
        features, names = finite_features(X)
        n, run = features.shape[0], Run(settings.seed, threads)
        arm, treatments = read_arms(treatment, n)
        values = read_column(outcome, "outcome", n)
        groups, ids = read_clusters(cluster, n), np.arange(n, dtype=np.uint64)
        fold = hashed_folds(ids, arm, groups, settings.folds, run.seed_for("folds", 0))
        ground = Ground(features, arm, values, fold, ("control", *treatments), read_weights(weights, n))
        recipe = RECIPES[self.kind](ground, settings.learners(), run)
        found = crossed(ground, recipe, run)
        self.fitted_ = FittedEffects(
            kind=self.kind,
            columns=names,
            width=features.shape[1],
            treatments=treatments,
            model=recipe.model(None),
            effects=flat(found.effects),
            importance=found.importance,
            notes=tuple(sorted(set(recipe.teacher.notes))),
        )
        return self

    def effect(self, X: Any) -> Floats:
        """Effect on new rows, shape (m,), or (m, K) with several arms.

        Raises
        ------
        DesignError
            If it was not fitted, or the columns are others.
        """
        return self._answered().effect(X)

    def predict(self, X: Any) -> Floats:
        """Effect on new rows, under the name that pipelines call."""
        return self.effect(X)

    def save(self, path: str | Path) -> None:
        """Write what was fitted to a file that ``FittedEffects.load`` reads."""
        self._answered().save(path)

    def _answered(self) -> FittedEffects:
        if not hasattr(self, "fitted_"):
            raise DesignError(f"This {type(self).__name__} was not fitted.", remedy="Call fit first.")
        return self.fitted_


class SLearner(EffectLearner):
    """One outcome model with the arm among its features."""

    kind = "s_learner"


class TLearner(EffectLearner):
    """An outcome model in each arm.

    Examples
    --------
    >>> import numpy as np
    >>> from estimand.models.effects.estimators import TLearner
    >>> rng = np.random.default_rng(0)
    >>> x, w = rng.normal(size=(300, 2)), rng.integers(0, 2, 300)
    >>> fitted = TLearner("linear").fit(x, w, w * x[:, 0])
    >>> bool(np.allclose(fitted.effect(x), x[:, 0]))
    True
    """

    kind = "t_learner"


class XLearner(EffectLearner):
    """What each arm's rows gained over the other arm's model, mixed by the propensity."""

    kind = "x_learner"


class RLearner(EffectLearner):
    """The outcome's residual regressed on the arm's."""

    kind = "r_learner"


class DRLearner(EffectLearner):
    """Doubly robust scores regressed on the features."""

    kind = "dr_learner"
