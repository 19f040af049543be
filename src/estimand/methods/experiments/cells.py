"""The cells that arms are compared within: strata, and in each the users with history and those without."""

from dataclasses import dataclass

import numpy as np

from estimand.core.metric_moments import MetricMoments
from estimand.errors import Code, IdentificationError
from estimand.stats.arrays import Floats

# Of each arm, for a variance.
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Cells:
    """Positions among the parts of a metric's moments.

    Attributes
    ----------
    kept : tuple of tuple of int
        Each cell as the parts that it is the sum of.
    left_out : tuple of int
        Parts too small to be compared, of users whose stratum is compared without them.
    """

    kept: tuple[tuple[int, ...], ...]
    left_out: tuple[int, ...]

    def of(self, moments: MetricMoments, *, history: bool) -> tuple[int, ...]:
        """Parts kept that have history, or that have none."""
        return tuple(j for cell in self.kept for j in cell if bool(moments.covariates(j)) == history)


def strata_cells(moments: MetricMoments) -> Cells:
    """Every stratum whole.

    Raises
    ------
    IdentificationError
        If a stratum has too few units of some arm.
    """
    kept = tuple(tuple(at) for at in _by_stratum(moments))
    for at in kept:
        _refuse_one_armed(moments, at)
    return Cells(kept, ())


def history_cells(moments: MetricMoments, *, stratified: bool) -> Cells:
    """Users with history and those without, of each stratum or of all together; a part too small is left out.

    Raises
    ------
    IdentificationError
        If a stratum has too few units of some arm in either part.
    """
    kept: list[tuple[int, ...]] = []
    left_out: list[int] = []
    every = [j for j, part in enumerate(moments.parts) if part.units.any()]
    for at in _by_stratum(moments) if stratified else [every]:
        held = tuple(j for j in at if moments.covariates(j))
        bare = tuple(j for j in at if not moments.covariates(j))
        enough = [part for part in (held, bare) if part and _units(moments, part).min() >= FEWEST]
        if stratified and not enough:
            _refuse_one_armed(moments, held or bare)
        # Without strata, too few users with history is for the level to refuse: all were to have it.
        kept_here = enough if stratified else [held, *(part for part in enough if part == bare)]
        kept.extend(kept_here)
        left_out.extend(j for j in at if not any(j in part for part in kept_here))
    return Cells(tuple(kept), tuple(left_out))


def _by_stratum(moments: MetricMoments) -> list[list[int]]:
    there = [
        [j for j, at in enumerate(moments.stratum) if at == s and moments.parts[j].units.any()]
        for s in range(len(moments.strata))
    ]
    return [at for at in there if at]


def _units(moments: MetricMoments, at: tuple[int, ...]) -> Floats:
    return np.asarray(np.sum([moments.parts[j].units for j in at], axis=0))


def _refuse_one_armed(moments: MetricMoments, at: tuple[int, ...]) -> None:
    units = _units(moments, at)
    if (units < FEWEST).any():
        a = int(units.argmin())
        raise IdentificationError(
            f"Stratum '{moments.strata[moments.stratum[at[0]]]}' has {int(units[a])} units of arm '{moments.arms[a]}' "
            f"with metric '{moments.metric}'; a comparison within it needs {FEWEST}.",
            remedy="Join small strata, or use method: difference.",
            code=Code.INSUFFICIENT_OVERLAP,
            found=int(units[a]),
            expected=FEWEST,
        )
