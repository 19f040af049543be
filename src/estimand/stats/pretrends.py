r"""Tests of trends before treatment: the joint test, and which violation it would have found.

A line :math:`\delta_k = \gamma\,(k - r)` through the reference :math:`r` is a violation of parallel trends that grows
with time. Coefficients are normal about it, with their own covariance. Roth (2022), doi:10.1257/aeri.20210236, asks
with which probability a pre-test would have seen it, and what the effects are off by where the test is passed.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, chdtri, chndtr, fdtrc, fdtri, ncfdtr

from estimand.stats.arrays import Bools, Floats
from estimand.stats.normal_box import InBox, in_box

RANK = 1e-10
STEEPEST = 1e8


@dataclass(frozen=True, slots=True)
class JointTest:
    """Wald test that several coefficients are all zero.

    Attributes
    ----------
    statistic : float
        Chi-square, or F where there are degrees of freedom.
    rank : int
        Independent coefficients tested.
    df : float
        Degrees of freedom of the denominator; infinite for the chi-square.
    p_value : float
    """

    statistic: float
    rank: int
    df: float
    p_value: float


def joint_test(value: Floats, vcov: Floats, df: float = np.inf) -> JointTest:
    """Test that all coefficients are zero.

    Parameters
    ----------
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
        Directions without variance are left out.
    df : float
        Of the covariance.
    """
    inverse, rank = _inverse(vcov)
    wald = float(value @ inverse @ value)
    if np.isfinite(df):
        return JointTest(wald / rank, rank, df, float(fdtrc(rank, df, wald / rank)))
    return JointTest(wald, rank, df, float(chdtrc(rank, wald)))


def _inverse(vcov: Floats) -> tuple[Floats, int]:
    scale = np.sqrt(np.diag(vcov))
    safe = np.where(scale > 0.0, scale, 1.0)
    values, vectors = np.linalg.eigh(vcov / np.outer(safe, safe))
    kept = values > RANK * values.max(initial=0.0)
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    return np.asarray(inverse / np.outer(safe, safe)), int(kept.sum())


def passing(trend: Floats, vcov: Floats, critical: Floats) -> InBox:
    """Pre-test passed: no coefficient is significant by itself, where the truth is ``trend``; all of shape (k,)."""
    reach = critical * np.sqrt(np.diag(vcov))
    return in_box(trend, vcov, -reach, reach)


def slope_found(time: Floats, vcov: Floats, power: float, critical: Floats) -> float:
    """Slope of the line that leaves some coefficient significant with a given probability.

    The chance to pass falls along every ray from zero (Anderson 1955, doi:10.1090/S0002-9939-1955-0069229-1), so
    there is one such slope, and its mirror.

    Parameters
    ----------
    time : ndarray of shape (k,)
        Event times less that of the reference.
    vcov : ndarray of shape (k, k)
    power : float
        Above the test's own size.
    critical : ndarray of shape (k,)
        Of each coefficient's own test, such as 1.96.
    """
    unit = float((np.sqrt(np.diag(vcov)) / np.abs(time)).min())

    def short(slope: float) -> float:
        return 1.0 - passing(slope * unit * time, vcov, critical).probability - power

    if short(0.0) >= 0.0:
        return 0.0
    far = 1.0
    while short(far) < 0.0 and far < STEEPEST:
        far *= 2.0
    return unit * float(brentq(short, 0.0, far, xtol=1e-10))


def slope_found_jointly(time: Floats, vcov: Floats, power: float, level: float, df: float = np.inf) -> float:
    """Slope of the line that the joint test rejects with a given probability: by the non-central chi-square, or F.

    Parameters
    ----------
    time : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    power : float
    level : float
        Confidence level, such as 0.95.
    df : float
        Of the covariance.
    """
    inverse, rank = _inverse(vcov)
    size = 1.0 - level
    if power <= size:
        return 0.0
    edge = float(fdtri(rank, df, level)) if np.isfinite(df) else float(chdtri(rank, size))

    def short(away: float) -> float:
        missed = ncfdtr(rank, df, away, edge) if np.isfinite(df) else chndtr(edge, rank, away)
        return 1.0 - float(missed) - power

    far = 1.0
    while short(far) < 0.0 and far < STEEPEST:
        far *= 2.0
    away = float(brentq(short, 0.0, far, xtol=1e-12))
    return float(np.sqrt(away / (time @ inverse @ time)))


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """What coefficients are on average where the pre-test was passed, and the truth is a given violation.

    Attributes
    ----------
    power : float
        Probability that the pre-test speaks.
    mean : ndarray of shape (k,)
        Of all coefficients, those before treatment and after, given that it does not.
    bayes_factor : float
        Chance to pass under the violation over that without one.
    log_likelihood_ratio : float
        Of the coefficients before treatment, under the violation against none.
    """

    power: float
    mean: Floats
    bayes_factor: float
    log_likelihood_ratio: float


def given_passed(value: Floats, vcov: Floats, trend: Floats, before: Bools, critical: Floats) -> Passed:
    """Average of the coefficients, given that no earlier one is significant, where the truth is ``trend``.

    Parameters
    ----------
    value, trend : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    before : ndarray of shape (k,) of bool
        Coefficients of the pre-test.
    critical : ndarray of shape (sum(before),)
    """
    pre = before
    own = vcov[np.ix_(pre, pre)]
    inverse, _ = _inverse(own)
    seen, quiet = passing(trend[pre], own, critical), passing(np.zeros(int(pre.sum())), own, critical)
    mean = np.array(trend, dtype=float)
    mean[pre] = seen.mean
    mean[~pre] += vcov[np.ix_(~pre, pre)] @ inverse @ (seen.mean - trend[pre])
    away = trend[pre]
    ratio = float(away @ inverse @ value[pre] - 0.5 * away @ inverse @ away)
    return Passed(1.0 - seen.probability, mean, seen.probability / quiet.probability, ratio)
