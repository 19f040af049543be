r"""Effect on those whose treatment the assignment decides: ratio of two effects of the assignment.

With :math:`\hat\Delta_y` the effect of an arm on the outcome and :math:`\hat\Delta_d` that on the treatment received,
:math:`\hat\tau = \hat\Delta_y / \hat\Delta_d` (Wald). It is linearised as
:math:`(\hat\Delta_y - \tau \hat\Delta_d) / \Delta_d`, which fails where :math:`\Delta_d` is not told from zero.
The set of Anderson and Rubin is of the :math:`\tau_0` at which :math:`\Delta_y - \tau_0 \Delta_d = 0` is not
rejected; it keeps its level however weak the first stage is, and rejects zero where the test of
:math:`\Delta_y = 0` does.

Imbens & Angrist (1994), doi:10.2307/2951620; Anderson & Rubin (1949), doi:10.1214/aoms/1177730090.
"""

from dataclasses import dataclass

import numpy as np

from estimand.stats.arrays import Floats
from estimand.stats.fieller import fieller_set
from estimand.stats.intervals import critical_value, two_sided_p
from estimand.stats.metric_moments import JointMeans

Segments = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class WaldRatios:
    """Ratios of k arms, each against the first.

    Attributes
    ----------
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
        By the delta method.
    effects : ndarray of shape (k, 2)
        Of assignment, on the outcome and on the treatment received.
    spread : ndarray of shape (k, 2, 2)
        Covariance of both.
    df : ndarray of shape (k,)
        Welch-Satterthwaite degrees of freedom of the effect on the outcome.
    """

    value: Floats
    vcov: Floats
    effects: Floats
    spread: Floats
    df: Floats

    def first_stage(self) -> Floats:
        """F of the assignment on the treatment received, shape (k,); infinite where nobody's choice differs."""
        variance = self.spread[:, 1, 1]
        safe = np.where(variance > 0.0, variance, 1.0)
        return np.where(variance > 0.0, np.square(self.effects[:, 1]) / safe, np.inf)

    def p_value(self) -> Floats:
        """P-value of no effect on the outcome, shape (k,); zero for one without noise, one for neither."""
        error, effect = np.sqrt(self.spread[:, 0, 0]), self.effects[:, 0]
        noisy = error > 0.0
        found = two_sided_p(effect / np.where(noisy, error, 1.0), self.df)
        return np.where(noisy, found, np.where(effect == 0.0, 1.0, 0.0))

    def sets(self, level: float) -> tuple[Segments, ...]:
        """Set of Anderson and Rubin of each ratio; ends may be infinite."""
        k = self.value.shape[0]
        critical = np.broadcast_to(critical_value(level, self.df, k), (k,))
        return tuple(
            fieller_set(float(y), float(d), (float(v[0, 0]), float(v[0, 1]), float(v[1, 1])), float(c))
            for (y, d), v, c in zip(self.effects, self.spread, critical, strict=True)
        )


def wald_ratios(joint: JointMeans) -> WaldRatios:
    """Divide effects on the outcome by those on the treatment received, the second column of the means.

    No effect on the second may be zero.
    """
    effects = joint.mean[1:] - joint.mean[0]
    whole = joint.vcov
    spread = whole[1:, :, 1:, :] - whole[1:, :, :1, :] - whole[:1, :, 1:, :] + whole[:1, :, :1, :]
    value = effects[:, 0] / effects[:, 1]
    slope = np.stack([1.0 / effects[:, 1], -value / effects[:, 1]], axis=1)
    vcov = np.einsum("kq,kqlr,lr->kl", slope, spread, slope)
    own = np.einsum("kqkr->kqr", spread)
    return WaldRatios(value, vcov, effects, own, _welch(joint, own[:, 0, 0]))


def _welch(joint: JointMeans, variance: Floats) -> Floats:
    alone = joint.own[:, :, 0, 0]
    safe = np.where(alone > 0.0, joint.df, 1.0)
    loss = (np.square(alone) / safe).sum(axis=0)
    pair = loss[1:] + loss[0]
    return np.where(pair > 0.0, np.square(variance) / np.where(pair > 0.0, pair, 1.0), np.inf)
