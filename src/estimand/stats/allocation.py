"""Whether units fell to the arms as planned: at the planned end, and at every look before it.

The sequential test is of Lindon & Malek (2022), "Anytime-valid inference for multinomial count data", NeurIPS 35:
counts under a Dirichlet mixture of shares around the planned ones, against the planned ones. Its Bayes
factor is a martingale where the plan holds, so the chance that one over it ever falls below α is at most α. So is the
mean of several, of which the loosest finds large departures among few units, and the tightest small ones among many.
"""

import numpy as np
from scipy.special import chdtrc, gammaln, logsumexp

from estimand.stats.arrays import Floats

CONCENTRATIONS = (100.0, 10_000.0)


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


def sequential_allocation(counts: Floats, shares: Floats, concentrations: tuple[float, ...] = CONCENTRATIONS) -> Floats:
    """Always-valid p-value at each look, the least so far.

    Parameters
    ----------
    counts : ndarray of shape (k, a)
        Units in each arm by each look, cumulative.
    shares : ndarray of shape (a,)
        Planned.
    concentrations : tuple of float
        Weights of the mixtures on the planned shares, in units.

    Returns
    -------
    ndarray of shape (k,)
    """
    evidence = np.stack([_evidence(counts, shares, concentration) for concentration in concentrations])
    mean = logsumexp(evidence, axis=0) - np.log(len(concentrations))
    return np.asarray(np.minimum.accumulate(np.exp(-np.maximum(mean, 0.0))))


def _evidence(counts: Floats, shares: Floats, concentration: float) -> Floats:
    """Logarithm of the Bayes factor of one mixture at each look, shape (k,)."""
    prior = concentration * shares
    total = counts.sum(axis=1)
    mixed = gammaln(prior + counts).sum(axis=1) - gammaln(prior).sum()
    mixed = mixed + gammaln(concentration) - gammaln(concentration + total)
    return np.asarray(mixed - counts @ np.log(shares))


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
