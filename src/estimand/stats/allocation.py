"""Whether units fell to the arms as planned: at the planned end, and at every look before it.

The sequential test is of Lindon & Malek (2022), "Anytime-valid inference for multinomial count data", NeurIPS 35:
counts under a Dirichlet mixture of shares around the planned ones, against the planned ones. Its Bayes
factor is a martingale where the plan holds, so the chance that one over it ever falls below α is at most α.
"""

import numpy as np
from scipy.special import chdtrc, gammaln

from estimand.stats.arrays import Floats

CONCENTRATION = 10_000.0


def allocation_p_value(counts: Floats, shares: Floats) -> float:
    """Pearson's χ² test of counts against planned shares; for one look alone.

    Parameters
    ----------
    counts : ndarray of shape (a,)
        Units in each arm.
    shares : ndarray of shape (a,)
        Planned; positive, adding to one.
    """
    expected = counts.sum() * shares
    return float(chdtrc(counts.shape[0] - 1, (np.square(counts - expected) / expected).sum()))


def sequential_allocation(counts: Floats, shares: Floats, concentration: float = CONCENTRATION) -> Floats:
    """Always-valid p-value at each look, the least so far.

    Parameters
    ----------
    counts : ndarray of shape (k, a)
        Units in each arm by each look, cumulative.
    shares : ndarray of shape (a,)
        Planned.
    concentration : float
        Weight of the mixture on the planned shares, in units: large looks for small departures.

    Returns
    -------
    ndarray of shape (k,)
    """
    prior = concentration * shares
    total = counts.sum(axis=1)
    mixed = gammaln(prior + counts).sum(axis=1) - gammaln(prior).sum()
    mixed = mixed + gammaln(concentration) - gammaln(concentration + total)
    evidence = mixed - counts @ np.log(shares)
    return np.asarray(np.minimum.accumulate(np.exp(-np.maximum(evidence, 0.0))))


def homogeneity_p_value(counts: Floats) -> float | None:
    """Pearson's χ² test that groups have the same shares of each kind; None where there is but one of either.

    Parameters
    ----------
    counts : ndarray of shape (kinds, groups)
        Independent units.
    """
    kept = counts[counts.sum(axis=1) > 0.0][:, counts.sum(axis=0) > 0.0]
    if min(kept.shape) < 2:
        return None
    expected = np.outer(kept.sum(axis=1), kept.sum(axis=0)) / kept.sum()
    freedom = (kept.shape[0] - 1) * (kept.shape[1] - 1)
    return float(chdtrc(freedom, (np.square(kept - expected) / expected).sum()))
