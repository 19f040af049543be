"""Omitted-variable bias in partial R²: what an unmeasured confounder would do to a regression coefficient.

Cinelli & Hazlett (2020), doi:10.1111/rssb.12348. The confounder enters through two numbers: the share of the
residual variance of treatment, and of the outcome, that it would explain.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from estimand.stats.arrays import Floats
from estimand.stats.basis import gram, independent_basis


@dataclass(frozen=True, slots=True)
class OneSlope:
    """The coefficient of treatment in one linear regression, and what each group of covariates explains.

    Attributes
    ----------
    estimate, std_error : float
        With the classical standard error, on which the algebra of partial R² rests.
    dof : int
        Rows minus coefficients.
    explained : mapping of str to (float, float)
        Partial R² of each group with the treatment, given the other covariates, and with the outcome,
        given treatment too.
    """

    estimate: float
    std_error: float
    dof: int
    explained: Mapping[str, tuple[float, float]]

    @property
    def t(self) -> float:
        """The t statistic; infinite where the fit is exact."""
        return self.estimate / self.std_error if self.std_error > 0.0 else math.copysign(math.inf, self.estimate)


def one_slope(
    treatment: Floats,
    controls: Floats,
    outcome: Floats,
    groups: Mapping[str, Sequence[int]],
    weights: Floats | None = None,
) -> OneSlope | None:
    """Regress the outcome on treatment and controls, and the treatment on the controls, from one Gram matrix.

    Parameters
    ----------
    treatment, outcome : ndarray of shape (n,)
    controls : ndarray of shape (n, p)
    groups : mapping of str to sequence of int
        Columns of ``controls`` that belong together, such as the dummies of one category.
    weights : ndarray of shape (n,), optional
        Of the observations.

    Returns
    -------
    OneSlope or None
        None where the controls determine the treatment, or no degree of freedom is left.
    """
    basis = independent_basis(np.column_stack([controls, treatment]), weights)
    n, q = basis.matrix.shape
    if not basis.kept[-1] or n <= q:
        return None
    cross = gram(basis.matrix, weights)
    bread: Floats = np.asarray(np.linalg.inv(cross), dtype=float)
    right = basis.matrix.T @ (outcome if weights is None else outcome * weights)
    coefficients = bread @ right
    residual = outcome - basis.matrix @ coefficients
    coefficients = coefficients + bread @ (basis.matrix.T @ (residual if weights is None else residual * weights))
    residual = outcome - basis.matrix @ coefficients
    left = float(np.square(residual).sum() if weights is None else np.square(residual) @ weights)
    scale = float(basis.scale[-1])
    error = math.sqrt(left / (n - q) * bread[-1, -1]) / scale
    treatment_fit: Floats = np.asarray(np.linalg.inv(cross[:-1, :-1]), dtype=float)
    slopes = treatment_fit @ cross[:-1, -1]
    unexplained = 1.0 / float(bread[-1, -1])
    position = np.cumsum(basis.kept)
    explained: dict[str, tuple[float, float]] = {}
    for name, columns in groups.items():
        at = [int(position[j]) for j in columns if basis.kept[j]]
        with_treatment = _share(slopes[at], treatment_fit[np.ix_(at, at)], unexplained)
        explained[name] = with_treatment, _share(coefficients[at], bread[np.ix_(at, at)], left)
    return OneSlope(float(coefficients[-1]) / scale, error, n - q, explained)


def _share(slopes: Floats, bread: Floats, left: float) -> float:
    """Partial R² of a group: what its removal would add to the residual sum of squares, over that sum."""
    if not slopes.size:
        return 0.0
    gain = float(slopes @ np.linalg.solve(bread, slopes))
    return gain / (gain + left) if gain + left > 0.0 else 0.0


def partial_r2(t: float, dof: float) -> float:
    """Share of the outcome's residual variance that a regressor explains, from its t statistic.

    Examples
    --------
    >>> round(partial_r2(4.184449984808, 783), 6)
    0.021873
    """
    return 1.0 if math.isinf(t) else t**2 / (t**2 + dof)


def robustness_value(t: float, dof: float, q: float = 1.0, level: float | None = None) -> float:
    """Partial R² with both treatment and outcome that takes a share ``q`` off the estimate.

    Parameters
    ----------
    t, dof : float
        Of the coefficient, classical.
    q : float
        1 takes it to zero.
    level : float, optional
        Take the interval of this level to the reduced value instead of the estimate: ``RV_{q,α}``.

    Examples
    --------
    >>> round(robustness_value(4.184449984808, 783), 4), round(robustness_value(4.184449984808, 783, level=0.95), 4)
    (0.1388, 0.0763)
    """
    if math.isinf(t):
        return 1.0
    f = q * abs(t) / math.sqrt(dof)
    line = 0.0 if level is None or dof <= 1 else float(stdtrit(dof - 1, 0.5 + level / 2.0)) / math.sqrt(dof - 1)
    reach = f - line
    if reach <= 0.0:
        return 0.0
    if line > 0.0 and f > 1.0 / line:
        return (f**2 - line**2) / (1.0 + f**2)
    return 0.5 * (math.sqrt(reach**4 + 4.0 * reach**2) - reach**2)


def adjusted_estimate(fit: OneSlope, with_treatment: float, with_outcome: float) -> float:
    """Estimate after a confounder of that strength, taken to have pulled it away from zero."""
    factor = math.sqrt(with_outcome * with_treatment / (1.0 - with_treatment))
    bias = fit.std_error * math.sqrt(fit.dof) * factor
    return math.copysign(1.0, fit.estimate) * (abs(fit.estimate) - bias)


def adjusted_std_error(fit: OneSlope, with_treatment: float, with_outcome: float) -> float:
    """Classical standard error after adding that confounder to the regression."""
    left = (1.0 - with_outcome) / (1.0 - with_treatment)
    return fit.std_error * math.sqrt(left * fit.dof / (fit.dof - 1))


def benchmark(
    treatment: float, outcome: float, times_treatment: float = 1.0, times_outcome: float = 1.0
) -> tuple[float, float] | None:
    """Largest partial R² of a confounder so many times as strong as an observed group of covariates.

    Parameters
    ----------
    treatment, outcome : float
        Partial R² of the group with each, as in :class:`OneSlope`.
    times_treatment, times_outcome : float
        ``k_D`` and ``k_Y`` of the paper.

    Returns
    -------
    tuple of (with treatment, with outcome), or None
        None where no confounder can be as strong as that; the second is at most 1.
    """
    if treatment >= 1.0 or outcome >= 1.0:
        return None
    with_treatment = times_treatment * treatment / (1.0 - treatment)
    bottom = (1.0 - times_treatment * treatment) * (1.0 - treatment)
    if with_treatment >= 1.0 or bottom <= 0.0:
        return None
    linked = times_treatment * treatment**2 / bottom
    if linked >= 1.0:
        return None
    factor = (math.sqrt(times_outcome) + math.sqrt(linked)) / math.sqrt(1.0 - linked)
    return with_treatment, min(1.0, factor**2 * outcome / (1.0 - outcome))
