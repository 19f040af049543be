"""An effect with a normal likelihood under a normal prior, and what a decision on it may lose."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Normal posterior of k effects.

    Attributes
    ----------
    mean : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    """

    mean: Floats
    vcov: Floats

    @property
    def std(self) -> Floats:
        """Standard deviations, shape (k,)."""
        return np.asarray(np.sqrt(np.diag(self.vcov)))

    def chance_above(self) -> Floats:
        """Chance that each effect is above zero, shape (k,)."""
        return np.asarray(ndtr(self.mean / self.std))

    def expected_shortfall(self) -> Floats:
        """Expected size of each effect where it is below zero, and zero elsewhere: E max(-δ, 0), shape (k,).

        What is lost, on average over the posterior, by choosing the arm: ``s φ(m/s) - m Φ(-m/s)``.
        """
        z = self.mean / self.std
        density = np.exp(-0.5 * np.square(z)) / np.sqrt(2.0 * np.pi)
        return np.asarray(np.maximum(self.std * density - self.mean * ndtr(-z), 0.0))

    def mirrored(self) -> "Posterior":
        """Posterior of the effects with the other sign."""
        return Posterior(-self.mean, self.vcov)


def normal_posterior(value: Floats, vcov: Floats, prior_mean: float, prior_sd: float) -> Posterior:
    """Update independent normal priors, the same for every effect, by a joint normal likelihood.

    Parameters
    ----------
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    prior_mean, prior_sd : float
        Of each effect; an infinite spread leaves the likelihood as it is.

    Notes
    -----
    With prior covariance P, ``K = P (P + V)⁻¹``: mean ``m + K (value - m)`` and covariance ``(I - K) P = K V``, which
    needs no inverse of V.
    """
    if np.isinf(prior_sd):
        return Posterior(value, vcov)
    k = value.shape[0]
    gain = np.linalg.solve(prior_sd**2 * np.eye(k) + vcov, prior_sd**2 * np.eye(k)).T
    spread = gain @ vcov
    return Posterior(prior_mean + gain @ (value - prior_mean), 0.5 * (spread + spread.T))
