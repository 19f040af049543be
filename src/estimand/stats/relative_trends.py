r"""Effects after treatment where violations of parallel trends are no larger than so many times those before.

From one step to the next the violation changes, after the reference, by at most :math:`\bar M` times the largest change
before it (Rambachan & Roth 2023, doi:10.1093/restud/rdad018). That set is a union over the step s before the reference
that changed most, and its sign. In one of these, with :math:`D = \pm(\delta_{s+1} - \delta_s)`, every
:math:`\pm(\delta_{t+1} - \delta_t) - \bar M D \le 0`, and the effects other than the target are free.

The test is that of Andrews, Roth & Pakes (2023), doi:10.1093/restud/rdad004: the largest violation of the moments, in
their standard errors, over the vertices of the dual programme. Rows of one step enter a vertex with the target's tail
weights :math:`L_t = \sum_{j>t} l_j`, or in equal shares, so there are few of them, and each is known in closed form:

.. math::
    \frac{\pm(l'\beta - \theta) - \bar M D \sum_t L_t}{\sum_t L_t \sigma_{t\pm}}, \qquad
    \frac{-2 \bar M D}{\sigma_{t+} + \sigma_{t-}}.

Given the vertex that is largest, it is a truncated normal; a first stage of size α/10 by the least favourable case
bounds it from above (the C-LF hybrid). Nothing is simulated.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.smooth_trends import EventStudy

FIRST_STAGE = 0.1
GRID = 101
HALVINGS = 26
FEW_HALVINGS = 12
FARTHEST = 8.0
SAME = 1e-10
TINY = 1e-12
CAP = 10.0
COARSE = 0.25
NEAR = 2.0
VERTICES = 4
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)


@dataclass(frozen=True, slots=True, eq=False)
class RelativeInterval:
    """Values of the target that are not rejected at one bound.

    Attributes
    ----------
    bound : float
        The multiple of the largest change before.
    low, high : float
        Ends of the smallest interval around them; not-a-number where every value is rejected.
    """

    bound: float
    low: float
    high: float


def relative_intervals(study: EventStudy, bounds: Floats, level: float) -> tuple[RelativeInterval, ...]:
    """Interval of the target under each bound, by inverting the hybrid test.

    Parameters
    ----------
    study : EventStudy
        With a coefficient before the reference at least; target weights of zero or more.
    bounds : ndarray of shape (m,)
        At least zero.
    level : float
    """
    moments = _Moments.of(study, bounds)
    test = _Hybrid.of(moments, level)
    low = moments.centre - moments.reach - test.limit * moments.above
    high = moments.centre + moments.reach + test.limit * moments.below
    grid = low[..., None] + (high - low)[..., None] * np.linspace(0.0, 1.0, GRID)
    kept = test.accepts(grid) & (low <= high)[..., None]
    some = kept.any(axis=-1)
    first, last = kept.argmax(axis=-1), GRID - 1 - kept[..., ::-1].argmax(axis=-1)
    lows = np.where(some, test.edge(grid, first, np.maximum(first - 1, 0)), np.inf).min(axis=1)
    highs = np.where(some, test.edge(grid, last, np.minimum(last + 1, GRID - 1)), -np.inf).max(axis=1)
    ends = zip(bounds.tolist(), lows.tolist(), highs.tolist(), strict=True)
    return tuple(
        RelativeInterval(bound, *((start, stop) if start <= stop else (float("nan"), float("nan"))))
        for bound, start, stop in ends
    )


def relative_breakdown(study: EventStudy, level: float, null: float = 0.0, cap: float = CAP) -> float:
    """Smallest bound at which the null is no longer rejected; infinite where it is rejected up to ``cap``.

    Bounds are tried every quarter up to two, then every half, and the first step that holds the null is halved.
    """

    def holds(bounds: Floats) -> Bools:
        moments = _Moments.of(study, bounds)
        accepted = _Hybrid.of(moments, level).accepts(np.full((*moments.reach.shape, 1), null))
        return np.asarray(accepted[..., 0].any(axis=1))

    low, high = 0.0, float("inf")
    for grid in (np.arange(0.0, NEAR + COARSE, COARSE), np.arange(NEAR, cap + COARSE, 2.0 * COARSE)):
        found = holds(grid)
        if found.any():
            first = int(found.argmax())
            low, high = float(grid[max(first - 1, 0)]), float(grid[first])
            break
    if not 0.0 < high < np.inf:
        return high
    for _ in range(FEW_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if holds(np.array([middle]))[0] else (middle, high)
    return high


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Target and change before, for bounds (m,) and the 2K steps and signs of the largest change.

    ``centre`` and ``change`` are normal with the variances and covariance given; ``reach`` is ``bound * change`` times
    the sum of tail weights, ``above`` and ``below`` the denominators of the target's vertices, ``thin`` and ``thick``
    the least and the largest of the others'. All of shape (m, 2K).
    """

    centre: Floats
    change: Floats
    variance: Floats
    change_variance: Floats
    covariance: Floats
    bound: Floats
    pull: Floats
    above: Floats
    below: Floats
    thin: Floats
    thick: Floats

    @property
    def reach(self) -> Floats:
        return self.pull * self.change

    @classmethod
    def of(cls, study: EventStudy, bounds: Floats) -> "_Moments":
        size = study.step.shape[0]
        before, after = np.flatnonzero(study.before), np.flatnonzero(~study.before)
        identity = np.eye(size)
        # Differences of neighbours, the reference being zero: after it and before it.
        later = identity[after] - np.vstack([np.zeros(size), identity[after[:-1]]])
        earlier = np.vstack([identity[before[1:]], np.zeros(size)]) - identity[before]
        signed = np.vstack([earlier, -earlier])
        tail = study.target[after][::-1].cumsum()[::-1]
        shape = (bounds.shape[0], signed.shape[0])
        bound = np.broadcast_to(bounds[:, None], shape)
        spreads = []
        for sign in (1.0, -1.0):
            rows = sign * later[None, None] - bound[:, :, None, None] * signed[None, :, None]
            spreads.append(np.sqrt(np.maximum(np.einsum("mstk,kl,mstl->mst", rows, study.vcov, rows), 0.0)))
        pairs = spreads[0] + spreads[1]
        cross = signed @ study.vcov
        return cls(
            centre=np.full(shape, float(study.target @ study.value)),
            change=np.broadcast_to(signed @ study.value, shape),
            variance=np.full(shape, float(study.target @ study.vcov @ study.target)),
            change_variance=np.broadcast_to((cross * signed).sum(axis=1), shape),
            covariance=np.broadcast_to(cross @ study.target, shape),
            bound=bound,
            pull=bound * float(tail.sum()),
            above=spreads[0] @ tail,
            below=spreads[1] @ tail,
            thin=pairs.min(axis=2),
            thick=pairs.max(axis=2),
        )

    def vertices(self) -> Floats:
        """Loadings of the four vertices on (target, change), shape (m, 2K, 4, 2)."""
        zero = np.zeros_like(self.pull)
        on_target = np.stack([1.0 / self.above, -1.0 / self.below, zero, zero], axis=-1)
        twice = -2.0 * self.bound
        on_change = np.stack(
            [-self.pull / self.above, -self.pull / self.below, twice / self.thin, twice / self.thick], axis=-1
        )
        return np.stack([on_target, on_change], axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class _Hybrid:
    """The C-LF hybrid test for every bound and set: the limit of its first stage (m, 2K), the size of its second."""

    moments: _Moments
    loadings: Floats
    covariance: Floats
    limit: Floats
    size: float

    @classmethod
    def of(cls, moments: _Moments, level: float) -> "_Hybrid":
        alpha = 1.0 - level
        first = FIRST_STAGE * alpha
        loadings = moments.vertices()
        top = np.stack([moments.variance, moments.covariance], axis=-1)
        bottom = np.stack([moments.covariance, moments.change_variance], axis=-1)
        spread = np.stack([top, bottom], axis=-1)
        covariance = np.einsum("msja,msab,mskb->msjk", loadings, spread, loadings)
        limit = _least_favourable(moments, 1.0 - first)
        return cls(moments, loadings, covariance, limit, (alpha - first) / (1.0 - first))

    def edge(self, grid: Floats, inner: Ints, outer: Ints) -> Floats:
        """Where acceptance ends between two places of a grid (m, 2K, g), by halving, shape (m, 2K)."""
        inside = np.take_along_axis(grid, inner[..., None], axis=-1)
        outside = np.take_along_axis(grid, outer[..., None], axis=-1)
        for _ in range(HALVINGS):
            middle = 0.5 * (inside + outside)
            kept = self.accepts(middle)
            inside, outside = np.where(kept, middle, inside), np.where(kept, outside, middle)
        return np.asarray(inside[..., 0])

    def accepts(self, theta: Floats) -> Bools:
        """Whether values of shape (m, 2K, g) are not rejected."""
        target = self.moments.centre[..., None] - theta
        change = np.broadcast_to(self.moments.change[..., None], theta.shape)
        heights = np.einsum("msja,msga->msgj", self.loadings, np.stack([target, change], axis=-1))
        best = heights.argmax(axis=-1)
        own = np.take_along_axis(self.covariance[:, :, None], best[..., None, None], axis=3)[..., 0, :]
        top = np.take_along_axis(heights, best[..., None], axis=-1)
        variance = np.take_along_axis(own, best[..., None], axis=-1)
        live = variance > TINY
        ratio = own / np.where(live, variance, 1.0)
        slack = 1.0 - ratio
        edge = (heights - ratio * top) / np.where(np.abs(slack) > SAME, slack, 1.0)
        low = np.where(slack > SAME, edge, -np.inf).max(axis=-1)
        high = np.where(slack < -SAME, edge, np.inf).min(axis=-1)
        spread, height = np.sqrt(np.where(live, variance, 1.0))[..., 0], top[..., 0]
        high = np.minimum(high, self.limit[..., None])
        tail = _tail(height / spread, low / spread, high / spread)
        rejected = (height > self.limit[..., None]) | (live[..., 0] & (height > 0.0) & (tail < self.size))
        return np.asarray(~rejected)


def _tail(value: Floats, low: Floats, high: Floats) -> Floats:
    """Chance that a standard normal between ``low`` and ``high`` is above ``value``."""
    far = np.minimum(log_ndtr(-high), log_ndtr(-low))
    start, here = log_ndtr(-low), np.minimum(log_ndtr(-np.minimum(value, high)), log_ndtr(-low))
    width, left = start - far, np.maximum(here - far, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        cut = np.where(np.isinf(far), 0.0, np.log1p(-np.exp(-left)) - np.log1p(-np.exp(-width)))
        part = here - start + cut
    return np.where(width <= 0.0, 1.0, np.exp(np.where(left <= 0.0, -np.inf, part)))


def _least_favourable(moments: _Moments, level: float) -> Floats:
    """Quantile of the largest vertex where every moment is zero: one integral over the change before, (m, 2K)."""
    spread = np.sqrt(moments.change_variance)
    slope = moments.covariance / moments.change_variance
    left = np.sqrt(np.maximum(moments.variance - slope * moments.covariance, TINY * moments.variance))
    # No vertex has a variance above one, so Bonferroni bounds the quantile.
    low, high = np.zeros_like(moments.pull), np.full_like(moments.pull, -ndtri((1.0 - level) / VERTICES))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        with np.errstate(divide="ignore"):
            start = np.where(moments.bound > 0.0, -middle * moments.thin / (2.0 * moments.bound * spread), -FARTHEST)
        start = np.clip(start, -FARTHEST, FARTHEST)[..., None]
        half = 0.5 * (FARTHEST - start)
        z = start + half * (_NODES + 1.0)
        change = z * spread[..., None]
        reach, mean = moments.pull[..., None] * change, slope[..., None] * change
        above = (middle * moments.above)[..., None] + reach - mean
        below = (middle * moments.below)[..., None] + reach + mean
        inside = np.maximum(ndtr(above / left[..., None]) - ndtr(-below / left[..., None]), 0.0)
        mass = (inside * np.exp(-0.5 * z * z) * half * _WEIGHTS).sum(axis=-1) / np.sqrt(2.0 * np.pi)
        short = mass < level
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return high
