r"""Effect of an arm on each day since exposure, and the line through them.

A level is :math:`\hat\mu_{ad} = \sum y / \sum b` over the rows of an arm and day, with influence
:math:`(y - \hat\mu_{ad} b) / \sum b`, summed within clusters. The slope :math:`\sum_d c_d \hat\tau_d`, with
:math:`c_d \propto n_d (d - \bar d)`, is linear in the effects, so that its influence is theirs
weighted by c.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class ByDay:
    """Effects of d days.

    Attributes
    ----------
    day, units, value, std_error : ndarray of shape (d,)
    slope, slope_error : float
        Per day.
    """

    day: Floats
    units: Floats
    value: Floats
    std_error: Floats
    slope: float
    slope_error: float


def effect_by_day(columns: tuple[Floats, Floats], treated: Bools, day: Floats, units: Ints) -> ByDay:
    """Difference of two arms on each day.

    Parameters
    ----------
    columns : (values, denominators), ndarrays of shape (n,)
    treated : ndarray of shape (n,) of bool
    day : ndarray of shape (n,)
        Every day has rows of both arms, and there are at least two.
    units : ndarray of shape (n,)
        Codes of the independent units.
    """
    days, code = np.unique(day, return_inverse=True)
    d, group = days.shape[0], 2 * code + treated
    above, below = (np.bincount(group, weights=column, minlength=2 * d) for column in columns)
    level = above / below
    psi = (columns[0] - level[group] * columns[1]) / below[group] * np.where(treated, 1.0, -1.0)
    count = np.bincount(code, minlength=d).astype(float)
    unit = np.unique(units, return_inverse=True)[1]
    own, place = np.unique(unit * d + code, return_inverse=True)
    within = np.bincount(place, weights=psi)
    variance = np.bincount(own % d, weights=np.square(within), minlength=d)
    weight = _along(days, count)
    value = level[1::2] - level[0::2]
    along = np.bincount(unit, weights=psi * weight[code])
    return ByDay(days, count, value, np.sqrt(variance), float(weight @ value), float(np.sqrt(along @ along)))


def effect_of_days(day: Floats, units: Floats, level: Floats, variance: Floats) -> ByDay:
    """Difference of two arms on each day, from the levels of days whose units are different ones.

    Parameters
    ----------
    day : ndarray of shape (d,)
    units, level, variance : ndarrays of shape (d, 2)
        Of control and of the arm; the variance is that of the level.
    """
    count = units.sum(axis=1)
    value, error = level[:, 1] - level[:, 0], np.sqrt(variance.sum(axis=1))
    weight = _along(day, count)
    return ByDay(day, count, value, error, float(weight @ value), float(np.sqrt(np.square(weight) @ np.square(error))))


def _along(day: Floats, count: Floats) -> Floats:
    """Weights of the days' effects in the slope of a line through them."""
    off = day - (count @ day) / count.sum()
    return np.asarray(count * off / (count @ np.square(off)))
