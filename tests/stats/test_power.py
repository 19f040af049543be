"""Power against published values, and against the tests it is of, run many times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2, norm, ttest_ind

from estimand.stats.power import (
    arcsine_effect,
    chi_square_power,
    effect_for,
    proportions_power,
    t_power,
    units_for,
)
from tests.reference_data import matches

RUNS = 20_000


def two_sample(effect: float, units: float, alpha: float = 0.05) -> float:
    return t_power(effect, np.sqrt(2.0 / units), 2.0 * units - 2.0, alpha)


def test_published_values() -> None:
    matches("power.t2_example", value=two_sample(0.2, 60.0, 0.10))
    matches("power.t2_n", value=units_for(lambda n: two_sample(0.5, n), 0.8))
    matches("power.t1_n", value=units_for(lambda n: t_power(0.3, n**-0.5, n - 1.0, 0.05), 0.75))
    matches("power.power_t_delta", value=effect_for(lambda d: two_sample(d, 1_000.0), 0.8, np.sqrt(0.002)))
    matches("power.chisq", value=chi_square_power(0.1, 1_000.0, 1, 0.05))


def test_published_values_of_proportions() -> None:
    h = arcsine_effect(0.5, 0.55)
    matches("power.2p_n", value=units_for(lambda n: t_power(h, np.sqrt(2.0 / n), np.inf, 0.05), 0.8))
    matches("power.prop_test", value=units_for(lambda n: proportions_power(0.10, 0.12, (n, n), 0.05), 0.9))


def test_t_test_rejects_as_often() -> None:
    rng, n = np.random.default_rng(1), (12, 30)
    control, treated = rng.standard_normal((RUNS, n[0])), 0.8 + rng.standard_normal((RUNS, n[1]))
    rejected = np.mean(ttest_ind(treated, control, axis=1).pvalue < 0.05)
    expected = t_power(0.8, np.sqrt(1.0 / n[0] + 1.0 / n[1]), float(sum(n) - 2), 0.05)
    assert abs(rejected - expected) <= 4.0 * np.sqrt(expected * (1.0 - expected) / RUNS)


def test_z_test_of_unequal_arms_rejects_as_often() -> None:
    rng, n, p = np.random.default_rng(2), (3_000.0, 1_000.0), (0.2, 0.24)
    low, high = rng.binomial(int(n[0]), p[0], RUNS) / n[0], rng.binomial(int(n[1]), p[1], RUNS) / n[1]
    pooled = (n[0] * low + n[1] * high) / sum(n)
    z = (high - low) / np.sqrt(pooled * (1.0 - pooled) * (1.0 / n[0] + 1.0 / n[1]))
    expected = proportions_power(*p, n, 0.05)
    assert abs(np.mean(np.abs(z) > norm.isf(0.025)) - expected) <= 0.01


def test_chi_square_rejects_as_often() -> None:
    rng, shares = np.random.default_rng(3), np.array([0.25, 0.25, 0.25, 0.25])
    truth = np.array([0.28, 0.24, 0.25, 0.23])
    counts = rng.multinomial(1_000, truth, size=RUNS)
    statistic = (np.square(counts - 1_000 * shares) / (1_000 * shares)).sum(axis=1)
    expected = chi_square_power(float(np.sqrt((np.square(truth - shares) / shares).sum())), 1_000.0, 3, 0.05)
    assert abs(np.mean(statistic > chi2.isf(0.05, 3)) - expected) <= 0.01


def test_one_side_is_the_upper_tail() -> None:
    assert t_power(0.0, 1.0, 20.0, 0.05, sides=1) == pytest.approx(0.05, abs=1e-10)
    assert t_power(2.0, 1.0, np.inf, 0.05, sides=1) == pytest.approx(norm.sf(norm.isf(0.05) - 2.0), abs=1e-12)


@given(st.floats(0.01, 2.0), st.floats(0.3, 0.99))
def test_units_have_just_the_power_wanted(effect: float, wanted: float) -> None:
    units = units_for(lambda n: two_sample(effect, n) if n > 1.0 + 1e-9 else 0.05, wanted)
    assert two_sample(effect, units) >= wanted - 1e-6


def test_no_effect_is_never_found() -> None:
    assert np.isinf(units_for(lambda n: t_power(0.0, n**-0.5, np.inf, 0.05), 0.8))
