r"""Level of a metric in each arm, from moments: means, ratios, adjusted for history and for strata.

With outcomes Y (a value, and the denominator of a ratio), history X, and :math:`B_a` the slopes of Y on X in arm a, the
adjusted mean of an arm is :math:`\hat\mu_a = \bar Y_a - B_a'(\bar X_a - \bar X)`, with :math:`\bar X` that of all arms
(Lin 2013, doi:10.1214/12-AOAS583). Over units drawn from a superpopulation

.. math:: \operatorname{Cov}(\hat\mu_a, \hat\mu_b) = 1\{a = b\}\, S_a \bigl(1/n_a + h_a\bigr) + B_a' S_X B_b / N,

where :math:`S_a` is the residual covariance, with :math:`n_a - 1 - k` degrees of freedom, and :math:`h_a` the leverage
of :math:`\bar X`. Over strata of shares :math:`W_s` means add by share, their covariances by :math:`W_s^2`, and what
shares vary is :math:`\sum_s W_s (\mu_{as} - \mu_a)(\mu_{bs} - \mu_b)' / N` (Miratrix, Sekhon & Yu 2013,
doi:10.1111/j.1467-9868.2012.01048.x). A ratio of two means is linearised (Deng, Knoblich & Lu 2018,
doi:10.1145/3219819.3219919).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Floats, Ints
from estimand.stats.moments import ArmMoments, merge_moments

Slopes: TypeAlias = Literal["arm", "pooled"]
SINGULAR = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Level of a metric in each of a arms.

    Attributes
    ----------
    shift : float
        To be added to ``value``; kept apart so that differences lose no digits.
    value : ndarray of shape (a,)
    vcov : ndarray of shape (a, a)
    own : ndarray of shape (s, a)
        What each stratum's units of an arm bring to its variance.
    df : ndarray of shape (s, a)
        Degrees of freedom of each.
    slopes : tuple of ndarray of shape (a, k, q)
        Per stratum.
    gradient : ndarray of shape (a, q)
        Slope of each arm's level on its means.
    """

    shift: float
    value: Floats
    vcov: Floats
    own: Floats
    df: Floats
    slopes: tuple[Floats, ...]
    gradient: Floats

    @property
    def effect(self) -> Floats:
        """Difference of each arm from the first, shape (a - 1,)."""
        return np.asarray(self.value[1:] - self.value[0])

    @property
    def effect_vcov(self) -> Floats:
        """Covariance of the differences, shape (a - 1, a - 1)."""
        contrast = self._contrast()
        return np.asarray(contrast @ self.vcov @ contrast.T)

    @property
    def with_control(self) -> Floats:
        """Covariance of each difference with the first arm's level, shape (a - 1,)."""
        return np.asarray(self._contrast() @ self.vcov[:, 0])

    def scaled(self, by: Floats) -> "Levels":
        """Levels of each arm times a number, as where they are taken to another scale; the shift is left out."""
        vcov, own = self.vcov * np.outer(by, by), self.own * np.square(by)
        return replace(self, shift=0.0, value=self.value * by, vcov=vcov, own=own)

    def effect_df(self) -> Floats:
        """Welch-Satterthwaite degrees of freedom of the differences, shape (a - 1,)."""
        safe = np.where(self.own > 0.0, self.df, 1.0)
        loss = (np.square(self.own) / safe).sum(axis=0)
        pair = loss[1:] + loss[0]
        whole = np.square(np.diag(self.effect_vcov))
        return np.where(pair > 0.0, whole / np.where(pair > 0.0, pair, 1.0), np.inf)

    def _contrast(self) -> Floats:
        k = self.value.shape[0] - 1
        return np.hstack([-np.ones((k, 1)), np.eye(k)])


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """Means of q outcomes in each of a arms of one stratum, adjusted for k columns of history."""

    mean: Floats
    own: Floats
    shared: Floats
    df: Floats
    slopes: Floats


def level_influence(levels: Levels, columns: Floats, arm: Ints, stratum: Ints) -> Floats:
    """Influence ψ of every arm's level, shape (n, a): level minus its truth is about the mean of ψ.

    Parameters
    ----------
    levels : Levels
    columns : ndarray of shape (n, q + k)
        Outcomes, then history, of the units that the moments were of; history is not read where a stratum has none.
    arm, stratum : ndarray of shape (n,)
        Codes.
    """
    n, (arms, q) = arm.shape[0], levels.gradient.shape
    psi = np.zeros((n, arms))
    middle = np.zeros((len(levels.slopes), arms))
    for s, slopes in enumerate(levels.slopes):
        rows = np.flatnonzero(stratum == s)
        history = columns[rows, q : q + slopes.shape[1]]
        off = history - history.mean(axis=0)
        for a in range(arms):
            mine = arm[rows] == a
            slope = slopes[a] @ levels.gradient[a]
            outcome = columns[rows, :q] @ levels.gradient[a]
            own = outcome[mine] - off[mine] @ slope
            middle[s, a] = own.mean()
            psi[rows, a] = off @ slope + middle[s, a]
            psi[rows[mine], a] += (own - own.mean()) * (rows.shape[0] / own.shape[0])
    share = np.bincount(stratum, minlength=middle.shape[0]) / n
    return np.asarray(psi - share @ middle)


def metric_levels(
    strata: Sequence[ArmMoments], outcomes: int, shift: Floats, offset: float = 0.0, slopes: Slopes = "arm"
) -> Levels:
    """Level of a metric in each arm, by strata.

    Parameters
    ----------
    strata : sequence of ArmMoments
        Over the outcome columns, then the history; every arm has units in each.
    outcomes : int
        One for a mean; two for a ratio, the denominator second.
    shift : ndarray of shape (outcomes,)
        What was taken off the outcomes.
    offset : float
        To be added to every level.
    slopes : "arm" | "pooled"
        Whether slopes on history are of each arm, or of all units together and taken as known.
    """
    parts = [adjusted_means(part, outcomes, slopes) for part in strata]
    sizes = np.array([part.units.sum() for part in strata])
    share = sizes / sizes.sum()
    mean = np.einsum("s,saq->aq", share, np.stack([part.mean for part in parts]))
    gap = np.stack([part.mean - mean for part in parts])
    between = np.einsum("s,saq,sbr->aqbr", share, gap, gap) / sizes.sum()
    shared = np.einsum("s,saqbr->aqbr", np.square(share), np.stack([part.shared for part in parts])) + between
    slope, level, constant = _linearised(mean, outcomes, shift)
    own = np.square(share)[:, None] * np.einsum("aq,saqr,ar->sa", slope, np.stack([part.own for part in parts]), slope)
    vcov = np.einsum("aq,aqbr,br->ab", slope, shared, slope) + np.diag(own.sum(axis=0))
    df = np.stack([part.df for part in parts])
    return Levels(constant + offset, level, vcov, own, df, tuple(part.slopes for part in parts), slope)


def _linearised(mean: Floats, outcomes: int, shift: Floats) -> tuple[Floats, Floats, float]:
    """Slopes of each arm's level on its means (a, q), the level less a constant (a,), and the constant."""
    if outcomes == 1:
        return np.ones_like(mean), mean[:, 0], float(shift[0])
    below = mean[:, 1] + shift[1]
    ratio = (mean[:, 0] + shift[0]) / below
    return np.stack([1.0 / below, -ratio / below], axis=1), ratio, 0.0


def adjusted_means(part: ArmMoments, outcomes: int, slopes: Slopes = "arm") -> Adjusted:
    """Means of the outcomes in each arm of one stratum, adjusted for the history beside them."""
    arms, p = part.mean.shape
    k = p - outcomes
    used = k if slopes == "arm" else 0
    df = part.units - 1.0 - used
    free = np.maximum(df, 1.0)
    if k == 0:
        own = part.cross / (free * part.units)[:, None, None]
        return Adjusted(part.mean, own, np.zeros((arms, p, arms, p)), df, np.zeros((arms, 0, outcomes)))
    whole = pooled_arms(part)
    total = float(whole.units[0])
    y, x = slice(0, outcomes), slice(outcomes, p)
    if slopes == "arm":
        beta = np.stack([_slopes(cross[x, x], cross[x, y]) for cross in part.cross])
    else:
        beta = np.repeat(_slopes(whole.cross[0][x, x], whole.cross[0][x, y])[None], arms, axis=0)
    off = part.mean[:, x] - whole.mean[0, x]
    mean = part.mean[:, y] - np.einsum("ak,akq->aq", off, beta)
    keep = np.concatenate([np.broadcast_to(np.eye(outcomes), (arms, outcomes, outcomes)), -beta], axis=1)
    residual = np.einsum("apq,apr,ars->aqs", keep, part.cross, keep) / free[:, None, None]
    leverage = np.array([_leverage(cross[x, x], gap) for cross, gap in zip(part.cross, off, strict=True)])
    each = 1.0 / part.units + (leverage if slopes == "arm" else 0.0)
    spread = whole.cross[0][x, x] / ((total - 1.0) * total)
    shared = np.einsum("akq,kl,blr->aqbr", beta, spread, beta)
    return Adjusted(mean, residual * each[:, None, None], shared, df, beta)


def pooled_arms(part: ArmMoments) -> ArmMoments:
    """Moments of the units of all arms together, as one arm."""
    whole = ArmMoments(part.units[:1], part.mean[:1], part.cross[:1])
    for a in range(1, part.units.shape[0]):
        inside = slice(a, a + 1)
        whole = merge_moments(whole, ArmMoments(part.units[inside], part.mean[inside], part.cross[inside]))
    return whole


def _slopes(gram: Floats, right: Floats) -> Floats:
    """Least-squares slopes; zero for what does not vary or repeats another column."""
    return np.asarray(_inverse(gram) @ right)


def _leverage(gram: Floats, gap: Floats) -> float:
    return float(gap @ _inverse(gram) @ gap)


def _inverse(gram: Floats) -> Floats:
    """Inverse, or the generalised one, on a unit diagonal."""
    root = np.sqrt(np.diag(gram))
    scale = np.where(root > 0.0, root, 1.0)
    whole = np.outer(scale, scale)
    if gram.shape[0] == 1:
        return np.asarray(np.where(gram > 0.0, 1.0, 0.0) / whole)
    return np.asarray(np.linalg.pinv(gram / whole, rcond=SINGULAR, hermitian=True) / whole)
