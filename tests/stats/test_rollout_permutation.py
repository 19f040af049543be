"""Cohorts dealt anew: by hand, its size under no effect, and what it can attain."""

from itertools import permutations

import numpy as np
import pytest

from estimand.stats.change_in_means import change_in_means
from estimand.stats.rollout_permutation import assignments, rollout_test


def _by_hand(means: np.ndarray, cohort: np.ndarray) -> float:
    """One cohort against those never treated: change of means over its error by arm, variances not pooled."""
    g = int(cohort.min())
    change = means[:, g:].mean(axis=1) - means[:, :g].mean(axis=1)
    own, others = change[cohort == g], change[cohort > g]
    size = own.size
    spread = np.square(own - own.mean()).sum() + size**2 / others.size**2 * np.square(others - others.mean()).sum()
    return float(size * (own.mean() - others.mean()) / np.sqrt(spread))


def test_one_cohort_of_two_among_seven_is_the_test_by_hand() -> None:
    means = np.random.default_rng(2).normal(size=(7, 4))
    cohort = np.array([2, 2, 4, 4, 4, 4, 4])
    found = rollout_test(means, cohort, np.random.default_rng(0), 99)
    every = {tuple(each) for each in permutations(cohort)}
    values = np.array([_by_hand(means, np.array(each)) for each in every])
    observed = _by_hand(means, cohort)
    assert found.complete
    assert found.draws == len(every) == 21
    assert found.statistic == pytest.approx(observed)
    assert found.p_value == pytest.approx(np.mean(np.abs(values) >= abs(observed) * (1 - 1e-9)))
    assert found.smallest == pytest.approx(1 / 21)


def test_its_size_is_exact_where_all_ways_are_listed() -> None:
    rng = np.random.default_rng(5)
    cohort = np.array([1, 2, 3, 3, 3, 3])
    p = np.array([rollout_test(rng.normal(size=(6, 3)), cohort, rng, 50).p_value for _ in range(1_000)])
    for level in (0.1, 0.2, 0.5):
        error = 4 * np.sqrt(level * (1 - level) / p.size)
        assert level - 1 / 30 - error < (p <= level + 1e-12).mean() < level + error


def test_a_large_effect_attains_the_smallest_p_value() -> None:
    rng = np.random.default_rng(1)
    means = rng.normal(size=(12, 6))
    means[:3, 3:] += 50.0 + rng.normal(size=(3, 3))
    found = rollout_test(means, np.array([3] * 3 + [6] * 9), rng, 999)
    assert found.p_value == found.smallest == pytest.approx(1 / 220)


def test_too_many_ways_are_drawn_and_the_observed_one_counts() -> None:
    rng = np.random.default_rng(3)
    means = rng.normal(size=(40, 5))
    means[:4, 2:] += 100.0
    cohort = np.array([2] * 4 + [3] * 10 + [5] * 26)
    found = rollout_test(means, cohort, rng, 199)
    assert not found.complete
    assert found.draws == 199
    assert found.smallest == pytest.approx(1 / 200)
    assert found.p_value >= found.smallest
    assert found.assignments == pytest.approx(assignments(cohort))
    assert assignments(np.array([1, 1, 2, 3])) == pytest.approx(12.0)


def test_without_anyone_never_treated_the_last_cohort_is_compared_before_its_date() -> None:
    rng = np.random.default_rng(6)
    means = rng.normal(size=(8, 5))
    cohort = np.array([2] * 3 + [4] * 5)
    cut = rollout_test(means[:, :4], cohort, rng, 99)
    assert rollout_test(means, cohort, rng, 99) == cut


def test_missing_cells_and_one_cohort_alone() -> None:
    means = np.random.default_rng(4).normal(size=(6, 4))
    means[0, 0] = np.nan
    assert rollout_test(means, np.array([2, 2, 4, 4, 4, 4]), np.random.default_rng(0), 99).p_value > 0.0
    assert rollout_test(means, np.full(6, 4), np.random.default_rng(0), 99) is None


def test_a_change_in_means_is_the_interaction_of_least_squares() -> None:
    """Its error is that of clustered least squares on the saturated model (CR0 times G/(G - 1))."""
    rng = np.random.default_rng(9)
    treated, after = rng.random(300) < 0.4, rng.random(300) < 0.5
    cluster, weights = rng.integers(0, 25, size=300), rng.uniform(0.5, 2.0, size=300)
    values = rng.normal(size=300) + treated + 2.0 * after + 0.7 * (treated & after) + rng.normal(size=25)[cluster]
    x = np.column_stack([np.ones(300), treated, after, treated & after]).astype(float)
    bread = np.linalg.inv(x.T @ (x * weights[:, None]))
    beta = bread @ x.T @ (weights * values)
    scores = x * (weights * (values - x @ beta))[:, None]
    sums = np.stack([scores[cluster == g].sum(axis=0) for g in range(25)])
    covariance = bread @ sums.T @ sums @ bread * 25 / 24
    found = change_in_means(values, treated, after, cluster, weights)
    assert found.gap == pytest.approx(beta[3], abs=1e-10)
    assert found.std_error == pytest.approx(np.sqrt(covariance[3, 3]), rel=1e-10)
    assert found.clusters == 25
    assert change_in_means(values, treated, np.ones(300, dtype=bool), cluster) is None
