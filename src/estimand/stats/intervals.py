"""Quantiles, p-values, intervals on a scale, and simultaneous critical values."""

from typing import Literal, TypeAlias

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, stdtr, stdtrit

from estimand.stats.arrays import Floats

Scale: TypeAlias = Literal["identity", "log", "logit"]
SUP_T_DRAWS = 200_000
SUP_T_SEED = 20_190_401


def critical_value(level: float, df: Floats | None, size: int) -> Floats:
    """Two-sided critical value of each of ``size`` terms: t where ``df`` is given and finite, else normal."""
    upper = 0.5 + level / 2.0
    normal = np.full(size, float(ndtri(upper)))
    if df is None:
        return normal
    finite = np.isfinite(df)
    student: Floats = stdtrit(np.where(finite, df, 1.0), upper)
    return np.where(finite, student, normal)


def two_sided_p(statistic: Floats, df: Floats | None) -> Floats:
    """P-value of |statistic| under t(df), or the normal where ``df`` is None or infinite."""
    tail = -np.abs(statistic)
    normal: Floats = 2.0 * ndtr(tail)
    if df is None:
        return normal
    finite = np.isfinite(df)
    student: Floats = 2.0 * stdtr(np.where(finite, df, 1.0), tail)
    return np.where(finite, student, normal)


def to_scale(value: Floats, scale: Scale) -> Floats:
    """Map a natural value to the scale on which it is taken to be normal."""
    if scale == "log":
        return np.asarray(np.log(value))
    return np.asarray(logit(value)) if scale == "logit" else value


def from_scale(value: Floats, scale: Scale) -> Floats:
    """Invert :func:`to_scale`."""
    if scale == "log":
        return np.asarray(np.exp(value))
    return np.asarray(expit(value)) if scale == "logit" else value


def scale_slope(value: Floats, scale: Scale) -> Floats:
    """Derivative of the natural value with respect to the scaled one, at ``value``."""
    if scale == "log":
        return value
    return np.asarray(value * (1.0 - value)) if scale == "logit" else np.ones_like(value)


def welch_df(variance: Floats, counts: Floats) -> Floats:
    """Welch-Satterthwaite degrees of freedom of a difference of two means.

    Parameters
    ----------
    variance, counts : ndarray of shape (2, ...)
        Sample variance and size of each arm. Two arms of no variance give infinity: there is nothing to
        correct for.
    """
    share = variance / counts
    bottom = (np.square(share) / (counts - 1.0)).sum(axis=0)
    safe = np.where(bottom > 0.0, bottom, 1.0)
    return np.where(bottom > 0.0, np.square(share.sum(axis=0)) / safe, np.inf)


def sup_t_critical_value(vcov: Floats, level: float, df: Floats | None = None) -> float:
    """Critical value of the simultaneous (sup-t) band, by simulation with a fixed stream.

    Montiel Olea & Plagborg-Møller (2019), doi:10.1002/jae.2656. With degrees of freedom the terms share
    one chi-square divisor, of the least of them.
    """
    std = np.sqrt(np.diag(vcov))
    live = std > 0.0
    least = np.inf if df is None else float(np.min(df[live], initial=np.inf))
    if live.sum() <= 1:
        return float(critical_value(level, np.array([least]), 1)[0])
    correlation = vcov[np.ix_(live, live)] / np.outer(std[live], std[live])
    eigenvalues, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    stream = np.random.Generator(np.random.Philox(SUP_T_SEED))
    draws = stream.standard_normal((SUP_T_DRAWS, root.shape[1]))
    largest = np.abs(draws @ root.T).max(axis=1)
    if np.isfinite(least):
        largest /= np.sqrt(stream.chisquare(least, SUP_T_DRAWS) / least)
    return float(np.quantile(largest, level))


def bca_interval(draws: Floats, value: Floats, acceleration: Floats, level: float) -> Floats:
    """Bias-corrected and accelerated interval of each term, shape (k, 2).

    Efron (1987), doi:10.2307/2289144. Draws all on one side of the value leave the bias without a finite
    correction; the interval then ends at the draws' own extremes.

    Parameters
    ----------
    draws : ndarray of shape (b, k)
    value, acceleration : ndarray of shape (k,)
    """
    below = (draws < value).mean(axis=0) + 0.5 * (draws == value).mean(axis=0)
    bias = ndtri(np.clip(below, 0.5 / draws.shape[0], 1.0 - 0.5 / draws.shape[0]))
    tail = (1.0 - level) / 2.0
    out = np.empty((value.shape[0], 2))
    for side, share in enumerate((tail, 1.0 - tail)):
        reach = bias + ndtri(share)
        corrected = ndtr(bias + reach / (1.0 - acceleration * reach))
        out[:, side] = [np.quantile(draws[:, j], corrected[j]) for j in range(value.shape[0])]
    return out
