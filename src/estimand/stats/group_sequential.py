"""Limits of tests that look several times, and the chance to cross them.

The score ``S_k = z_k √I_k`` of look k gathers independent normal steps, ``N(θ ΔI, ΔI)``, so the density of the paths
that have not crossed yet follows by one integral a look: Armitage, McPherson & Rowe (1969), doi:10.2307/2343787;
Jennison & Turnbull (2000), chapter 19. The density is smooth within the limits, hence Gauss-Legendre nodes.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from estimand.stats.arrays import Floats

NODES, NODES_A_STEP = 64, 4.0
FARTHEST = 8.5
NOTHING = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """Chance to cross for the first time at each look.

    Attributes
    ----------
    upper, lower : ndarray of shape (k,)
    """

    upper: Floats
    lower: Floats

    @property
    def total(self) -> float:
        """Chance to cross at all."""
        return float(self.upper.sum() + self.lower.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Paths that have not crossed: nodes of the score, shape (m,), and density times quadrature weight there."""

    score: Floats
    mass: Floats

    def beyond(self, limit: float, step: float, drift: float) -> tuple[float, float]:
        """Chance that the next score is above ``limit``, and below ``-limit``, after a step of information."""
        centre, spread = self.score + drift * step, np.sqrt(step)
        above = ndtr((centre - limit) / spread)
        below = ndtr((-limit - centre) / spread)
        return float(self.mass @ above), float(self.mass @ below)

    def above(self, score: float, step: float, drift: float) -> float:
        """Chance that the next score is above one value."""
        return float(self.mass @ ndtr((self.score + drift * step - score) / np.sqrt(step)))

    def within(self, limit: float, step: float, drift: float, information: float) -> "Paths":
        """Paths that stay within ``±limit`` at the next look, whose information is given."""
        spread = np.sqrt(step)
        reach = FARTHEST * np.sqrt(information)
        low, high = max(-limit, drift * information - reach), min(limit, drift * information + reach)
        if high <= low:
            return Paths(np.zeros(1), np.zeros(1))
        place, weight = _gauss_legendre(1 + int(NODES_A_STEP * (high - low) / spread) // NODES)
        score = 0.5 * (high - low) * place + 0.5 * (high + low)
        gap = (score[:, None] - self.score - drift * step) / spread
        density = np.exp(-0.5 * np.square(gap)) @ self.mass / (spread * np.sqrt(2.0 * np.pi))
        return Paths(score, density * weight * 0.5 * (high - low))


START = Paths(np.zeros(1), np.ones(1))


def passage(limits: Floats, information: Floats, drift: float = 0.0) -> Passage:
    """Chance to cross two-sided limits for the first time at each look.

    Parameters
    ----------
    limits : ndarray of shape (k,)
        Of |z|; infinite where a look cannot stop.
    information : ndarray of shape (k,)
        1/se² at each look, ascending.
    drift : float
        The effect, in the unit of the estimate.
    """
    upper, lower, paths = np.zeros(limits.shape), np.zeros(limits.shape), START
    for j, step in enumerate(np.diff(information, prepend=0.0)):
        edge = float(limits[j] * np.sqrt(information[j]))
        upper[j], lower[j] = paths.beyond(edge, float(step), drift)
        paths = paths.within(edge, float(step), drift, float(information[j]))
    return Passage(upper, lower)


def surviving(limits: Floats, information: Floats, drift: float) -> Paths:
    """Paths that crossed none of the limits given, as :func:`passage` takes them."""
    paths = START
    for j, step in enumerate(np.diff(information, prepend=0.0)):
        edge = float(limits[j] * np.sqrt(information[j]))
        paths = paths.within(edge, float(step), drift, float(information[j]))
    return paths


def spending_limits(information: Floats, spent: Floats) -> Floats:
    """Limits of |z| that spend just so much error by each look.

    Parameters
    ----------
    information : ndarray of shape (k,)
        1/se² at each look, or shares of the planned information; ascending.
    spent : ndarray of shape (k,)
        Cumulative two-sided error, not descending.

    Returns
    -------
    ndarray of shape (k,)
        Infinite where a look spends nothing.
    """
    limits, paths, before = np.full(spent.shape, np.inf), START, 0.0
    for j, step in enumerate(np.diff(information, prepend=0.0)):
        limits[j] = _limit(paths, float(step), float(information[j]), float(spent[j]) - before)
        paths = paths.within(float(limits[j] * np.sqrt(information[j])), float(step), 0.0, float(information[j]))
        before = max(before, float(spent[j]))
    return limits


def classical_limits(information: Floats, alpha: float, shape: float) -> Floats:
    """Limits ``C (I_k / I_K)^(shape - ½)`` of Wang and Tsiatis, with C such that the error is ``alpha``.

    Wang & Tsiatis (1987), doi:10.2307/2531959.

    Parameters
    ----------
    information : ndarray of shape (k,)
        At each look, ascending.
    alpha : float
        Two-sided error of the whole.
    shape : float
        0 is O'Brien and Fleming, ½ is Pocock.

    Examples
    --------
    >>> looks = np.arange(1.0, 6.0)
    >>> classical_limits(looks, 0.05, 0.5).round(3).tolist()
    [2.413, 2.413, 2.413, 2.413, 2.413]
    """
    form = (information / information[-1]) ** (shape - 0.5)

    def excess(constant: float) -> float:
        return passage(constant * form, information).total - alpha

    once = -float(ndtri(alpha / 2.0))
    every = -float(ndtri(alpha / (2.0 * information.shape[0])))
    return np.asarray(form * brentq(excess, 0.999 * once, 1.01 * every, xtol=1e-12))


@lru_cache(maxsize=32)
def _gauss_legendre(lots: int) -> tuple[Floats, Floats]:
    """Nodes and weights on (-1, 1), in whole lots, so that few sizes serve every look."""
    place, weight = np.polynomial.legendre.leggauss(lots * NODES)
    return place, weight


def _limit(paths: Paths, step: float, information: float, error: float) -> float:
    """Limit of |z| at the next look that is crossed with a given chance under no effect."""
    if error <= NOTHING:
        return np.inf
    root = np.sqrt(information)

    def excess(limit: float) -> float:
        return sum(paths.beyond(limit * root, step, 0.0)) - error

    return float(brentq(excess, 0.0, FARTHEST, xtol=1e-12)) if excess(0.0) > 0.0 else 0.0
