"""How the error of a test is spread over its looks.

Lan & DeMets (1983), doi:10.1093/biomet/70.3.659; Hwang, Shih & de Cani (1990), doi:10.1002/sim.4780091207.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from estimand.stats.arrays import Floats


def obrien_fleming_spent(fraction: Floats, alpha: float) -> Floats:
    """Error spent by each look, by the function that comes near the limits of O'Brien and Fleming.

    ``2 - 2 Φ(z / √t)`` with ``z`` the two-sided critical value at ``alpha``: hardly anything early. A two-sided test
    by custom spends half its error on either side: ``2 * obrien_fleming_spent(t, alpha / 2)``.

    Parameters
    ----------
    fraction : ndarray of shape (k,)
        Share of the planned information at each look, above 0; 1 is the planned end.
    alpha : float
        Error of the whole.

    Returns
    -------
    ndarray of shape (k,)
        Cumulative, ``alpha`` from a fraction of 1 on.

    Examples
    --------
    >>> obrien_fleming_spent(np.array([0.6, 1.0]), 0.05).round(6).tolist()
    [0.011396, 0.05]
    """
    held = np.minimum(fraction, 1.0)
    return np.asarray(2.0 * ndtr(ndtri(alpha / 2.0) / np.sqrt(held)))


def pocock_spent(fraction: Floats, alpha: float) -> Floats:
    """Error spent by each look, by the function that comes near Pocock's limits: ``α log(1 + (e - 1) t)``.

    Parameters and result are those of :func:`obrien_fleming_spent`.
    """
    return np.asarray(alpha * np.log1p(np.expm1(1.0) * np.minimum(fraction, 1.0)))


def gamma_spent(fraction: Floats, alpha: float, shape: float) -> Floats:
    """Error spent by each look, of the family of Hwang, Shih and de Cani: ``α (1 - e^{-γt}) / (1 - e^{-γ})``.

    Parameters
    ----------
    fraction, alpha
        As for :func:`obrien_fleming_spent`.
    shape : float
        γ: -4 is near O'Brien and Fleming, 1 near Pocock, 0 spends evenly.
    """
    held = np.minimum(fraction, 1.0)
    if shape == 0.0:
        return np.asarray(alpha * held)
    return np.asarray(alpha * np.expm1(-shape * held) / np.expm1(-shape))
