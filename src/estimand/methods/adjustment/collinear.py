"""Which dropped columns a reader should hear of: not the one reference level a category always gives up."""

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.core.sample import Encoded, Sample
from estimand.errors import Code, IdentificationError
from estimand.stats.arrays import Bools, Floats
from estimand.stats.basis import independent_basis
from estimand.stats.linear import LeastSquares

REACH = 1e-6


def surprising(dropped: tuple[str, ...], features: Encoded) -> tuple[str, ...]:
    """Names dropped beyond one reference level per categorical column."""
    by_name = {feature.name: feature for feature in features.features}
    spared: set[str] = set()
    out = []
    for name in dropped:
        feature = by_name[name]
        if feature.level is not None and feature.source not in spared:
            spared.add(feature.source)
        else:
            out.append(name)
    return tuple(out)


def dropped_finding(about: str, names: tuple[str, ...], where: str) -> tuple[Finding, ...]:
    """Report columns that a fit left out because the others already say what they say."""
    if not names:
        return ()
    listed = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    return (
        Finding(
            check=f"{about}.dropped",
            about=about,
            grade=Grade.NOTE,
            subject=names[0],
            statistic=float(len(names)),
            message=f"Columns that add nothing to the others in {where} were left out: {listed}.",
            remedy="Nothing to do where this is a duplicate; otherwise look why the column does not vary.",
        ),
    )


def refuse_determined(sample: Sample, kept: Bools) -> None:
    """Refuse where the covariates determine the arm; asked only once a fit has dropped a column.

    Raises
    ------
    IdentificationError
        If some arm is a linear combination of the covariates.
    """
    if kept.all():
        return
    dummies = (sample.arm[:, None] == np.arange(1, len(sample.arms))).astype(float)
    basis = independent_basis(np.hstack([sample.features.values, dummies]), sample.weights)
    if not basis.kept[-dummies.shape[1] :].all():
        raise IdentificationError(
            "The covariates determine the arm exactly, so its effect cannot be told from theirs.",
            remedy="Leave out the covariate that gives the arm away.",
        )


def refuse_unreachable(fit: LeastSquares, features: Floats, center: Floats, sample: Sample, arm: int) -> None:
    """Refuse where an arm's fit cannot speak of the target's average, because a column does not vary there.

    A dropped column equals a combination of the kept ones among the arm's rows. At the target's average it must equal
    that combination too; where it does not, the arm says nothing of what the column does.

    Parameters
    ----------
    fit : LeastSquares
        Of the arm.
    features : ndarray of shape (m, p)
        The arm's rows.
    center : ndarray of shape (p,)
        The target's average.

    Raises
    ------
    IdentificationError
        Naming the column and the arm.
    """
    point = fit.basis.point(center)
    weights = np.ones(features.shape[0]) if fit.weights is None else fit.weights
    still_first = sorted(fit.basis.dropped, key=lambda j: bool(np.ptp(features[:, j])))
    for j in still_first:
        combination = fit.bread @ (fit.basis.matrix.T @ (weights * features[:, j]))
        spread = float(sample.features.values[:, j].std())
        if abs(center[j] - float(point @ combination)) > REACH * max(spread, np.finfo(float).tiny):
            name, label = sample.features.names[j], sample.arms[arm]
            raise IdentificationError(
                f"Arm '{label}' has no row that shows what '{name}' does, and the target's average needs it.",
                remedy="Merge rare categories, leave those rows out, or target ATT if the other arm has them.",
                code=Code.INSUFFICIENT_OVERLAP,
                found=name,
            )
