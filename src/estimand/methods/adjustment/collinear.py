"""Which dropped columns a reader should hear of: not the one reference level a category always gives up."""

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.core.sample import Encoded, Sample
from estimand.errors import IdentificationError
from estimand.stats.arrays import Bools
from estimand.stats.basis import independent_basis


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
