r"""Effects after treatment where the violation of parallel trends is smooth: fixed-length intervals.

The slope of the violation :math:`\delta` changes by at most M from one step to the next,
:math:`|\delta_{t+1} - 2\delta_t + \delta_{t-1}| \le M`, and it is zero at the reference (Rambachan & Roth 2023,
doi:10.1093/restud/rdad018). An affine estimator :math:`v'\hat\beta` with the target's own weights after treatment is
off by at most :math:`M\lVert G'v\rVert_1`, where G makes a violation of its second differences, if it makes nothing of
a line. Its interval is ``sd * c(bias / sd)`` to either side, with c the quantile of :math:`|N(t, 1)|`, and the
shortest one is a convex programme in the weights (Armstrong & Kolesár 2018, doi:10.3982/ECTA14434).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri

from estimand.stats.arrays import Bools, Floats, Ints

STEPS = 100
FAR = 8.0
FINE = 1e-12
ITERATIONS = 500
FARTHEST = 1_000.0
HALVINGS = 10


@dataclass(frozen=True, slots=True, eq=False)
class EventStudy:
    """Coefficients of consecutive event times, without the reference.

    Attributes
    ----------
    value : ndarray of shape (k,)
    vcov : ndarray of shape (k, k)
    step : ndarray of shape (k,)
        Steps from the reference: -K, …, -1, 1, …, T.
    target : ndarray of shape (k,)
        Weights of the effect asked about: zero before the reference.
    """

    value: Floats
    vcov: Floats
    step: Ints
    target: Floats

    @property
    def before(self) -> Bools:
        """Coefficients before the reference, shape (k,)."""
        return np.less(self.step, 0)

    def scaled(self, unit: float) -> "EventStudy":
        """The same in another unit of the outcome."""
        return replace(self, value=self.value / unit, vcov=self.vcov / unit**2)


@dataclass(frozen=True, slots=True, eq=False)
class FixedLength:
    """The shortest interval of fixed length.

    Attributes
    ----------
    bound : float
        M: how much the slope of the violation may change from one step to the next.
    value, half, bias, std_error : float
        Centre, half of the length, largest bias, and standard deviation of the estimator.
    weights : ndarray of shape (k,)
        Of the coefficients.
    """

    bound: float
    value: float
    half: float
    bias: float
    std_error: float
    weights: Floats

    @property
    def low(self) -> float:
        """Lower end."""
        return self.value - self.half

    @property
    def high(self) -> float:
        """Upper end."""
        return self.value + self.half


def folded_quantile(bias: float, level: float) -> float:
    """Quantile of |N(bias, 1)|, by Newton's method on its distribution."""
    if bias > FAR:
        return bias + float(ndtri(level))
    quantile = float(ndtri(0.5 + level / 2.0)) + bias * bias / (1.0 + bias)
    for _ in range(STEPS):
        density = np.exp(-0.5 * (quantile - bias) ** 2) + np.exp(-0.5 * (quantile + bias) ** 2)
        step = (ndtr(quantile - bias) - ndtr(-quantile - bias) - level) * np.sqrt(2.0 * np.pi) / density
        quantile -= float(np.clip(step, -0.5, 0.5))
        if abs(step) < FINE:
            break
    return quantile


def bends(step: Ints) -> Floats:
    """Violations made by one unit of each second difference, the slope from the reference on being zero, (k, k - 1).

    The second differences are those at -K + 1, …, T - 1: at 0 the line bends backward from the reference.
    """
    last = int(step.max(initial=1))
    places = np.arange(int(step.min()) + 1, last)
    after = (places > 0)[None, :] & (step[:, None] > places[None, :])
    prior = (places <= 0)[None, :] & (step[:, None] < places[None, :])
    return np.where(after | prior, np.abs(step[:, None] - places[None, :]), 0).astype(float)


def fixed_length(study: EventStudy, bound: float, level: float) -> FixedLength:
    """The shortest interval of fixed length for the target, where the slope changes by at most ``bound`` a step.

    Parameters
    ----------
    study : EventStudy
        With a coefficient before the reference at least.
    bound : float
        M, in the outcome's unit.
    level : float
    """
    unit = float(np.sqrt(study.target @ study.vcov @ study.target))
    scaled = study.scaled(unit)
    programme = _Programme.of(scaled, bound / unit, level)
    weights = programme.solved()
    bias, spread = programme.bias(weights), float(np.sqrt(weights @ scaled.vcov @ weights))
    half = spread * folded_quantile(bias / spread, level)
    return FixedLength(bound, float(weights @ study.value), half * unit, bias * unit, spread * unit, weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Programme:
    """Weights are ``start + free @ x``; the bias is at most ``bound`` times the sum of |bend|."""

    start: Floats
    free: Floats
    bend: Floats
    vcov: Floats
    bound: float
    level: float

    @classmethod
    def of(cls, study: EventStudy, bound: float, level: float) -> "_Programme":
        step, first = study.step.astype(float), int(np.flatnonzero(study.step == -1)[0])
        start = study.target.astype(float).copy()
        start[first] = study.target @ step
        others = np.flatnonzero(study.before & (study.step != -1))
        free = np.zeros((step.shape[0], others.shape[0]))
        free[others, np.arange(others.shape[0])] = 1.0
        free[first] = step[others]
        return cls(start, free, bends(study.step), study.vcov, bound, level)

    def bias(self, weights: Floats) -> float:
        return self.bound * float(np.abs(self.bend.T @ weights).sum())

    def solved(self) -> Floats:
        """Weights of the shortest interval: the absolute values are bounded by variables of their own."""
        size = self.free.shape[1]
        if size == 0:
            return self.start
        least = self._least_variance()
        if self.bound == 0.0:
            return self.start + self.free @ least
        bend0, bend = self.bend.T @ self.start, self.bend.T @ self.free
        sides = np.vstack([np.hstack([-bend, np.eye(bend.shape[0])]), np.hstack([bend, np.eye(bend.shape[0])])])
        offset = np.concatenate([-bend0, bend0])
        found = minimize(
            self._half,
            np.concatenate([least, np.abs(bend0 + bend @ least)]),
            args=(size,),
            jac=True,
            method="SLSQP",
            constraints={"type": "ineq", "fun": lambda z: sides @ z + offset, "jac": lambda _: sides},
            options={"maxiter": ITERATIONS, "ftol": FINE},
        )
        # The programme is convex; either end of the trade between bias and variance is feasible too.
        tries = (found.x[:size], least, np.linalg.lstsq(bend, -bend0, rcond=None)[0])
        best = min(tries, key=lambda x: self._length(self.start + self.free @ x))
        return np.asarray(self.start + self.free @ best)

    def _length(self, weights: Floats) -> float:
        spread = float(np.sqrt(weights @ self.vcov @ weights))
        return spread * folded_quantile(self.bias(weights) / spread, self.level)

    def _least_variance(self) -> Floats:
        inner, cross = self.free.T @ self.vcov @ self.free, self.free.T @ self.vcov @ self.start
        return np.asarray(-np.linalg.lstsq(inner, cross, rcond=None)[0])

    def _half(self, z: Floats, size: int) -> tuple[float, Floats]:
        """Half of the length and its gradient: by Euler, ``c - t c'`` per spread and c' per bias, c' = tanh(c t)."""
        weights = self.start + self.free @ z[:size]
        spread = float(np.sqrt(weights @ self.vcov @ weights))
        # On its way a search may leave the bounds on the absolute values, which are then not above zero.
        ratio = max(self.bound * float(z[size:].sum()) / spread, 0.0)
        quantile = folded_quantile(ratio, self.level)
        slope = float(np.tanh(quantile * ratio))
        by_spread = (quantile - ratio * slope) * (self.free.T @ self.vcov @ weights) / spread
        by_bias = np.full(z.shape[0] - size, slope * self.bound)
        return spread * quantile, np.concatenate([by_spread, by_bias])


def smooth_breakdown(study: EventStudy, level: float, null: float = 0.0) -> float:
    """Smallest bound at which the shortest interval holds the null; infinite where none up to a thousand errors does.

    At that bound the interval's end passes the null; it is found by doubling and halving.
    """

    def holds(bound: float) -> bool:
        found = fixed_length(study, bound, level)
        return found.low <= null <= found.high

    unit = float(np.sqrt(study.target @ study.vcov @ study.target))
    if holds(0.0):
        return 0.0
    low, high = 0.0, unit / 8.0
    while not holds(high):
        low, high = high, 2.0 * high
        if high > FARTHEST * unit:
            return float("inf")
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
