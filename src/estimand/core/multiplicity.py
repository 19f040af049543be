"""P-values of several estimates read together: one family, adjusted."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np

from estimand.core.estimate import Estimate
from estimand.core.influence import joint_psi
from estimand.core.run import Run
from estimand.core.table import Table
from estimand.core.uncertainty import Draws
from estimand.errors import Code, DesignError, UnsupportedError
from estimand.stats.arrays import Floats
from estimand.stats.multiplicity import bonferroni, false_discovery, holm, romano_wolf
from estimand.stats.resampling import batches, multiplied_influence, multipliers

Multiplicity: TypeAlias = Literal["bonferroni", "holm", "BH", "BY", "romano_wolf"]
DRAWS = 9_999


def adjusted_p_values(estimates: Estimate | Sequence[Estimate], kind: Multiplicity = "holm", *, seed: int = 0) -> Table:
    """Adjust the p-values of every term of one or more estimates as one family.

    ``bonferroni``, ``holm``: the chance of any false rejection, whatever the dependence. ``BH``, ``BY``: the share of
    false rejections among all. ``romano_wolf``: the chance of any false rejection, using how the terms move
    together: by their draws where all were resampled alike, else by multiplying their joint influence function.

    Parameters
    ----------
    estimates : Estimate or sequence of Estimate
    kind : "bonferroni" | "holm" | "BH" | "BY" | "romano_wolf"
    seed : int
        Of the multipliers.

    Returns
    -------
    Table
        Columns ``estimate``, ``outcome``, ``term``, ``p_value``, ``adjusted``.

    Raises
    ------
    UnsupportedError
        If an estimate has no p-value, or for ``romano_wolf`` neither draws nor influence.
    """
    family = (estimates,) if isinstance(estimates, Estimate) else tuple(estimates)
    if kind not in get_args(Multiplicity) or not family:
        raise DesignError(
            f"There is no adjustment '{kind}'." if family else "There is no estimate to adjust.",
            remedy=f"Use one of: {', '.join(get_args(Multiplicity))}; and give at least one estimate.",
            code=Code.UNSUPPORTED,
            found=kind,
        )
    plain = np.concatenate([item.p_value for item in family])
    return Table(
        {
            "estimate": [item.id for item in family for _ in item.terms],
            "outcome": [item.outcome for item in family for _ in item.terms],
            "term": [term.label for item in family for term in item.terms],
            "p_value": plain.tolist(),
            "adjusted": _adjusted(family, plain, kind, seed).tolist(),
        }
    )


def _adjusted(family: tuple[Estimate, ...], plain: Floats, kind: Multiplicity, seed: int) -> Floats:
    if kind == "romano_wolf":
        return np.maximum(plain, romano_wolf(*_studentised(family, seed)))
    if kind in {"BH", "BY"}:
        return false_discovery(plain, dependent=kind == "BY")
    return holm(plain) if kind == "holm" else bonferroni(plain)


def _studentised(family: tuple[Estimate, ...], seed: int) -> tuple[Floats, Floats]:
    """Absolute statistics (m,) and their draws under the null (b, m)."""
    value = np.concatenate([item.value for item in family])
    drawn = [item.uncertainty.values for item in family if isinstance(item.uncertainty, Draws)]
    if any(getattr(item.uncertainty, "scale", "identity") != "identity" for item in family):
        raise UnsupportedError(
            "The joint adjustment is of differences, and some of these are ratios.", remedy="Use kind: holm."
        )
    same = len({item.shape[0] for item in drawn}) == 1
    if len(drawn) == len(family) and same and len({_scheme(item) for item in family}) == 1:
        errors = np.hstack(drawn) - value
    else:
        errors = _multiplied(family, seed)
    std = errors.std(axis=0, ddof=1)
    return np.abs(value) / std, np.abs(errors) / std


def _scheme(estimate: Estimate) -> str:
    return str(estimate.options.get("resample"))


def _multiplied(family: tuple[Estimate, ...], seed: int) -> Floats:
    """Errors of all terms by multiples of their joint influence function, shape (b, m)."""
    influences = tuple(item.influence for item in family if item.influence is not None)
    if len(influences) < len(family):
        raise UnsupportedError(
            "The joint adjustment needs draws or an influence function of every estimate.",
            remedy="Use kind: holm, or resample all of them with one scheme.",
        )
    psi, run = joint_psi(influences), Run(seed)
    parts = [
        multiplied_influence(psi, 1, multipliers(run.rng("multiplicity", number), size, psi.shape[0], "rademacher"))
        for number, size in batches(DRAWS, psi.shape[0])
    ]
    return np.concatenate(parts)
