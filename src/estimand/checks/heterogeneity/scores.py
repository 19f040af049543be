"""Doubly robust scores of effects, from nuisances that the estimate's own method asked for, or would."""

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.learner import Learner, as_learner
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.core.row_weights import row_weights
from estimand.errors import Code, IdentificationError
from estimand.stats.arrays import Floats
from estimand.stats.effect_scores import Known, arm_scores

POOLED = ("s_learner",)


def effect_scores(case: Case, estimate: Estimate) -> Floats:
    """Score of the effect of every arm against control, shape (n, K).

    Propensities and an outcome model in each arm, out of fold, by the estimate's learners and folds: a study that
    fitted them for the estimate fits nothing here.

    Raises
    ------
    IdentificationError
        If a propensity that the score divides by is zero.
    """
    sample, options = case.sample(), estimate.options
    folds = options.get("folds", 5)
    plan = FoldPlan(folds if isinstance(folds, int) else tuple(folds))
    outcome = as_learner(options.get("learner") or Learner("boosting"))
    propensity = as_learner(options.get("propensity_learner") or outcome)
    pooled = estimate.method in POOLED
    chance, *levels = case.fitted().fit(
        Nuisance("propensity", propensity, plan),
        *(Nuisance("outcome", outcome, plan, a, pooled) for a in range(len(sample.arms))),
    )
    own = np.take_along_axis(chance.prediction, sample.arm[:, None], axis=1)
    if (own <= 0.0).any():
        raise IdentificationError(
            "A propensity is zero where a score divides by it.",
            remedy="Drop the covariate that decides the arm, or leave those rows out.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    under = np.stack([fit.prediction for fit in levels], axis=1)
    effects = under[:, 1:] - under[:, :1]
    mean = under[:, 0] + (chance.prediction[:, 1:] * effects).sum(axis=1)
    scores = arm_scores(Known(case.values(), sample.arm, chance.prediction, mean, effects, row_weights(sample)))
    return np.asarray(scores[:, 1:] - scores[:, :1])
