"""What a test that looked several times says once it has stopped: p-value, estimate and interval.

Outcomes are ordered by the look at which they stop, then by size: a larger effect stops earlier. Fairbanks & Madsen
(1982), doi:10.1093/biomet/69.1.69; Tsiatis, Rosner & Mehta (1984), doi:10.2307/2530927.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from estimand.stats.arrays import Floats
from estimand.stats.group_sequential import passage, surviving

WIDEST = 12.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """Inference after stopping.

    Attributes
    ----------
    p_value : float
        Two-sided.
    median : float
        Estimate that is as often too high as too low.
    low, high : float
        Interval that holds the effect as often as its level says.
    """

    p_value: float
    median: float
    low: float
    high: float


def stopped(z: float, limits: Floats, information: Floats, alpha: float) -> Stopped:
    """Infer from the look at which a test stopped.

    Parameters
    ----------
    z : float
        Estimate over its error at the last look.
    limits : ndarray of shape (k - 1,)
        Of |z| at the looks before it.
    information : ndarray of shape (k,)
        1/se² at every look up to it, ascending.
    alpha : float
        One less the level of the interval.
    """
    root = float(np.sqrt(information[-1]))

    def at(share: float) -> float:
        def excess(scaled: float) -> float:
            return upper_tail(z, limits, information, scaled / root) - share

        centre = z
        return float(brentq(excess, centre - WIDEST, centre + WIDEST, xtol=1e-10)) / root

    tail = upper_tail(z, limits, information, 0.0)
    return Stopped(min(1.0, 2.0 * min(tail, 1.0 - tail)), at(0.5), at(alpha / 2.0), at(1.0 - alpha / 2.0))


def upper_tail(z: float, limits: Floats, information: Floats, effect: float) -> float:
    """Chance, under an effect, of an outcome as far up as the one seen, in the order of the looks."""
    before = information[:-1]
    crossed = float(passage(limits, before, effect).upper.sum()) if before.shape[0] else 0.0
    paths = surviving(limits, before, effect)
    step = float(information[-1] - (before[-1] if before.shape[0] else 0.0))
    return crossed + paths.above(z * float(np.sqrt(information[-1])), step, effect)
