"""Strata of a propensity: cuts, effects, and a bootstrap that makes all of it anew."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.sample import Sample
from estimand.errors import Code, ConvergenceError, IdentificationError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.cluster import cluster_rows
from estimand.stats.glm import fit_glm
from estimand.stats.multinomial import fit_multinomial
from estimand.stats.strata import (
    Grouping,
    Scored,
    arm_means,
    arm_strata,
    cell_moments,
    quantile_strata,
    within_effects,
)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Rows of some arms in strata of a propensity.

    Attributes
    ----------
    rows : ndarray of shape (m,)
        Positions in the sample.
    arm : ndarray of shape (m,)
        One for the arm compared and zero for control, or for all others.
    codes : ndarray of shape (m,)
    """

    rows: Ints
    arm: Ints
    codes: Ints


def scored(case: Case) -> Scored:
    """Rows of a case as the strata use them; weights of mean one where the design has any."""
    sample = case.sample()
    weights = None if sample.weights is None else np.asarray(sample.weights / sample.weights.mean())
    return Scored(case.values(), sample.features.values, sample.arm, weights)


def cuts(case: Case, grouping: Grouping) -> list[Cut]:
    """Strata of two arms by the propensity; or of everyone by that of each arm; or of each arm with control.

    Raises
    ------
    ConvergenceError
        If a propensity has no optimum.
    """
    rows, arms = scored(case), len(case.arms)
    everyone = np.arange(rows.arm.shape[0])
    if arms == 2:
        chance = case.fitted().propensity(Learner("logistic"), FoldPlan(1)).prediction[:, 1]
        return [Cut(everyone, rows.arm, quantile_strata(chance, rows.arm, grouping, rows.weights))]
    if grouping.target == "ATE":
        chances = case.fitted().propensity(Learner("logistic"), FoldPlan(1)).prediction
        codes = arm_strata(chances, grouping, rows.weights)
        return [Cut(everyone, (rows.arm == a).astype(np.int64), codes[:, a]) for a in range(arms)]
    found = [_pair(rows, a, grouping) for a in range(1, arms)]
    for a, cut in enumerate(found, 1):
        if cut is None:
            raise ConvergenceError(
                f"The propensity of arm '{case.arms[a]}' against control has no optimum.",
                remedy="Drop the covariate that decides the arm, or use fewer covariates.",
            )
    return [cut for cut in found if cut is not None]


def _pair(rows: Scored, a: int, grouping: Grouping) -> Cut | None:
    """Rows of an arm and of control in strata of a propensity fitted to them; None where it has no optimum."""
    held = np.flatnonzero((rows.arm == 0) | (rows.arm == a))
    own = rows.take(held)
    arm = (own.arm == a).astype(np.int64)
    fit = fit_glm(own.features, arm.astype(float), "logistic", own.weights)
    if not fit.converged:
        return None
    return Cut(held, arm, quantile_strata(fit.mean, arm, grouping, own.weights))


def effects(rows: Scored, found: Sequence[Cut], grouping: Grouping, arms: int) -> Floats | None:
    """Effect of every arm against control, shape (k,); None where a stratum lacks an arm that it needs."""
    if arms > 2 and grouping.target == "ATE":
        means = arm_means(rows, np.stack([cut.codes for cut in found], axis=1), grouping)
        return None if means is None else np.asarray(means[1:] - means[0])
    out = []
    for cut in found:
        own = rows.take(cut.rows)
        pair = Scored(own.values, own.features, cut.arm, own.weights)
        out.append(within_effects(pair, cut.codes, grouping))
    return np.array(out)


def bootstrap(case: Case, grouping: Grouping, draws: int) -> Floats:
    """Effects of resampled rows, or clusters where the design names any, shape (kept draws, k).

    Raises
    ------
    IdentificationError
        If more than a tenth of the draws lack an arm in some stratum.
    """
    sample, rows = case.sample(), scored(case)
    groups = None if sample.cluster is None else cluster_rows(sample.cluster)
    found = case.run.map(
        lambda draw: _redrawn(rows, groups, grouping, sample, case.run.rng("stratification", draw)),
        range(draws),
        "stratification: bootstrap",
    )
    kept = [draw for draw in found if draw is not None]
    if len(kept) < 0.9 * draws:
        raise IdentificationError(
            f"Only {len(kept)} of {draws} bootstrap draws have both arms in every stratum.",
            remedy="Use fewer strata.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    return np.array(kept)


def _redrawn(
    rows: Scored, groups: list[Ints] | None, grouping: Grouping, sample: Sample, rng: np.random.Generator
) -> Floats | None:
    """One bootstrap draw: propensity, cuts and effects anew; None where a stratum lacks an arm."""
    if groups is None:
        picked = rng.integers(0, sample.n, sample.n)
    else:
        picked = np.concatenate([groups[g] for g in rng.integers(0, len(groups), len(groups))])
    drawn, arms = rows.take(picked), len(sample.arms)
    if np.bincount(drawn.arm, minlength=arms).min() < 1:
        return None
    found = _recut(drawn, grouping, arms)
    if found is None:
        return None
    if arms == 2 or grouping.target == "ATT":
        for cut in found:
            own = rows.values[picked][cut.rows]
            if (cell_moments(own, cut.arm, cut.codes, (grouping.strata, 2)).count < 1).any():
                return None
    return effects(drawn, found, grouping, arms)


def _recut(drawn: Scored, grouping: Grouping, arms: int) -> list[Cut] | None:
    """Propensities and cuts of one draw; None where a propensity has no optimum."""
    if arms == 2 or grouping.target == "ATT":
        found = [_pair(drawn, a, grouping) for a in range(1, arms)]
        return None if None in found else [cut for cut in found if cut is not None]
    fit = fit_multinomial(drawn.features, drawn.arm, arms, drawn.weights)
    if not fit.converged:
        return None
    codes = arm_strata(fit.probability, grouping, drawn.weights)
    everyone = np.arange(drawn.arm.shape[0])
    return [Cut(everyone, (drawn.arm == a).astype(np.int64), codes[:, a]) for a in range(arms)]
