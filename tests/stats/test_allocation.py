"""Tests of planned shares: against scipy, against the Pólya urn behind the mixture, and by simulated looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from estimand.stats.allocation import allocation_p_value, sequential_allocation


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=5))
def test_pearson(counts: list[int]) -> None:
    shares = np.arange(1.0, len(counts) + 1.0)
    shares /= shares.sum()
    expected = chisquare(counts, np.sum(counts) * shares).pvalue
    assert allocation_p_value(np.array(counts, float), shares) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_bayes_factor_is_the_product_of_its_predictions() -> None:
    """Unit after unit, the mixture's chance of an arm is (prior + seen) / (concentration + units)."""
    rng, shares, concentration = np.random.default_rng(1), np.array([0.5, 0.3, 0.2]), 40.0
    arms = rng.choice(3, size=600, p=[0.4, 0.4, 0.2])
    seen, evidence, least, path = np.zeros(3), 0.0, 1.0, []
    for arm in arms:
        predicted = (concentration * shares[arm] + seen[arm]) / (concentration + seen.sum())
        evidence += np.log(predicted / shares[arm])
        seen[arm] += 1.0
        least = min(least, np.exp(-evidence))
        path.append(least)
    counts = np.cumsum(arms[:, None] == np.arange(3), axis=0).astype(float)
    assert sequential_allocation(counts, shares, (concentration,)) == pytest.approx(np.array(path), rel=1e-8)


def test_several_mixtures_are_averaged() -> None:
    counts, shares = np.array([[60.0, 40.0], [1_300.0, 1_000.0]]), np.array([0.5, 0.5])
    factors = [1.0 / sequential_allocation(counts, shares, (weight,)) for weight in (40.0, 9_000.0)]
    assert 1.0 / sequential_allocation(counts, shares, (40.0, 9_000.0)) == pytest.approx(np.mean(factors, axis=0))


def test_a_large_loss_is_seen_among_few_units() -> None:
    counts, shares = np.array([[2_000.0, 1_700.0]]), np.array([0.5, 0.5])
    assert sequential_allocation(counts, shares)[0] < 1e-3
    assert sequential_allocation(counts, shares, (10_000.0,))[0] > 0.01


def test_looking_every_day_errs_no_more_than_it_says() -> None:
    rng, runs, shares, alpha = np.random.default_rng(2), 4_000, np.array([0.5, 0.5]), 0.05
    treated = np.cumsum(rng.binomial(1_000, 0.5, size=(runs, 60)), axis=1).astype(float)
    day = 1_000.0 * np.arange(1.0, 61.0)
    wrong = sum(sequential_allocation(np.stack([day - row, row], axis=1), shares)[-1] < alpha for row in treated)
    assert wrong / runs <= alpha + 4.0 * np.sqrt(alpha * (1.0 - alpha) / runs)


def test_finds_what_it_should() -> None:
    rng = np.random.default_rng(4)
    treated = np.cumsum(rng.binomial(10_000, 0.49, size=30)).astype(float)
    day = 10_000.0 * np.arange(1.0, 31.0)
    path = sequential_allocation(np.stack([day - treated, treated], axis=1), np.array([0.5, 0.5]))
    assert path[-1] < 1e-6
    assert (np.diff(path) <= 0.0).all()
