r"""How an effect goes with one covariate: scores of effects projected on a natural cubic spline, with a uniform band.

The curve is the best approximation of :math:`E[\Gamma \mid x]` by a spline :math:`b(x)'\beta`, least squares of the
scores on :math:`b(x)`; orthogonal scores leave its covariance what it is for a known outcome, and the band holds the
whole curve at once where its critical value c is that of :math:`\sup_x |b(x)'(\hat\beta - \beta)| / s(x)`. Of a
normal process with one argument that is the root of
:math:`\kappa e^{-c^2/2} / \pi + 2(1 - \Phi(c)) = 1 - \text{level}`, κ the length of the path that
:math:`V^{1/2} b(x) / s(x)` takes on the sphere: by the volume of a tube about it, and nothing has to be drawn.

Semenova & Chernozhukov (2021), doi:10.1093/ectj/utaa027; Belloni, Chernozhukov, Chetverikov & Kato (2015),
doi:10.1016/j.jeconom.2015.02.014; Sun & Loader (1994), doi:10.1214/aos/1176325631, equation 1.3. The basis is that of
Hastie, Tibshirani & Friedman (2009), equation 5.4.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from estimand.stats.arrays import Floats, Ints
from estimand.stats.effect_groups import projection_covariance
from estimand.stats.linear import least_squares

FEWEST_COLUMNS, MOST_COLUMNS = 2, 12
LEAST_TAIL = 0.01
FINE, FAR = 400, 40.0


@dataclass(frozen=True, slots=True, eq=False)
class EffectCurve:
    """An effect along a covariate.

    Attributes
    ----------
    value : ndarray of shape (m,)
        At each place asked for [outcome].
    std_error : ndarray of shape (m,)
    length : float
        Of the path between the first place and the last, for :func:`tube_critical_value`.
    """

    value: Floats
    std_error: Floats
    length: float


def effect_curve(scores: Floats, covariate: Floats, at: Floats, weights: Floats | None, units: Ints) -> EffectCurve:
    """Project scores on a spline of the covariate, and read it at some places.

    The spline has about 2n^(1/7) columns, between 2 and 12: enough for its bias to be small beside its error where the
    effect is smooth. HC3, or by unit where some have several rows.

    Parameters
    ----------
    scores : ndarray of shape (n,)
    covariate : ndarray of shape (n,)
        With more different values than the spline has columns.
    at : ndarray of shape (m,)
        Increasing.
    weights : ndarray of shape (n,) or None
    units : ndarray of shape (n,)
        Independent unit of each row.
    """
    size = int(np.clip(int(2.0 * scores.shape[0] ** (1.0 / 7.0)), FEWEST_COLUMNS, MOST_COLUMNS))
    knots = np.unique(np.quantile(covariate, np.linspace(LEAST_TAIL, 1.0 - LEAST_TAIL, size + 1)))
    fit = least_squares(natural_spline(covariate, knots), scores, weights)
    vcov = projection_covariance(fit, units)
    rows = fit.basis.rows(natural_spline(at, knots))
    error = np.sqrt(np.einsum("ij,jk,ik->i", rows, vcov, rows))
    path = fit.basis.rows(natural_spline(np.interp(np.linspace(0, 1, FINE), np.linspace(0, 1, at.size), at), knots))
    return EffectCurve(rows @ fit.coefficients, error, _length(path, vcov))


def tube_critical_value(length: float, level: float) -> float:
    """Critical value of a band that holds a whole curve whose path has a given length."""

    def missed(c: float) -> float:
        return float(length / np.pi * np.exp(-0.5 * c * c) + 2.0 * ndtr(-c)) - (1.0 - level)

    return float(brentq(missed, 0.0, FAR, xtol=1e-12))


def _length(rows: Floats, vcov: Floats) -> float:
    """Length on the sphere of the path that standardised rows take, one after the other."""
    cross = np.einsum("ij,jk,ik->i", rows[:-1], vcov, rows[1:])
    size = np.einsum("ij,jk,ik->i", rows, vcov, rows)
    known = (size[:-1] > 0.0) & (size[1:] > 0.0)
    cosine = cross[known] / np.sqrt(size[:-1] * size[1:])[known]
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)).sum())


def natural_spline(x: Floats, knots: Floats) -> Floats:
    """Columns of a natural cubic spline beside a constant, shape (n, k - 1): cubic between knots, linear beyond.

    Parameters
    ----------
    x : ndarray of shape (n,)
    knots : ndarray of shape (k,)
        Increasing; with fewer than three the one column is x.
    """
    first, last = float(knots[0]), float(knots[-1])
    scale = last - first or 1.0
    z, places = (x - first) / scale, (knots - first) / scale
    columns = [z]
    if places.shape[0] > 2:
        bends = [_bend(z, place) for place in places[:-1]]
        columns += [bend - bends[-1] for bend in bends[:-1]]
    return np.column_stack(columns)


def _bend(z: Floats, place: float) -> Floats:
    """Cubic from a knot on, made linear after the last knot, which is at one."""
    after, beyond = np.maximum(z - place, 0.0), np.maximum(z - 1.0, 0.0)
    return np.asarray((after * after * after - beyond * beyond * beyond) / (1.0 - place))
