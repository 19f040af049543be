"""Weight the rows that have an outcome so that they stand for everyone, by a model of who has it."""

from dataclasses import replace

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.nuisances import Score
from estimand.core.observation import Observation
from estimand.core.sample import Sample, derived
from estimand.errors import ConvergenceError, UnsupportedError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.basis import independent_basis
from estimand.stats.glm import fit_glm

# Vittinghoff & McCulloch 2007, doi:10.1093/aje/kwk052: from five events a coefficient a logistic fit is steady.
ROWS_PER_COEFFICIENT = 5


def observed(whole: Sample, outcome: str) -> tuple[Sample, Sample, Observation]:
    """Weight the rows with the outcome by the inverse probability of having it.

    Logistic regression of having the outcome on arm and covariates over all rows, under the design's weights; slopes
    differ between arms where each arm that lacks outcomes has five rows with and five without per coefficient, and
    are shared otherwise. An arm that lacks none keeps its weights.

    Parameters
    ----------
    whole : Sample
        Some rows lack the outcome, and frequencies are already rows.

    Returns
    -------
    rows : Sample
        With the outcome, weighted; what the design's weights meant, they still mean.
    beside : Sample
        Without the outcome.
    model : Observation

    Raises
    ------
    ConvergenceError
        If the covariates predict for some rows whether the outcome is there.
    """
    present = whole.present[outcome]
    seen, unseen = np.flatnonzero(present), np.flatnonzero(~present)
    order = np.concatenate([seen, unseen])
    arm, features, m = whole.arm[order], whole.features.values[order], seen.shape[0]
    partial = np.unique(whole.arm[unseen])
    fitted = np.isin(arm, partial)
    by_arm = _plentiful(features[fitted], arm[fitted], fitted[:m].sum())
    weights = None if whole.weights is None else (whole.weights / whole.weights.mean())[order][fitted]
    has = (np.arange(whole.n) < m).astype(float)
    fit = fit_glm(_columns(features[fitted], arm[fitted], partial, by_arm), has[fitted], "logistic", weights)
    if not fit.converged:
        raise _no_fit(whole, outcome, partial, by_arm)
    probability, residual = np.ones(whole.n), np.zeros(whole.n)
    basis = np.zeros((whole.n, fit.basis.matrix.shape[1]))
    probability[fitted], residual[fitted], basis[fitted] = fit.mean, fit.residual, fit.basis.matrix
    raised = (1.0 if whole.weights is None else whole.weights[seen]) / probability[:m]
    taken = whole.take(seen)
    name = derived(taken.fingerprint, f"weighted to stand for those without {outcome}", raised)
    rows = replace(taken, weights=raised, weight_kind="sampling", fingerprint=name)
    score = Score.single(basis, residual, fit.hessian)
    return rows, whole.take(unseen), Observation(probability[:m], score, rows.root, rows.index, by_arm)


def refuse_uncarried(made: Estimate, case: Case) -> None:
    """Refuse an estimate whose variance took the estimated weights for known.

    Raises
    ------
    UnsupportedError
        If rows stand for others without the outcome, and the influence function does not run over all of them.
    """
    model = case.observing()
    if model is not None and (made.influence is None or made.influence.n != model.n):
        raise UnsupportedError(
            f"The variance of method '{made.method}' takes the weights that stand for missing outcomes as known.",
            remedy="Use 'regression', 'ipw' or 'aipw', which take weights; or say missing_outcome: complete_case.",
        )


def _plentiful(features: Floats, arm: Ints, seen: int) -> bool:
    """Tell whether every arm has the rows for slopes of its own; the rows with the outcome come first."""
    size = independent_basis(features).matrix.shape[1]
    counts = [np.bincount(part)[np.unique(arm)] for part in (arm[:seen], arm[seen:])]
    return len(counts[0]) == 1 or min(int(part.min()) for part in counts) >= ROWS_PER_COEFFICIENT * size


def _columns(features: Floats, arm: Ints, partial: Ints, by_arm: bool) -> Floats:
    """Arms, covariates and, where slopes differ, their products."""
    dummies = (arm[:, None] == partial[1:]).astype(float)
    products = [dummies[:, [k]] * features for k in range(dummies.shape[1])] if by_arm else []
    return np.hstack([dummies, features, *products])


def _no_fit(whole: Sample, outcome: str, partial: Ints, by_arm: bool) -> ConvergenceError:
    cell = _decided(whole, outcome, partial, by_arm)
    why = "the covariates tell for some rows whether it is there" if cell is None else cell
    return ConvergenceError(
        f"Who has outcome '{outcome}' has no logistic fit, so nothing can weight for who has not: {why}.",
        remedy="Merge rare categories, drop or coarsen the covariate that decides, or use "
        "missing_outcome: complete_case.",
        found=outcome,
    )


def _decided(whole: Sample, outcome: str, partial: Ints, by_arm: bool) -> str | None:
    """Name a category whose rows, in one arm or in all that lack outcomes, all have the outcome or all lack it."""
    present = whole.present[outcome]
    groups = [np.array([a]) for a in partial] if by_arm else [partial]
    for j, feature in enumerate(whole.features.features):
        if feature.level is None:
            continue
        for group in groups:
            share = present[np.isin(whole.arm, group) & (whole.features.values[:, j] == 1.0)]
            if share.size and share.min() == share.max():
                where = f" of arm '{whole.arms[group[0]]}'" if by_arm else ""
                return f"{'every' if share[0] else 'no'} row{where} with '{feature.name}' has it"
    return None
