"""Learn a method's effects from some rows, as a rule to be asked about others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.learner import Learner, as_learner
from estimand.core.row_weights import given_weights
from estimand.core.run import Run
from estimand.errors import DataError, UnsupportedError
from estimand.models.effects.crossing import RECIPES, Kind
from estimand.models.effects.ground import Ground, Learners
from estimand.models.folds import hashed_folds
from estimand.models.forest.causal import CausalForest
from estimand.models.forest.settings import ForestSettings
from estimand.stats.arrays import Floats, Ints

NUISANCE_FOLDS = 3
TREES_TO_RANK = 500
LEAST_IN_AN_ARM = 3 * NUISANCE_FOLDS
Rule: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What a rule is learned from.

    Attributes
    ----------
    case : Case
    estimate : Estimate
        Its method and options are learned with.
    rows : ndarray of shape (m,)
        In the order of their identity, so that the order of the file does not matter.
    run : Run
        Of its own seed, on one thread.
    """

    case: Case
    estimate: Estimate
    rows: Ints
    run: Run

    def learner(self, option: str) -> Learner | None:
        """Learner of an option; None where there is none."""
        value = self.estimate.options.get(option)
        return None if value is None else as_learner(value)


def refuse_unlearnable(estimate: Estimate) -> None:
    """Refuse a method that cannot be learned again from some of the rows.

    Raises
    ------
    UnsupportedError
    """
    if estimate.method not in RECIPES and estimate.method != "causal_forest":
        raise UnsupportedError(
            f"The effects of method '{estimate.method}' cannot be learned from some rows and asked of others.",
            remedy="Add 'causal_forest' or a learner of effects, whose effects can.",
        )
    names = (estimate.options.get(f"{part}learner") for part in ("", "propensity_", "effect_"))
    if any("python:" in str(name) for name in names):
        raise UnsupportedError(
            "A learner that is an object in memory cannot be fitted again by a check.",
            remedy="Name a learner of the catalog.",
        )


def learned_rule(lesson: Lesson) -> Rule:
    """Fit on the lesson's rows: a function from features (q, p) to effects (q, K).

    Raises
    ------
    DataError
        If an arm has too few rows there.
    """
    sample = lesson.case.sample()
    fewest = int(np.bincount(sample.arm[lesson.rows], minlength=len(sample.arms)).min())
    if fewest < LEAST_IN_AN_ARM:
        raise DataError(
            f"A part of the rows to learn effects from has {fewest} of an arm, and {LEAST_IN_AN_ARM} are needed.",
            remedy="Gather more rows, or rest on the average effect.",
        )
    return _forest(lesson) if lesson.estimate.method == "causal_forest" else _recipe(lesson, _kind(lesson.estimate))


def _kind(estimate: Estimate) -> Kind:
    (kind,) = [kind for kind in RECIPES if kind == estimate.method]
    return kind


def _recipe(lesson: Lesson, kind: Kind) -> Rule:
    sample, rows = lesson.case.sample(), lesson.rows
    cluster = None if sample.cluster is None else sample.cluster[rows]
    arm, salt = sample.arm[rows], lesson.run.seed_for("folds")
    weights = given_weights(sample)
    ground = Ground(
        np.ascontiguousarray(sample.features.values[rows]),
        arm,
        lesson.case.values()[rows],
        hashed_folds(sample.ids[rows], arm, cluster, NUISANCE_FOLDS, salt),
        sample.arms,
        None if weights is None else weights[rows] / weights[rows].mean(),
    )
    outcome = lesson.learner("learner") or Learner("boosting")
    propensity, effect = lesson.learner("propensity_learner"), lesson.learner("effect_learner")
    recipe = RECIPES[kind](ground, Learners(outcome, propensity or outcome, effect or outcome), lesson.run)
    return recipe.model(None)


def _forest(lesson: Lesson) -> Rule:
    sample, rows, options = lesson.case.sample(), lesson.rows, lesson.estimate.options
    settings = {name: options[name] for name in ForestSettings.model_fields if name in options}
    if lesson.case.stress == "quick":
        settings["trees"] = min(int(options["trees"]), TREES_TO_RANK)
    forest = CausalForest(
        **settings,
        learner=lesson.learner("learner") or Learner("boosting"),
        treatment_learner=lesson.learner("propensity_learner"),
        folds=NUISANCE_FOLDS,
        seed=lesson.run.seed_for("forest"),
    )
    held = (sample.arm[rows][:, None] == np.arange(1, len(sample.arms))).astype(np.float64)
    weights = given_weights(sample)
    grown = forest.fit(
        np.ascontiguousarray(sample.features.values[rows]),
        held,
        lesson.case.values()[rows],
        weights=None if weights is None else weights[rows],
        cluster=None if sample.cluster is None else sample.cluster[rows],
    )

    def asked(features: Floats) -> Floats:
        found = np.asarray(grown.effect(features), dtype=np.float64)
        return found[:, None] if found.ndim == 1 else found

    return asked
