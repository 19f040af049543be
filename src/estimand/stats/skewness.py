r"""How far from normal a difference of means still is.

The skewness of a mean of n units is that of one, :math:`\gamma`, over :math:`\sqrt n`; of a difference of two arms'
means, with squared errors :math:`v_a = \sigma_a^2/n_a`,

.. math:: \kappa = \gamma \frac{v_1^{3/2}/\sqrt{n_1} - v_0^{3/2}/\sqrt{n_0}}{(v_0 + v_1)^{3/2}},

which vanishes in arms alike, and by Edgeworth's expansion is what the tails of a two-sided test first part from the
normal by (Hall 1992, doi:10.1007/978-1-4612-4384-7).
"""

import numpy as np

from estimand.stats.arrays import Floats, Ints


def pooled_skewness(values: Floats, group: Ints, groups: int) -> float | None:
    """Skewness of values about the mean of their group, over all groups; None where nothing varies.

    Parameters
    ----------
    values : ndarray of shape (n,)
    group : ndarray of shape (n,)
        In 0..groups-1.
    groups : int
    """
    rows = np.bincount(group, minlength=groups)
    mean = np.bincount(group, values, minlength=groups) / np.maximum(rows, 1)
    off = values - mean[group]
    square = float(off @ off)
    if not square > 0.0:
        return None
    unit = off / np.sqrt(square / off.shape[0])
    return float((unit**3).mean())


def contrast_skewness(skewness: float, units: Floats, variance: Floats) -> Floats:
    """Skewness of the difference of each arm's mean from the first's, shape (a - 1,).

    Parameters
    ----------
    skewness : float
        Of one unit.
    units, variance : ndarray of shape (a,)
        Units of each arm, and squared standard error of its mean.
    """
    third = variance**1.5 / np.sqrt(units)
    return np.asarray(skewness * (third[1:] - third[0]) / (variance[1:] + variance[0]) ** 1.5)
