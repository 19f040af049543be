"""From a learner's effects to an estimate: what S, T, X, R and DR have in common."""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.method import Method
from estimand.core.nuisances import Fit, FoldPlan, Nuisance
from estimand.core.question import Target
from estimand.core.row_weights import given_weights, mean_one_by_arm, row_weights
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.methods.heterogeneity.admitted import admitted, learner_notes, refuse_certainty, share_by_covariate
from estimand.methods.heterogeneity.averaged import Told, averaged
from estimand.methods.heterogeneity.shapes import shapes
from estimand.models.effects.crossing import RECIPES, Crossed, Kind, crossed
from estimand.models.effects.ground import Ground, Learners
from estimand.stats.arrays import Floats, Ints
from estimand.stats.effect_groups import group_averages, linear_projection, ranked_groups
from estimand.stats.effect_scores import Known, arm_scores, flat
from estimand.stats.weighting import target_weights

GROUPS = 5
LEAST_ROWS_IN_GROUP = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of a learner of effects.

    Attributes
    ----------
    kind : str
    target : Target
    learners : Learners
    folds : int or tuple of int
    pooled : bool
        Whether the scores' outcome model is one with the arm as a feature.
    """

    kind: Kind
    target: Target
    learners: Learners
    folds: int | tuple[int, ...]
    pooled: bool = False


def learned(case: Case, method: Method, asked: Asked) -> Estimate:
    """Fit effects out of fold, and average the doubly robust scores of the shared nuisances.

    Raises
    ------
    EstimandError
        If the case is none whose effects can be told apart.
    """
    key, sample = method.spec.key, admitted(method.spec.key, case)
    plan = FoldPlan(asked.folds)
    # Ground refuses too few folds, before anything is fitted.
    ground, order = _ground(case, sample, plan)
    propensity, *outcomes = case.fitted().fit(
        Nuisance("propensity", asked.learners.propensity, plan),
        *(Nuisance("outcome", asked.learners.outcome, plan, a, asked.pooled) for a in range(len(sample.arms))),
    )
    refuse_certainty(propensity.prediction, sample)
    recipe = RECIPES[asked.kind](ground, asked.learners, case.run)
    found = crossed(ground, recipe, case.run)
    known = _known(case, sample, propensity, outcomes)
    fits = (propensity, *outcomes)
    weights = target_weights(sample.arm, propensity.prediction, asked.target)
    details = {
        **_told_of_effects(case, ground, order, found, known),
        "nuisance_loss": FrozenMap({name: value for fit in fits for name, value in fit.loss.items()}),
        "calibration": FrozenMap({name: value for fit in fits for name, value in fit.calibration.items()}),
        "propensity": propensity.prediction if len(sample.arms) > 2 else propensity.prediction[:, 1],
        "weights": mean_one_by_arm(weights * row_weights(sample), sample),
    }
    notes = (*(note for fit in fits for note in fit.notes), *sorted(set(recipe.teacher.notes)))
    return averaged(case, method, asked.target, known, Told(details, learner_notes(key, notes)))


def _ground(case: Case, sample: Sample, plan: FoldPlan) -> tuple[Ground, Ints]:
    """Rows in the order of their identity, so that the order of the file does not matter."""
    order = np.argsort(sample.ids, kind="stable")
    ground = Ground(
        np.ascontiguousarray(sample.features.values[order]),
        sample.arm[order],
        case.values()[order],
        case.fitted().fold_ids(plan)[order],
        sample.arms,
        None if sample.weights is None else row_weights(sample)[order],
    )
    return ground, order


def _known(case: Case, sample: Sample, propensity: Fit, outcomes: list[Fit]) -> Known:
    """Scores' nuisances, with the mean outcome and the effects that the arms' models imply."""
    under = np.stack([fit.prediction for fit in outcomes], axis=1)
    effects = under[:, 1:] - under[:, :1]
    # From control's level: with several arms, out-of-fold propensities need not add up to one.
    mean = under[:, 0] + (propensity.prediction[:, 1:] * effects).sum(axis=1)
    return Known(case.values(), sample.arm, propensity.prediction, mean, effects, row_weights(sample))


def _told_of_effects(case: Case, ground: Ground, order: Ints, found: Crossed, known: Known) -> dict[str, object]:
    """Effects, scores, and what the scores say of fifths of the effects and of the covariates."""
    sample = case.sample()
    importance = share_by_covariate(sample, found.importance)
    effects = np.empty(found.effects.shape)
    effects[order] = found.effects
    fold = np.empty(order.shape[0], dtype=np.int64)
    fold[order] = ground.fold
    under = arm_scores(known)
    scores = under[:, 1:] - under[:, :1]
    return {
        "effects": flat(effects),
        "importance": FrozenMap(importance),
        "scores": flat(scores),
        "groups": _groups(sample, (effects, scores), fold, order).to_dict(),
        "projection": _projection(sample, scores).to_dict(),
        **shapes(case, known, effects, importance),
    }


def _groups(sample: Sample, told: tuple[Floats, Floats], fold: Ints, order: Ints) -> Table:
    """Average effect of each fifth by predicted effect, for each arm; fewer groups where rows are few."""
    smallest = int(np.bincount(fold).min())
    count, weights = max(1, min(GROUPS, smallest // LEAST_ROWS_IN_GROUP)), row_weights(sample)
    rows: list[tuple[object, ...]] = []
    for j, arm in enumerate(sample.arms[1:]):
        effects, scores = told[0][:, j], told[1][:, j]
        group = np.empty(sample.n, dtype=np.int64)
        group[order] = ranked_groups(effects[order], fold[order], count)
        found = group_averages(scores, group, weights, sample.units)
        errors = np.sqrt(np.diag(found.vcov))
        for g in range(count):
            predicted = float(np.average(effects[group == g], weights=weights[group == g]))
            rows.append((arm, g + 1, int(found.rows[g]), predicted, float(found.value[g]), float(errors[g])))
    names = ("arm", "group", "rows", "predicted", "value", "std_error")
    return Table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _projection(sample: Sample, scores: Floats) -> Table:
    """Best linear approximation of each arm's effect; columns that others span have no row."""
    weights = given_weights(sample)
    rows: list[tuple[object, ...]] = []
    for j, arm in enumerate(sample.arms[1:]):
        found = linear_projection(scores[:, j], sample.features.values, weights, sample.units)
        rows.extend(
            (arm, name, float(found.slope[k]), float(found.std_error[k]))
            for k, name in enumerate(sample.features.names)
            if found.kept[k]
        )
    names = ("arm", "covariate", "slope", "std_error")
    return Table({name: [row[k] for row in rows] for k, name in enumerate(names)})
