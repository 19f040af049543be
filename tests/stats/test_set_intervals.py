"""Intervals for a number of which a set is identified."""

import math

import numpy as np
import pytest
from scipy.stats import norm, t

from estimand.stats.set_intervals import end_std_error, set_critical_value, set_interval


def test_it_is_two_sided_at_a_point_and_one_sided_for_a_wide_set() -> None:
    assert set_critical_value(0.0, 1.0, 0.95) == pytest.approx(norm.ppf(0.975), abs=1e-10)
    assert set_critical_value(50.0, 1.0, 0.95) == pytest.approx(norm.ppf(0.95), abs=1e-10)
    assert set_critical_value(0.0, 1.0, 0.95, 9.0) == pytest.approx(t.ppf(0.975, 9), abs=1e-10)
    assert set_critical_value(50.0, 1.0, 0.9, 9.0) == pytest.approx(t.ppf(0.9, 9), abs=1e-6)


@pytest.mark.parametrize("width", [0.01, 0.3, 1.0, 2.5])
def test_it_solves_the_equation_of_imbens_and_manski(width: float) -> None:
    value = set_critical_value(width, 0.5, 0.95)
    assert norm.cdf(value + width / 0.5) - norm.cdf(-value) == pytest.approx(0.95, abs=1e-10)


def test_a_known_end_stays_where_it_is() -> None:
    low, high = set_interval((0.0, 2.0), (0.0, 0.1), 0.95)
    assert low == 0.0
    assert high == pytest.approx(2.0 + 0.1 * norm.ppf(0.95))
    assert set_interval((1.0, 1.0), (0.0, 0.0), 0.95) == (1.0, 1.0)


@pytest.mark.parametrize("width", [0.0, 0.2, 3.0])
def test_it_covers_the_worst_point_of_the_set(width: float) -> None:
    rng, draws, error = np.random.default_rng(5), 20_000, 0.3
    ends = rng.normal([0.0, width], error, (draws, 2)) if width > 1 else None
    shift = rng.normal(0.0, error, draws)
    covered = 0
    for j in range(draws):
        pair = (shift[j], shift[j] + width) if ends is None else tuple(np.sort(ends[j]))
        low, high = set_interval(pair, (error, error), 0.95)
        covered += low <= 0.0 <= high
    assert covered / draws == pytest.approx(0.95, abs=4 * math.sqrt(0.05 * 0.95 / draws))


def test_influence_is_summed_within_clusters() -> None:
    psi, codes = np.array([1.0, 2.0, -3.0, 0.5]), np.array([7, 7, 2, 2])
    assert end_std_error(psi) == pytest.approx(math.sqrt(1 + 4 + 9 + 0.25) / 4)
    assert end_std_error(psi, codes) == pytest.approx(math.sqrt(9 + 6.25) / 4)
