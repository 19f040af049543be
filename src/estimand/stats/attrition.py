"""Bounds on the effect for those whose outcome would be observed in either arm, by trimming: Lee (2009).

doi:10.1111/j.1467-937X.2009.00536.x. If treatment can only add to, or only take from, those observed (monotone
selection), the arm with the larger observed share q₁ holds a share 1 - q₀/q₁ of rows that the other arm lacks. Who they
are is not known; at the extremes they have the highest or the lowest outcomes.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.worst_case import End, mean_end


@dataclass(frozen=True, slots=True, eq=False)
class Trimmed:
    """What trimming leaves of the effect.

    Attributes
    ----------
    low, high : End
    observed : tuple of float
        Share observed under treatment and under control.
    """

    low: End
    high: End
    observed: tuple[float, float]

    @property
    def share(self) -> float:
        """Share trimmed of the arm with more observed."""
        return 1.0 - min(self.observed) / max(self.observed)

    @property
    def of_treated(self) -> bool:
        """Whether the treated were trimmed."""
        return self.observed[0] >= self.observed[1]


def trimming_bounds(values: Floats, observed: Bools, treated: Bools, weights: Floats) -> Trimmed:
    """Bound the effect of treatment on those always observed.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Read only where ``observed``.
    observed, treated : ndarray of shape (n,) of bool
        Some of each arm are observed.
    weights : ndarray of shape (n,)
        Zero for rows of neither arm.
    """
    return cell_trimming_bounds(values, observed, treated, weights, np.zeros(values.shape[0], dtype=np.int64))


def lowest_mean(values: Floats, weights: Floats, kept: End) -> End:
    """Mean of the lowest share ``kept`` of the weight, the row at the cut counted in part.

    With the cut c, ``k μ = E[min(y, c)] - (1 - k) c``, which does not move with c at first order; so
    ``k dμ = dE[min(y, c)] + (c - μ) dk``. The variance that follows is that of Lee's proposition 3.
    """
    order = np.argsort(values, kind="stable")
    order = order[weights[order] > 0.0]
    ahead = np.cumsum(weights[order])
    place = min(int(np.searchsorted(ahead, kept.value * ahead[-1] * (1.0 - 1e-12))), order.shape[0] - 1)
    cut = float(values[order[place]])
    capped = mean_end(np.minimum(values, cut), weights)
    mean = (capped.value - (1.0 - kept.value) * cut) / kept.value
    return End(mean, (capped.psi + (cut - mean) * kept.psi) / kept.value)


def cell_trimming_bounds(values: Floats, observed: Bools, treated: Bools, weights: Floats, cell: Ints) -> Trimmed:
    r"""Bound the same effect by trimming within cells of a covariate measured before treatment.

    Lee (2009), section 4: the arm with more observed is trimmed in each cell x by that cell's shares, and its trimmed
    means are averaged as the cells stand among the others' observed, :math:`\sum_x \pi_x \mu_x`. The bounds hold what
    the wider ones hold, and are never wider in the population. The arm is the same for all cells; one in which the
    shares go the other way by chance is not trimmed.

    Parameters
    ----------
    values, observed, treated, weights
        As of :func:`trimming_bounds`.
    cell : ndarray of shape (n,)
        Codes 0, 1, … of the cells, each with observed rows of both arms.
    """
    seen = observed.astype(float)
    arms = {True: weights * treated, False: weights * ~treated}
    shares = {side: mean_end(seen, own) for side, own in arms.items()}
    larger = shares[True].value >= shares[False].value
    known = np.where(observed, values, 0.0)
    whole = mean_end(known, arms[not larger] * seen)
    sides = (arms[larger], arms[not larger])
    lowest, turned = (_averaged(sign * known, sides, seen, cell) for sign in (1.0, -1.0))
    highest = End(-turned.value, -turned.psi)
    ends = (lowest.less(whole), highest.less(whole)) if larger else (whole.less(highest), whole.less(lowest))
    return Trimmed(*ends, (shares[True].value, shares[False].value))


def _averaged(known: Floats, sides: tuple[Floats, Floats], seen: Floats, cell: Ints) -> End:
    """Trimmed means of cells of the arm with more observed, averaged over the observed of the arm with fewer."""
    more, few = sides[0], sides[1] * seen
    means, psi = np.zeros(int(cell.max()) + 1), np.zeros(known.shape[0])
    for x in range(means.shape[0]):
        own = cell == x
        trimmed = lowest_mean(
            known, more * seen * own, _kept(mean_end(seen, sides[1] * own), mean_end(seen, more * own))
        )
        means[x] = trimmed.value
        psi += few[own].sum() / few.sum() * trimmed.psi
    mixed = mean_end(means[cell], few)
    return End(mixed.value, mixed.psi + psi)


def _kept(fewer: End, more: End) -> End:
    """Share of the observed that the other arm has too, one where it has more."""
    share = fewer.value / more.value
    if share > 1.0:
        return End(1.0, np.zeros(more.psi.shape[0]))
    return End(share, (fewer.psi - share * more.psi) / more.value)
