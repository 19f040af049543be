"""Power of tests, and what it takes: units, or the least effect found.

Cohen (1988), *Statistical Power Analysis for the Behavioral Sciences*; Fleiss, Levin & Paik (2003), chapter 4, for
two proportions. A power is the chance to reject, on either side where the test is two-sided.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, chndtr, nctdtr, ndtr, ndtri, stdtrit

MOST_UNITS = 1e15
WIDEST = 40.0


def t_power(effect: float, std_error: float, df: float, alpha: float, sides: int = 2) -> float:
    """Power of a t test.

    Parameters
    ----------
    effect : float
        In the unit of ``std_error``.
    std_error : float
        Of the estimate, with the units planned.
    df : float
        Infinite for a normal test.
    alpha : float
    sides : 1 or 2
        One-sided tests look for effects above 0.

    Examples
    --------
    >>> round(t_power(0.2, (2 / 60) ** 0.5, 118.0, 0.10), 6)
    0.292341
    """
    away, share = effect / std_error, alpha / sides
    if np.isinf(df):
        above, below = ndtr(away + ndtri(share)), ndtr(ndtri(share) - away)
    else:
        limit = -stdtrit(df, share)
        above, below = nctdtr(df, -away, -limit), nctdtr(df, away, -limit)
    return float(above + below) if sides == 2 else float(above)


def proportions_power(control: float, treated: float, units: tuple[float, float], alpha: float) -> float:
    """Power of the two-sided z test of two proportions that pools them under no effect.

    Parameters
    ----------
    control, treated : float
        Proportions.
    units : tuple of (float, float)
        In control and treated.
    """
    held = (units[0] * control + units[1] * treated) / sum(units)
    pooled = np.sqrt(held * (1.0 - held) * (1.0 / units[0] + 1.0 / units[1]))
    apart = np.sqrt(control * (1.0 - control) / units[0] + treated * (1.0 - treated) / units[1])
    gap, reach = treated - control, -ndtri(alpha / 2.0) * pooled
    return float(ndtr((gap - reach) / apart) + ndtr((-gap - reach) / apart))


def arcsine_effect(control: float, treated: float) -> float:
    """Cohen's h: the difference of two proportions on the scale where their variance is one over the units."""
    return float(2.0 * (np.arcsin(np.sqrt(treated)) - np.arcsin(np.sqrt(control))))


def chi_square_power(effect: float, units: float, df: int, alpha: float) -> float:
    """Power of a χ² test.

    Parameters
    ----------
    effect : float
        Cohen's w: the root of the sum of squared departures over expected shares.
    units : float
    df : int
    """
    return float(1.0 - chndtr(chdtri(df, alpha), df, units * effect**2))


def units_for(power: Callable[[float], float], wanted: float) -> float:
    """Least number of units with the power wanted, not rounded.

    Parameters
    ----------
    power : callable
        Of a number of units; not descending.
    wanted : float
        Between the test's error and one.

    Returns
    -------
    float
        Infinite where no number up to 10¹⁵ has it.
    """
    high = 4.0
    while power(high) < wanted:
        high *= 4.0
        if high > MOST_UNITS:
            return np.inf
    low = high / 4.0
    while low > 1.0 + 1e-6 and power(low) >= wanted:
        low = 1.0 + (low - 1.0) / 4.0
    return float(brentq(lambda units: power(units) - wanted, low, high, xtol=1e-9, rtol=1e-12))


def effect_for(power: Callable[[float], float], wanted: float, std_error: float) -> float:
    """Least effect above 0 that is found with the power wanted: the minimum detectable effect.

    Parameters
    ----------
    power : callable
        Of an effect; not descending.
    wanted : float
        Between the test's error and one.
    std_error : float
        Of the estimate: where to begin looking.
    """
    high = std_error
    while power(high) < wanted:
        high *= 2.0
    return float(brentq(lambda effect: power(effect) - wanted, 0.0, high, xtol=1e-12 * std_error, rtol=1e-12))
