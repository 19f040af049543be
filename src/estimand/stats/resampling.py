"""Random weights of a bootstrap, in fixed batches whose streams do not depend on who asks.

Efron (1979), doi:10.1214/aos/1176344552; Rubin (1981), doi:10.1214/aos/1176345338, for exponential weights;
Mammen (1993), doi:10.1214/aos/1176349025; Webb (2023), doi:10.1111/caje.12661.
"""

from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Floats

Multiplier: TypeAlias = Literal["rademacher", "mammen", "webb", "normal"]
CELLS = 4_000_000
SMALLEST, LARGEST = 4, 64
_GOLDEN = np.sqrt(5.0)
_WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))


def batches(draws: int, units: int) -> list[tuple[int, int]]:
    """Split draws into batches ``(number, size)``, sized by the units alone so that memory stays bounded."""
    size = int(np.clip(CELLS // max(units, 1), SMALLEST, LARGEST))
    starts = range(0, draws, size)
    return [(number, min(size, draws - start)) for number, start in enumerate(starts)]


def multinomial_counts(rng: np.random.Generator, draws: int, units: int) -> Floats:
    """How often each unit is drawn when as many are drawn with replacement as there are, shape (draws, units)."""
    out = np.empty((draws, units))
    for row in out:
        row[:] = np.bincount(rng.integers(0, units, units), minlength=units)
    return out


def exponential_weights(rng: np.random.Generator, draws: int, units: int) -> Floats:
    """Weights of the Bayesian bootstrap, mean one in every draw, shape (draws, units)."""
    raw = rng.standard_exponential((draws, units))
    return np.asarray(raw / raw.mean(axis=1, keepdims=True))


def multipliers(rng: np.random.Generator, draws: int, units: int, kind: Multiplier) -> Floats:
    """Independent weights of mean zero and variance one, shape (draws, units).

    Mammen's two points have third moment one; Webb's six points have that of Rademacher's two, zero, and give
    few clusters many more distinct draws.
    """
    shape = (draws, units)
    if kind == "normal":
        return np.asarray(rng.standard_normal(shape))
    if kind == "rademacher":
        return np.asarray(2.0 * rng.integers(0, 2, shape) - 1.0)
    if kind == "webb":
        points = np.concatenate([-_WEBB[::-1], _WEBB])
        return np.asarray(points[rng.integers(0, 6, shape)])
    lower = rng.random(shape) < (_GOLDEN + 1.0) / (2.0 * _GOLDEN)
    return np.asarray(np.where(lower, (1.0 - _GOLDEN) / 2.0, (1.0 + _GOLDEN) / 2.0))


def every_sign(units: int) -> Floats:
    """Every vector of signs whose first is plus, shape (2^(units - 1), units); the others are their negatives."""
    codes = np.arange(2 ** (units - 1))
    bits = (codes[:, None] >> np.arange(units - 1)) & 1
    return np.hstack([np.ones((codes.shape[0], 1)), 1.0 - 2.0 * bits])


def multiplied_influence(psi: Floats, n: int, weights: Floats) -> Floats:
    """Errors ``Σ w ψ / n`` of shape (b, k) that multipliers of shape (b, m) give an influence function (m, k).

    Their joint distribution is that of the estimate's error, to first order, with nothing refitted;
    Chernozhukov, Chetverikov & Kato (2013), doi:10.1214/13-AOS1161.
    """
    return np.asarray(weights @ psi / n)


def acceleration(psi: Floats) -> Floats:
    """Acceleration of the BCa interval from the influence function, shape (k,).

    Efron (1987), doi:10.2307/2289144: ``Σψ³ / (6 (Σψ²)^{3/2})``.
    """
    cubes, squares = np.power(psi, 3).sum(axis=0), np.square(psi).sum(axis=0)
    return np.asarray(cubes / (6.0 * np.power(squares, 1.5)))
