"""Extremes of weighted means under the marginal sensitivity model, against linear programming."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from estimand.stats.tilting import TiltedMean, tilt


def by_programming(values, fixed, free, bound: float, largest: bool) -> float:
    """Charnes & Cooper: weights times a scale, so that they sum to one; a linear programme in both."""
    n, low, high = values.shape[0], fixed + free / bound, fixed + free * bound
    box = np.zeros((2 * n, n + 1))
    box[:n, :n], box[:n, n] = np.eye(n), -high
    box[n:, :n], box[n:, n] = -np.eye(n), low
    found = linprog(
        np.append(-values if largest else values, 0.0),
        A_ub=box,
        b_ub=np.zeros(2 * n),
        A_eq=[np.append(np.ones(n), 0.0)],
        b_eq=[1.0],
        bounds=[(0.0, None)] * (n + 1),
    )
    return -found.fun if largest else found.fun


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 25), st.floats(1.0, 8.0), st.booleans(), st.booleans())
def test_the_extremes_are_those_of_the_linear_fractional_programme(seed, n, bound, ties, known) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 3, n).astype(float) if ties else rng.normal(1e3, 1.0, n)
    fixed, free = rng.random(n) * known, rng.random(n) + 0.05
    mean = TiltedMean.of(values, fixed, free)
    assert mean.extreme(bound) == pytest.approx(by_programming(values, fixed, free, bound, True), rel=1e-8, abs=1e-8)
    least = by_programming(values, fixed, free, bound, False)
    assert mean.extreme(1.0 / bound) == pytest.approx(least, rel=1e-8, abs=1e-8)


def test_at_one_it_is_the_weighted_mean_and_the_tilt_reaches_the_extreme() -> None:
    rng = np.random.default_rng(3)
    values, fixed, free = rng.normal(size=200), rng.random(200), rng.random(200)
    mean = TiltedMean.of(values, fixed, free)
    assert mean.extreme(1.0) == pytest.approx(np.average(values, weights=fixed + free), rel=1e-12)
    for factor in (2.5, 0.4):
        found = mean.extreme(factor)
        assert np.average(values, weights=fixed + tilt(values, found, factor) * free) == pytest.approx(found, rel=1e-12)
