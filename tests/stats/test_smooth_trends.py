"""Fixed-length intervals: published values, no better weights nearby, and coverage at the worst violation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_events import BENZARTI, BENZARTI_STEP, BENZARTI_VCOV
from scipy.optimize import linprog
from scipy.stats import norm

from estimand.stats.smooth_trends import EventStudy, bends, fixed_length, folded_quantile, smooth_breakdown

FIRST = np.array([0, 0, 0, 0, 1.0, 0, 0, 0])
AVERAGE = np.array([0, 0, 0, 0, 1, 1, 1, 1]) / 4


def study(target: np.ndarray = FIRST) -> EventStudy:
    return EventStudy(BENZARTI, BENZARTI_VCOV, BENZARTI_STEP, target)


@pytest.mark.parametrize(
    ("bound", "low", "high"),
    [(0.0, 0.131411316, 0.2161696482), (0.1, 0.1194440001, 0.4185082143), (0.2, 0.01944400015, 0.5185082143)],
)
def test_intervals_are_those_printed_by_the_authors_software(bound: float, low: float, high: float) -> None:
    """HonestDiD on Benzarti & Carloni (2019); its quantile is simulated, hence 1e-4."""
    found = fixed_length(study(), bound, 0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_with_a_loose_bound_the_weights_are_a_double_difference() -> None:
    assert fixed_length(study(), 0.1, 0.95).weights == pytest.approx([0, 0, 0, 1, 1, 0, 0, 0], abs=1e-6)


def test_under_parallel_lines_the_weights_are_generalised_least_squares() -> None:
    """With M = 0 a line is fitted before, with the best weights there are, and drawn on."""
    found = fixed_length(study(AVERAGE), 0.0, 0.95)
    line = BENZARTI_STEP.astype(float)
    regressors = np.zeros((8, 5))
    regressors[:, 0] = line
    regressors[4:, 1:] = np.eye(4)
    inverse = np.linalg.inv(BENZARTI_VCOV)
    bread = np.linalg.inv(regressors.T @ inverse @ regressors)
    effects = (bread @ regressors.T @ inverse @ BENZARTI)[1:]
    assert found.value == pytest.approx(effects.mean(), rel=1e-8)
    assert found.std_error == pytest.approx(np.sqrt(np.full(4, 0.25) @ bread[1:, 1:] @ np.full(4, 0.25)), rel=1e-8)


@pytest.mark.parametrize("bound", [0.001, 0.003, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("target", [FIRST, AVERAGE])
def test_no_other_weights_are_better(bound: float, target: np.ndarray) -> None:
    """The length is convex in the weights, so that it is enough that none nearby is shorter."""
    found = fixed_length(study(target), bound, 0.95)
    rng = np.random.default_rng(0)
    free = np.eye(8)[:, :3]
    free[3] = [-4, -3, -2]
    for size in (1e-4, 1e-2, 0.3):
        for _ in range(40):
            weights = found.weights + free @ (size * rng.normal(size=3))
            assert weights @ BENZARTI_STEP == pytest.approx(0.0, abs=1e-9)
            spread = np.sqrt(weights @ BENZARTI_VCOV @ weights)
            bias = bound * np.abs(bends(BENZARTI_STEP).T @ weights).sum()
            assert spread * folded_quantile(bias / spread, 0.95) >= found.half * (1 - 1e-7)


def test_the_bias_is_the_largest_there_is() -> None:
    found = fixed_length(study(AVERAGE), 0.01, 0.95)
    steps = np.arange(-4, 5)
    second = np.zeros((7, 9))
    for row in range(7):
        second[row, row : row + 3] = [1, -2, 1]
    weights = np.insert(found.weights, 4, 0.0)
    worst = linprog(
        -weights,
        A_ub=np.vstack([second, -second]),
        b_ub=np.full(14, 0.01),
        A_eq=(steps == 0).astype(float)[None],
        b_eq=[0.0],
        bounds=(-1, 1),
    )
    assert found.bias == pytest.approx(-worst.fun, rel=1e-8)


def test_it_covers_where_the_violation_is_the_worst() -> None:
    found = fixed_length(study(AVERAGE), 0.01, 0.95)
    worst = 0.01 * bends(BENZARTI_STEP) @ np.sign(bends(BENZARTI_STEP).T @ found.weights)
    draws = np.random.default_rng(4).multivariate_normal(worst, BENZARTI_VCOV, size=100_000) @ found.weights
    covered = np.mean(np.abs(draws) <= found.half)
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 100_000)


@given(bias=st.floats(0.0, 50.0), level=st.floats(0.5, 0.99))
@settings(max_examples=60, deadline=None)
def test_the_folded_quantile_inverts_its_distribution(bias: float, level: float) -> None:
    quantile = folded_quantile(bias, level)
    assert norm.cdf(quantile - bias) - norm.cdf(-quantile - bias) == pytest.approx(level, abs=1e-10)


def test_at_the_breakdown_the_interval_ends_at_the_null() -> None:
    bound = smooth_breakdown(study(), 0.95)
    assert fixed_length(study(), bound, 0.95).low == pytest.approx(0.0, abs=3e-4)
    assert fixed_length(study(), 0.98 * bound, 0.95).low > 0.0
    assert smooth_breakdown(study(), 0.95, null=0.17) == 0.0
    assert smooth_breakdown(study(), 0.95, null=1e6) == np.inf


def test_the_outcomes_unit_does_not_matter() -> None:
    plain = fixed_length(study(AVERAGE), 0.01, 0.95)
    large = EventStudy(1e6 * BENZARTI, 1e12 * BENZARTI_VCOV, BENZARTI_STEP, AVERAGE)
    assert fixed_length(large, 1e4, 0.95).half == pytest.approx(1e6 * plain.half, rel=1e-9)


def test_one_period_before_leaves_no_choice() -> None:
    short = EventStudy(
        np.array([0.1, 0.5]), np.array([[0.04, 0.01], [0.01, 0.09]]), np.array([-1, 1]), np.array([0, 1.0])
    )
    found = fixed_length(short, 0.2, 0.95)
    assert found.weights.tolist() == [1.0, 1.0]
    assert (found.value, found.bias) == (pytest.approx(0.6), pytest.approx(0.2))
    assert found.std_error == pytest.approx(np.sqrt(0.15))
