r"""Variance of a forest by the bootstrap of little bags.

Bags are half-samples, and each grows a few trees. With ρ the influence of a tree on the estimate at a point, the
variance of bag means E[ρ̄²] is the sampling variance S plus a share of the Monte-Carlo variance of trees within a bag,
which the differences within bags tell. S is that difference, kept positive by its posterior mean under a flat prior on
S ≥ 0: with an estimate s ~ N(S, v²), v² = 2 max(E[ρ̄²], noise)²/bags, it is s + v φ(s/v)/Φ(s/v).

Sexton & Laake (2009), doi:10.1016/j.csda.2008.08.007; Athey, Tibshirani & Wager (2019), section 4.1,
doi:10.1214/18-AOS1709.
"""

import numpy as np
from scipy.special import erfcx

from estimand.stats.arrays import Floats


def between_bags(between: Floats, noise: Floats, bags: Floats) -> Floats:
    """Sampling variance, shape (n,), positive unless both parts are zero.

    Parameters
    ----------
    between : ndarray of shape (n,)
        Mean square of the bags' influence.
    noise : ndarray of shape (n,)
        Monte-Carlo variance of a bag's mean; with two trees a bag, the mean square of half their difference.
    bags : ndarray of shape (n,)
        Number of bags.
    """
    rough = between - noise
    error = np.maximum(between, noise) * np.sqrt(2.0 / bags)
    ratio = np.divide(rough, error, out=np.zeros_like(rough), where=error > 0.0)
    # φ/Φ by the scaled complementary error function, which neither underflows nor divides by zero.
    return np.asarray(rough + error * np.sqrt(2.0 / np.pi) / erfcx(-ratio / np.sqrt(2.0)))
