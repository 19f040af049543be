"""Trimming drops rows with extreme propensities and renames the population; clipping bounds and reports."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.finding import Finding, Grade
from estimand.errors import Code, IdentificationError
from estimand.stats.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """Propensities, with what was done at their ends.

    Attributes
    ----------
    propensity : ndarray of shape (n, arms)
    kept : ndarray of shape (n,) of bool
    bounded : ndarray of shape (n, arms) of bool
        Propensities that were moved.
    """

    propensity: Floats
    kept: Bools
    bounded: Bools

    @classmethod
    def of(cls, propensity: Floats) -> "Tails":
        """Propensities as they are."""
        return cls(propensity, np.ones(propensity.shape[0], dtype=bool), np.zeros(propensity.shape, dtype=bool))


def clipped(about: str, tails: Tails, bound: float | None) -> tuple[Tails, tuple[Finding, ...]]:
    """Bound propensities to [bound, 1 - bound] and report the share of rows moved."""
    if bound is None:
        return tails, ()
    inside = np.clip(tails.propensity, bound, 1.0 - bound)
    moved = inside != tails.propensity
    rows = moved.any(axis=1)
    share = float(rows.mean())
    finding = Finding(
        check=f"{about}.clip",
        about=about,
        grade=Grade.WARN if share > 0.05 else Grade.NOTE,
        subject="propensity",
        statistic=share,
        threshold=bound,
        message=f"{int(rows.sum()):,} propensities ({share:.1%}) were bounded to [{bound:g}, {1 - bound:g}], "
        "which biases the estimate towards the middle.",
        remedy="Prefer trimming, which says whom it leaves out, or target ATO.",
    )
    return replace(tails, propensity=inside, bounded=moved), (finding,)


def trimmed(about: str, tails: Tails, arm: Ints, bound: float | None) -> tuple[Tails, tuple[Finding, ...], str | None]:
    """Drop rows with a propensity below the bound; return what is left, the finding and the population's rule.

    Raises
    ------
    IdentificationError
        If no row of some arm is left.
    """
    if bound is None:
        return tails, (), None
    kept = np.asarray((tails.propensity >= bound).all(axis=1))
    if any(not (kept & (arm == a)).any() for a in np.unique(arm)):
        raise IdentificationError(
            f"Trimming to propensities of at least {bound:g} leaves one arm empty.",
            remedy="Trim less, or target ATO.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    rule = f"propensity within [{bound:g}, {1 - bound:g}]"
    left_out = int((~kept).sum())
    finding = Finding(
        check=f"{about}.trim",
        about=about,
        grade=Grade.WARN if left_out > 0.05 * kept.shape[0] else Grade.NOTE,
        subject="propensity",
        statistic=left_out / kept.shape[0],
        threshold=bound,
        message=f"{left_out:,} rows with a propensity outside [{bound:g}, {1 - bound:g}] were left out: "
        "the estimate is about the others.",
        remedy="Say so wherever the number is used.",
    )
    return replace(tails, kept=kept), (finding,), rule
