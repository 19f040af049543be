r"""Effects after treatment where the violation of parallel trends is smooth: fixed-length intervals.

The slope of the violation :math:`\delta` changes by at most M from one step to the next,
:math:`|\delta_{t+1} - 2\delta_t + \delta_{t-1}| \le M`, and it is zero at the reference (Rambachan & Roth 2023,
doi:10.1093/restud/rdad018). An affine estimator :math:`v'\hat\beta` with the target's own weights after treatment is
off by at most :math:`M\lVert G'v\rVert_1`, where G makes a violation of its second differences, if it makes nothing of
a line. Its interval is ``sd * c(bias / sd)`` to either side, with c the quantile of :math:`|N(t, 1)|`, and the
shortest one is a convex programme in the weights (Armstrong & Kolesár 2018, doi:10.3982/ECTA14434).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr, ndtri

from estimand.stats.arrays import Bools, Floats, Ints

STEPS = 100
FAR = 8.0
FINE = 1e-12
CLOSE = 1e-7
ROUNDING = 1e-10
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
    return _Frontier.of(study).shortest(bound, level)


@dataclass(frozen=True, slots=True, eq=False)
class _Frontier:
    """Weights that trade bias against variance best, the same for every bound.

    Bends before the reference are one to one with the free weights, so that half the variance and a multiple of their
    absolute sum make a lasso, whose path is found exactly: weights move on a line from kink to kink, ``kinks`` (s, k).
    """

    study: EventStudy
    kinks: Floats

    @classmethod
    def of(cls, study: EventStudy) -> "_Frontier":
        before = np.flatnonzero(study.before)
        bent = bends(study.step)[before][:, : before.shape[0]]
        # The last of these bends, at the reference, is what takes the line out of the target.
        back = np.linalg.inv(bent.T)
        start = study.target.astype(float).copy()
        start[before] = back[:, -1] * float(study.target @ study.step)
        free = np.zeros((study.step.shape[0], before.shape[0] - 1))
        free[before] = back[:, :-1]
        unit = float(study.target @ study.vcov @ study.target)
        path = _lasso_path(free.T @ study.vcov @ free / unit, free.T @ study.vcov @ start / unit)
        return cls(study, start + path @ free.T)

    def shortest(self, bound: float, level: float) -> FixedLength:
        """The best of these weights under a bound: the length is convex along the way."""
        lengths = [self._made(weights, bound, level).half for weights in self.kinks]
        best = int(np.argmin(lengths))
        found = self._made(self.kinks[best], bound, level)
        for other in (best - 1, best + 1):
            if 0 <= other < len(lengths) and bound > 0.0:
                found = min(found, self._between(best, other, bound, level), key=lambda item: item.half)
        return found

    def _between(self, first: int, second: int, bound: float, level: float) -> FixedLength:
        start, move = self.kinks[first], self.kinks[second] - self.kinks[first]

        def length(share: float) -> float:
            return self._made(start + share * move, bound, level).half

        found = minimize_scalar(length, bounds=(0.0, 1.0), method="bounded", options={"xatol": CLOSE})
        return self._made(start + float(found.x) * move, bound, level)

    def _made(self, weights: Floats, bound: float, level: float) -> FixedLength:
        spread = float(np.sqrt(weights @ self.study.vcov @ weights))
        bias = bound * float(np.abs(bends(self.study.step).T @ weights).sum())
        half = spread * folded_quantile(bias / spread, level)
        return FixedLength(bound, float(weights @ self.study.value), half, bias, spread, weights)


def _lasso_path(square: Floats, linear: Floats) -> Floats:
    """Kinks of the minimiser of ``y'Qy / 2 + c'y + penalty |y|`` as the penalty falls from where y is zero, (s, q).

    Osborne, Presnell & Turlach (2000), doi:10.1093/imanum/20.3.389.
    """
    size = linear.shape[0]
    kinks = [np.zeros(size)]
    if size == 0:
        return np.array(kinks)
    penalty = float(np.abs(linear).max())
    active = [int(np.abs(linear).argmax())]
    sign = -np.sign(linear)
    for _ in range(STEPS * size):
        inner = square[np.ix_(active, active)]
        fixed, slope = (-np.linalg.lstsq(inner, each[active], rcond=None)[0] for each in (linear, sign))
        others = [j for j in range(size) if j not in active]
        level, tilt = linear[others] + square[np.ix_(others, active)] @ fixed, square[np.ix_(others, active)] @ slope
        with np.errstate(divide="ignore", invalid="ignore"):
            joins = np.concatenate([level / (1.0 - tilt), level / (-1.0 - tilt)])
            leaves = -fixed / slope
        events = np.concatenate([joins, leaves])
        events = np.where((events > 0.0) & (events < penalty * (1.0 - ROUNDING)), events, 0.0)
        chosen = int(events.argmax())
        penalty = float(events[chosen])
        here = np.zeros(size)
        here[active] = fixed + penalty * slope
        kinks.append(here)
        if penalty <= 0.0:
            break
        if chosen < 2 * len(others):
            joined = others[chosen % len(others)]
            sign[joined] = -1.0 if chosen < len(others) else 1.0
            active.append(joined)
        else:
            active.pop(chosen - 2 * len(others))
    return np.array(kinks)


def smooth_breakdown(study: EventStudy, level: float, null: float = 0.0) -> float:
    """Smallest bound at which the shortest interval holds the null; infinite where none up to a thousand errors does.

    At that bound the interval's end passes the null; it is found by doubling and halving.
    """
    frontier = _Frontier.of(study)

    def holds(bound: float) -> bool:
        found = frontier.shortest(bound, level)
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
