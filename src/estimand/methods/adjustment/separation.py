"""Refuse to compare arms that the covariates tell apart completely."""

import numpy as np

from estimand.core.case import Case
from estimand.core.sample import Sample
from estimand.errors import Code, IdentificationError
from estimand.stats.arrays import Bools, Floats
from estimand.stats.separation import CHANCE, chance_apart, column_apart, told_apart


def refuse_separated(case: Case) -> None:
    """Refuse an observational case where a hyperplane through the covariates has an arm and control on its two sides.

    Nobody like the rows of one arm is then in the other, and any number would rest on the model alone. Separation that
    arms given out at random would show as well, because the covariates are many against the independent units, is no
    such evidence: where Cover's bound on its probability is above ``CHANCE``, only a covariate that separates the arms
    alone is refused, by the same bound times the number of columns. Weights have no part in it. After randomisation
    nothing is refused: the assignment identifies the effect.

    Raises
    ------
    IdentificationError
        Naming the arm, and the covariate where one alone separates it.
    """
    sample = case.sample()
    if case.randomised or not sample.features.features:
        return
    for a in range(1, len(sample.arms)):
        rows = (sample.arm == a) | (sample.arm == 0)
        features = sample.features.values if rows.all() else sample.features.values[rows]
        own = sample.arm[rows] == a
        cluster = None if sample.cluster is None else sample.cluster[rows]
        columns = features.shape[1]
        if chance_apart(own, cluster, columns) <= CHANCE:
            if told_apart(features, own):
                raise _refusal(sample, a, _alone(sample, features, own))
        elif chance_apart(own, cluster, 1) * columns <= CHANCE:
            name = _alone(sample, features, own)
            if name is not None:
                raise _refusal(sample, a, name)


def _alone(sample: Sample, features: Floats, own: Bools) -> str | None:
    """Name a covariate that separates the arms alone."""
    found = np.flatnonzero(column_apart(features, own))
    return sample.features.features[int(found[0])].source if found.size else None


def _refusal(sample: Sample, a: int, alone: str | None) -> IdentificationError:
    told = f"Covariate '{alone}' tells" if alone is not None else "The covariates together tell"
    which = "the arms" if len(sample.arms) == 2 else f"arm '{sample.arms[a]}' and control '{sample.arms[0]}'"
    return IdentificationError(
        f"{told} {which} apart perfectly: no row of one is like any row of the other, so nothing can be compared.",
        remedy="Drop or coarsen the covariate that decides the arm, or narrow the sample to where both occur.",
        code=Code.INSUFFICIENT_OVERLAP,
        found=alone,
    )
