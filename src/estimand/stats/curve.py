"""Many specifications read together: how surprising a curve would be if none of them had an effect."""

from dataclasses import dataclass

import numpy as np

from estimand.errors import UnsupportedError
from estimand.stats.arrays import Bools, Floats
from estimand.stats.intervals import critical_value


@dataclass(frozen=True, slots=True)
class CurveTest:
    """A specification curve against curves of no effect.

    Attributes
    ----------
    median : float
        Of the estimates.
    median_p : float
        Share of null curves whose median is as far from zero.
    significant : int
        Estimates significant with the sign that more of the significant ones have.
    significant_p : float
        Share of null curves with as many.
    count : int
    """

    median: float
    median_p: float
    significant: int
    significant_p: float
    count: int


def curve_test(value: Floats, joint: Floats, level: float, draws: int, rng: np.random.Generator) -> CurveTest:
    """Compare a curve with curves drawn under no effect in any specification.

    Simonsohn, Simmons & Nelson (2020), doi:10.1038/s41562-020-0912-z, shift every specification to have no effect
    and resample rows. To first order that draws the estimates from N(0, Σ) with Σ = joint'joint the covariance of
    their joint influence, which is drawn here: a multiplier bootstrap of all specifications at once.

    Parameters
    ----------
    value : ndarray of shape (s,)
    joint : ndarray of shape (m, s)
        ψ/n of each specification over the independent units.
    level : float
        Two-sided level at which one estimate counts as significant.
    draws : int
    rng : Generator

    Raises
    ------
    UnsupportedError
        If an estimate has no spread, so that nothing can be drawn of it.
    """
    error = np.sqrt(np.square(joint).sum(axis=0))
    if not (error > 0.0).all():
        raise UnsupportedError(
            f"{int(np.count_nonzero(error <= 0.0))} of {value.shape[0]} specifications have no spread.",
            remedy="Leave out those whose outcome or treatment does not vary.",
        )
    root: Floats = np.linalg.qr(joint)[1] if joint.shape[0] > joint.shape[1] else joint
    null: Floats = rng.standard_normal((draws, root.shape[0])) @ root
    line = float(critical_value(level, None, 1)[0])
    median, significant = float(np.median(value)), int(_one_sided_count(value[None, :] / error, line)[0])
    as_far = np.abs(np.median(null, axis=1)) >= abs(median)
    as_many = _one_sided_count(null / error, line) >= significant
    return CurveTest(median, _share(as_far), significant, _share(as_many), value.shape[0])


def _one_sided_count(ratio: Floats, line: float) -> Floats:
    """Significant estimates of the sign that has more of them, for each row of ratios."""
    above: Floats = (ratio > line).sum(axis=1)
    return np.asarray(np.maximum(above, (ratio < -line).sum(axis=1)))


def _share(hits: Bools) -> float:
    return float((1.0 + hits.sum()) / (1.0 + hits.shape[0]))
