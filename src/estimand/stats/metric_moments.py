r"""Level of a metric in each arm, from moments: means, ratios, adjusted for history and for strata.

With outcomes Y (a value, and the denominator of a ratio), history X, and :math:`B_a` the slopes of Y on X in arm a, the
adjusted mean of an arm is :math:`\hat\mu_a = \bar Y_a - B_a'(\bar X_a - \bar X)`, with :math:`\bar X` that of all arms
(Lin 2013, doi:10.1214/12-AOAS583). Over units drawn from a superpopulation

.. math:: \operatorname{Cov}(\hat\mu_a, \hat\mu_b) = 1\{a = b\}\, S_a \bigl(1/n_a + h_a\bigr) + B_a' S_X B_b / N,

where :math:`S_a` is the residual covariance, with :math:`n_a - 1 - k` degrees of freedom, and :math:`h_a` the leverage
of :math:`\bar X`. Over strata of shares :math:`W_s` means add by share, their covariances by :math:`W_s^2`, and what
shares vary is :math:`\sum_s W_s (\mu_{as} - \mu_a)(\mu_{bs} - \mu_b)' / N` (Miratrix, Sekhon & Yu 2013,
doi:10.1111/j.1467-9868.2012.01048.x). The slopes of an arm are of all its strata together, from deviations within them:
least squares on history and a dummy of every stratum. Each stratum keeps a residual covariance :math:`S_{as}` of its
own; with :math:`A_a = \sum_s X_{as}'X_{as}` and :math:`u_a = A_a^{-1} \sum_s W_s (\bar X_{as} - \bar X_s)` the slopes
bring :math:`\sum_s S_{as}\, u_a' X_{as}'X_{as} u_a`. A ratio of two means is linearised (Deng, Knoblich & Lu 2018,
doi:10.1145/3219819.3219919).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from estimand.stats.arrays import Floats, Ints
from estimand.stats.moments import ArmMoments, merge_moments

Slopes: TypeAlias = Literal["arm", "pooled", "stratum"]
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
class JointMeans:
    """Means of q outcomes in each of a arms, adjusted for history and averaged over s strata.

    Attributes
    ----------
    mean : ndarray of shape (a, q)
        Less the shift of the moments.
    own : ndarray of shape (s, a, q, q)
        What each stratum's units of an arm bring to its covariance.
    shared : ndarray of shape (a, q, a, q)
        Covariance by what arms have in common: everyone's history, and the strata's shares.
    df : ndarray of shape (s, a)
        Degrees of freedom of each part of ``own``.
    slopes : tuple of ndarray of shape (a, k, q)
        Per stratum.
    """

    mean: Floats
    own: Floats
    shared: Floats
    df: Floats
    slopes: tuple[Floats, ...]

    @property
    def vcov(self) -> Floats:
        """Covariance of all means, shape (a, q, a, q)."""
        whole = self.shared.copy()
        for a, own in enumerate(self.own.sum(axis=0)):
            whole[a, :, a, :] += own
        return whole


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Slopes (a, k, q) of one stratum, u (a, k) by which they vary, and degrees of freedom (a,)."""

    slopes: Floats
    lever: Floats
    df: Floats


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
    slopes : "arm" | "pooled" | "stratum"
        Whether slopes on history are of each arm, over its strata; of all units together, and taken as known; or of
        each arm and stratum.
    """
    joint = joint_means(strata, outcomes, slopes)
    slope, level, constant = _linearised(joint.mean, outcomes, shift)
    own = np.einsum("aq,saqr,ar->sa", slope, joint.own, slope)
    vcov = np.einsum("aq,aqbr,br->ab", slope, joint.shared, slope) + np.diag(own.sum(axis=0))
    return Levels(constant + offset, level, vcov, own, joint.df, joint.slopes, slope)


def joint_means(strata: Sequence[ArmMoments], outcomes: int, slopes: Slopes = "arm") -> JointMeans:
    """Adjusted means of the outcomes and their covariance; see :func:`metric_levels` for the parameters."""
    sizes = np.array([part.units.sum() for part in strata])
    share = sizes / sizes.sum()
    lines = _lines(strata, outcomes, share, slopes)
    found = [_adjusted(*of, outcomes) for of in zip(strata, lines, share, strict=True)]
    means = np.stack([mean for mean, _, _ in found])
    mean = np.einsum("s,saq->aq", share, means)
    gap = means - mean
    between = np.einsum("s,saq,sbr->aqbr", share, gap, gap) / sizes.sum()
    shared = np.einsum("s,saqbr->aqbr", np.square(share), np.stack([part for _, _, part in found])) + between
    own, df = np.stack([part for _, part, _ in found]), np.stack([line.df for line in lines])
    return JointMeans(mean, own, shared, df, tuple(line.slopes for line in lines))


def _linearised(mean: Floats, outcomes: int, shift: Floats) -> tuple[Floats, Floats, float]:
    """Slopes of each arm's level on its means (a, q), the level less a constant (a,), and the constant."""
    if outcomes == 1:
        return np.ones_like(mean), mean[:, 0], float(shift[0])
    below = mean[:, 1] + shift[1]
    ratio = (mean[:, 0] + shift[0]) / below
    return np.stack([1.0 / below, -ratio / below], axis=1), ratio, 0.0


def _adjusted(part: ArmMoments, line: _Lines, share: float, outcomes: int) -> tuple[Floats, Floats, Floats]:
    """Means (a, q) of one stratum, their own covariance (a, q, q) times the share squared, and the shared one."""
    arms, p = part.mean.shape
    y, x = slice(0, outcomes), slice(outcomes, p)
    whole = pooled_arms(part)
    total = float(whole.units[0])
    mean = part.mean[:, y] - np.einsum("ak,akq->aq", part.mean[:, x] - whole.mean[0, x], line.slopes)
    keep = np.concatenate([np.broadcast_to(np.eye(outcomes), (arms, outcomes, outcomes)), -line.slopes], axis=1)
    residual = np.einsum("apq,apr,ars->aqs", keep, part.cross, keep) / np.maximum(line.df, 1.0)[:, None, None]
    each = share**2 / part.units + np.einsum("ak,akl,al->a", line.lever, part.cross[:, x, x], line.lever)
    spread = whole.cross[0][x, x] / ((total - 1.0) * total)
    shared = np.einsum("akq,kl,blr->aqbr", line.slopes, spread, line.slopes)
    return mean, residual * each[:, None, None], shared


def _lines(strata: Sequence[ArmMoments], outcomes: int, share: Floats, slopes: Slopes) -> list[_Lines]:
    """Lines of every stratum; without slopes where it has no history."""
    a = strata[0].mean.shape[0]
    found = [_Lines(np.zeros((a, 0, outcomes)), np.zeros((a, 0)), part.units - 1.0) for part in strata]
    known = [s for s, part in enumerate(strata) if part.mean.shape[1] > outcomes]
    for group in [[s] for s in known] if slopes == "stratum" else [known] if known else []:
        lines = _fitted([strata[s] for s in group], outcomes, share[group], slopes)
        for s, line in zip(group, lines, strict=True):
            found[s] = line
    return found


def _fitted(parts: Sequence[ArmMoments], outcomes: int, share: Floats, slopes: Slopes) -> list[_Lines]:
    """Slopes of strata that have them in common."""
    arms, p = parts[0].mean.shape
    k, y, x = p - outcomes, slice(0, outcomes), slice(outcomes, p)
    wholes = [pooled_arms(part) for part in parts]
    if slopes == "pooled":
        gram = np.sum([whole.cross[0] for whole in wholes], axis=0)
        beta = np.repeat((_inverse(gram[x, x]) @ gram[x, y])[None], arms, axis=0)
        return [_Lines(beta, np.zeros((arms, k)), part.units - 1.0) for part in parts]
    gram = np.sum([part.cross for part in parts], axis=0)
    inverse = np.stack([_inverse(one[x, x]) for one in gram])
    off = [part.mean[:, x] - whole.mean[0, x] for part, whole in zip(parts, wholes, strict=True)]
    lever = np.einsum("akl,al->ak", inverse, np.einsum("s,sak->ak", share, np.stack(off)))
    free = np.sum([part.units - 1.0 for part in parts], axis=0)
    left = 1.0 - k / np.maximum(free, 1.0)
    return [_Lines(inverse @ gram[:, x, y], lever, (part.units - 1.0) * left) for part in parts]


def pooled_arms(part: ArmMoments) -> ArmMoments:
    """Moments of the units of all arms together, as one arm."""
    whole = ArmMoments(part.units[:1], part.mean[:1], part.cross[:1])
    for a in range(1, part.units.shape[0]):
        inside = slice(a, a + 1)
        whole = merge_moments(whole, ArmMoments(part.units[inside], part.mean[inside], part.cross[inside]))
    return whole


def _inverse(gram: Floats) -> Floats:
    """Inverse, or the generalised one, on a unit diagonal: slopes are zero on what does not vary or repeats."""
    root = np.sqrt(np.diag(gram))
    scale = np.where(root > 0.0, root, 1.0)
    whole = np.outer(scale, scale)
    if gram.shape[0] == 1:
        return np.asarray(np.where(gram > 0.0, 1.0, 0.0) / whole)
    return np.asarray(np.linalg.pinv(gram / whole, rcond=SINGULAR, hermitian=True) / whole)
