"""Strata of a propensity: cuts, effects, and a bootstrap that makes all of it anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.learner import Learner
from estimand.core.nuisances import FoldPlan
from estimand.core.row_weights import given_weights
from estimand.errors import Code, ConvergenceError, IdentificationError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.basis import independent_basis
from estimand.stats.glm import fit_glm
from estimand.stats.multinomial import fit_multinomial
from estimand.stats.resampling import batches
from estimand.stats.strata import (
    Grouping,
    Scored,
    arm_means,
    arm_strata,
    quantile_strata,
    within_effects,
)
from estimand.stats.strata_replicates import StrataReplicates


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
    return Scored(case.values(), sample.features.values, sample.arm, given_weights(sample))


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
    held, own, arm = _two_arms(rows, a)
    fit = fit_glm(own.features, arm.astype(float), "logistic", own.weights)
    if not fit.converged:
        return None
    return Cut(held, arm, quantile_strata(fit.mean, arm, grouping, own.weights))


def _two_arms(rows: Scored, a: int) -> tuple[Ints, Scored, Ints]:
    """Positions and rows of an arm and of control, and one for the arm."""
    held = np.flatnonzero((rows.arm == 0) | (rows.arm == a))
    own = rows.take(held)
    return held, own, (own.arm == a).astype(np.int64)


def effects(rows: Scored, found: Sequence[Cut], grouping: Grouping, arms: int) -> Floats | None:
    """Effect of every arm against control, shape (k,); None where a stratum lacks an arm that it needs."""
    if _by_arm(grouping, arms):
        means = arm_means(rows, np.stack([cut.codes for cut in found], axis=1), grouping)
        return None if means is None else np.asarray(means[1:] - means[0])
    out = []
    for cut in found:
        own = rows.take(cut.rows)
        pair = Scored(own.values, own.features, cut.arm, own.weights)
        out.append(within_effects(pair, cut.codes, grouping))
    return np.array(out)


def refuse_saturated(rows: Scored, found: Sequence[Cut], grouping: Grouping, arms: int) -> None:
    """Refuse regressions within strata that have no more different rows than coefficients, so that any outcome fits.

    Raises
    ------
    IdentificationError
        Naming the number of rows and of coefficients.
    """
    if grouping.within == "means":
        return
    for cut in found:
        design = np.column_stack([cut.arm, rows.features[cut.rows]])
        for s in range(grouping.strata):
            here = cut.codes == s
            if np.unique(cut.arm[here]).size < 2:
                continue
            own = design[here & (cut.arm == 1)][:, 1:] if _by_arm(grouping, arms) else design[here]
            different, size = np.unique(own, axis=0).shape[0], independent_basis(own).matrix.shape[1]
            if different <= size:
                raise IdentificationError(
                    f"A stratum of {different:,} different rows has a regression of {size:,} coefficients.",
                    remedy="Use fewer strata, fewer covariates, or within: means.",
                    code=Code.INSUFFICIENT_DATA,
                )


def bootstrap(case: Case, grouping: Grouping, draws: int) -> Floats:
    """Effects of resampled rows, or clusters where the design names any, shape (kept draws, k).

    Raises
    ------
    IdentificationError
        If more than a tenth of the draws lack an arm in some stratum, or rows for its regression.
    """
    sample, rows, arms = case.sample(), scored(case), len(case.arms)
    units = np.arange(sample.n) if sample.cluster is None else np.unique(sample.cluster, return_inverse=True)[1]
    refit = _refit_means(rows, grouping, arms) if _by_arm(grouping, arms) else _refit_pairs(rows, grouping, arms)
    size = int(units.max()) + 1

    def batch(chosen: range) -> Floats:
        counts = np.empty((len(chosen), size))
        for row, draw in zip(counts, chosen, strict=True):
            picked = case.run.rng("stratification", draw).integers(0, size, size)
            row[:] = np.bincount(picked, minlength=size)
        return refit(counts[:, units])

    step = batches(draws, sample.n)[0][1]
    chosen = [range(start, min(start + step, draws)) for start in range(0, draws, step)]
    found = np.concatenate(case.run.map(batch, chosen, "stratification: bootstrap"))
    kept = found[np.isfinite(found).all(axis=1)]
    if kept.shape[0] < 0.9 * draws:
        raise IdentificationError(
            f"Only {kept.shape[0]} of {draws} bootstrap draws have both arms in every stratum"
            + (", and rows enough for its regression." if grouping.within == "regression" else "."),
            remedy="Use fewer strata"
            + (", fewer covariates, or within: means." if grouping.within == "regression" else "."),
            code=Code.INSUFFICIENT_OVERLAP,
        )
    return np.asarray(kept)


def _by_arm(grouping: Grouping, arms: int) -> bool:
    """Whether everyone is cut by the probability of each arm in turn."""
    return arms > 2 and grouping.target == "ATE"


def _refit_pairs(rows: Scored, grouping: Grouping, arms: int) -> Callable[[Floats], Floats]:
    """Effects of shape (b, k) of each arm against control under counts of the rows (b, n)."""
    pairs = []
    for a in range(1, arms):
        held, own, arm = _two_arms(rows, a)
        pairs.append((held, StrataReplicates.of(Scored(own.values, own.features, arm, own.weights), grouping)))
    return lambda counts: np.stack([pair(np.ascontiguousarray(counts[:, held])) for held, pair in pairs], axis=1)


def _refit_means(rows: Scored, grouping: Grouping, arms: int) -> Callable[[Floats], Floats]:
    """Effects of shape (b, k) from everyone's mean under each arm, under counts of the rows (b, n)."""

    def each(count: Floats) -> Floats:
        picked = np.repeat(np.arange(count.shape[0]), count.astype(np.int64))
        drawn = rows.take(picked)
        absent = np.full(arms - 1, np.nan)
        if np.bincount(drawn.arm, minlength=arms).min() < 1:
            return absent
        fit = fit_multinomial(drawn.features, drawn.arm, arms, drawn.weights)
        if not fit.converged:
            return absent
        codes = arm_strata(fit.probability, grouping, drawn.weights)
        if grouping.within == "regression" and _without_rows(rows.features, picked, drawn.arm, codes, grouping.strata):
            return absent
        means = arm_means(drawn, codes, grouping)
        return absent if means is None else np.asarray(means[1:] - means[0])

    return lambda counts: np.array([each(count) for count in counts])


def _without_rows(features: Floats, picked: Ints, arm: Ints, codes: Ints, strata: int) -> bool:
    """Whether an arm has, in some stratum of its own, no more different rows than its regression has coefficients."""
    for a in range(codes.shape[1]):
        for s in range(strata):
            different = np.unique(picked[(codes[:, a] == s) & (arm == a)])
            if different.size < 1 or different.size <= independent_basis(features[different]).matrix.shape[1]:
                return True
    return False
