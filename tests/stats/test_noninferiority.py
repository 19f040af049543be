"""Margins: tests against intervals, power against simulated estimates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from estimand.stats.noninferiority import (
    equivalence_p,
    equivalence_power,
    noninferiority_p,
    noninferiority_power,
    relative_contrast,
)

RUNS = 200_000


@given(st.floats(-3.0, 3.0), st.floats(0.1, 2.0), st.floats(3.0, 500.0), st.floats(0.01, 4.0))
def test_tests_reject_where_intervals_leave_the_margin_out(effect: float, se: float, df: float, margin: float) -> None:
    alpha = 0.05
    low, high = t.interval(1.0 - 2.0 * alpha, df, loc=effect, scale=se)
    if min(abs(low + margin), abs(high - margin)) > 1e-6:
        assert (noninferiority_p(effect, se, df, margin) < alpha) == (low > -margin)
        assert (equivalence_p(effect, se, df, margin) < alpha) == (low > -margin and high < margin)


def test_a_relative_margin_moves_with_the_level() -> None:
    """Of two independent arms, effect + m level = b - (1 - m) a."""
    a, b, var_a, var_b, m = 2.0, 1.9, 0.04, 0.03, 0.1
    value, se = relative_contrast((b - a, var_a + var_b), (a, var_a), -var_a, m)
    assert value == pytest.approx(b - (1.0 - m) * a)
    assert se == pytest.approx(np.sqrt(var_b + (1.0 - m) ** 2 * var_a))


def test_a_level_below_zero_has_the_margin_below_it() -> None:
    value, _ = relative_contrast((-0.1, 0.01), (-2.0, 0.0), 0.0, 0.1)
    assert value == pytest.approx(0.1)


def test_power_as_simulated() -> None:
    rng = np.random.default_rng(4)
    se, df, margin = 1.0, 30.0, 2.6
    drawn, spread = se * rng.standard_normal(RUNS), se * np.sqrt(rng.chisquare(df, RUNS) / df)
    shown = drawn + margin > t.isf(0.025, df) * spread
    expected = noninferiority_power(se, df, margin, 0.025)
    assert abs(shown.mean() - expected) <= 4.0 * np.sqrt(expected * (1.0 - expected) / RUNS)
    both = np.abs(rng.standard_normal(RUNS)) < margin - 1.6448536
    assert abs(both.mean() - equivalence_power(se, np.inf, margin, 0.05)) <= 4.0 * 0.5 / np.sqrt(RUNS)


def test_a_margin_within_the_error_shows_nothing() -> None:
    assert equivalence_power(1.0, np.inf, 1.0, 0.05) == 0.0
