"""Limits of several looks against published tables and against simulated paths; inference after stopping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from estimand.stats.group_sequential import classical_limits, passage, spending_limits
from estimand.stats.spending import gamma_spent, obrien_fleming_spent, pocock_spent
from estimand.stats.stagewise import stopped, upper_tail
from tests.reference_data import matches, reference

LOOKS = np.arange(1.0, 6.0)
# Five looks, each side at 0.025: Reboussin, DeMets, Kim & Lan (2000), doi:10.1016/S0197-2456(00)00057-X, ld98.
OBRIEN_FLEMING_SPENDING = (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)
POCOCK_SPENDING = (2.4380, 2.4268, 2.4101, 2.3966, 2.3859)


def test_classical_limits_are_the_tables() -> None:
    matches("gs.obf_k5", value=classical_limits(LOOKS, 0.05, 0.0)[-1])
    matches("gs.pocock_k5", value=classical_limits(LOOKS, 0.05, 0.5)[0])


def test_spending_functions() -> None:
    spent = obrien_fleming_spent(LOOKS / 5.0, 0.05)
    matches("gs.lan_demets_obf_spend", value=spent[2])
    assert spent == pytest.approx(reference("gs.lan_demets_obf_spend")["extra"]["cum"], rel=1e-8)
    for form in (obrien_fleming_spent, pocock_spent, lambda t, a: gamma_spent(t, a, -4.0)):
        assert form(np.array([1.0, 1.7]), 0.05) == pytest.approx([0.05, 0.05], abs=1e-12)


def test_spending_limits_are_the_published_ones() -> None:
    share = LOOKS / 5.0
    found = spending_limits(LOOKS, 2.0 * obrien_fleming_spent(share, 0.025))
    assert found == pytest.approx(OBRIEN_FLEMING_SPENDING, abs=2e-4)
    assert spending_limits(LOOKS, pocock_spent(share, 0.05)) == pytest.approx(POCOCK_SPENDING, abs=2e-4)


def test_two_looks_by_the_bivariate_normal() -> None:
    information, limits = np.array([30.0, 80.0]), np.array([2.3, 2.0])
    correlated = multivariate_normal([0.0, 0.0], [[1.0, np.sqrt(3 / 8)], [np.sqrt(3 / 8), 1.0]])
    box = correlated.cdf(limits, lower_limit=-limits)
    assert passage(limits, information).total == pytest.approx(1.0 - box, abs=1e-6)


def test_chances_to_cross_as_simulated() -> None:
    rng, paths = np.random.default_rng(5), 400_000
    information, limits, effect = np.array([10.0, 25.0, 60.0]), np.array([2.8, 2.4, 2.0]), 0.3
    steps = np.diff(information, prepend=0.0)
    score = np.cumsum(effect * steps + np.sqrt(steps) * rng.standard_normal((paths, 3)), axis=1)
    z = score / np.sqrt(information)
    first = np.argmax(np.abs(z) > limits, axis=1)
    crossed = (np.abs(z) > limits).any(axis=1)
    found = passage(limits, information, effect)
    for k in range(3):
        for chance, sign in ((found.upper[k], 1.0), (found.lower[k], -1.0)):
            share = np.mean(crossed & (first == k) & (np.sign(z[:, k]) == sign))
            assert abs(share - chance) <= 4.0 * np.sqrt(max(chance, 1e-6) / paths)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.05, 3.0), min_size=1, max_size=12), st.floats(0.001, 0.2))
def test_what_is_spent_is_what_is_crossed(steps: list[float], alpha: float) -> None:
    information = np.cumsum(steps)
    spent = pocock_spent(information / information[-1], alpha)
    limits = spending_limits(information, spent)
    assert np.cumsum(passage(limits, information).upper * 2.0) == pytest.approx(spent, abs=1e-9)


def test_a_look_that_spends_nothing_cannot_stop() -> None:
    limits = spending_limits(np.array([1.0, 2.0]), np.array([0.0, 0.05]))
    assert np.isinf(limits[0])
    assert limits[1] == pytest.approx(norm.isf(0.025), abs=1e-8)


def test_one_look_is_the_plain_test() -> None:
    found = stopped(2.2, np.zeros(0), np.array([64.0]), 0.05)
    assert found.p_value == pytest.approx(2.0 * norm.sf(2.2), abs=1e-9)
    assert found.median == pytest.approx(2.2 / 8.0, abs=1e-8)
    reach = norm.isf(0.025) / 8.0
    assert (found.low, found.high) == pytest.approx((2.2 / 8.0 - reach, 2.2 / 8.0 + reach), abs=1e-8)


def test_intervals_after_stopping_hold_the_effect() -> None:
    rng, runs, effect = np.random.default_rng(8), 4_000, 0.25
    information = np.array([20.0, 50.0, 90.0])
    limits = spending_limits(information, 2.0 * obrien_fleming_spent(information / 90.0, 0.025))
    steps = np.diff(information, prepend=0.0)
    score = np.cumsum(effect * steps + np.sqrt(steps) * rng.standard_normal((runs, 3)), axis=1)
    z = score / np.sqrt(information)
    below = 0
    for row in z:
        last = next((k for k in range(3) if abs(row[k]) > limits[k]), 2)
        tail = upper_tail(row[last], limits[:last], information[: last + 1], effect)
        below += 0.025 < tail < 0.975
    assert abs(below / runs - 0.95) <= 4.0 * np.sqrt(0.95 * 0.05 / runs)


def test_an_early_stop_is_shrunk() -> None:
    information = np.array([20.0, 50.0, 90.0])
    limits = spending_limits(information, 2.0 * obrien_fleming_spent(information / 90.0, 0.025))
    z = float(limits[1]) + 0.3
    found = stopped(z, limits[:1], information[:2], 0.05)
    assert found.low < found.median < z / np.sqrt(50.0) < found.high
    assert found.low > 0.0
