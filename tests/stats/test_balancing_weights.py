"""Balancing weights as numbers: they solve their equations, also where rounding hides the last step."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit

from estimand.stats.balancing import balance_by_propensity, balance_to, overlap_balance
from estimand.stats.basis import independent_basis


def rows(seed: int, n: int = 400, p: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.exp(0.5 * rng.normal(size=(n, p)))
    return x, rng.random(n) < expit(x[:, 0] - 1.2), rng.uniform(0.3, 3.0, n)


def test_one_covariate_is_tilted_to_the_target_as_a_root_finder_tilts_it() -> None:
    x, treated, _ = rows(0, n=60, p=1)
    even = np.ones(60)
    made = balance_to(independent_basis(x).matrix, treated, even, even)
    own, goal = x[treated, 0], x.mean()

    def gap(slope: float) -> float:
        return float(np.exp(slope * (own - goal)) @ (own - goal))

    expected = np.exp(brentq(gap, -20.0, 20.0, xtol=1e-14) * own)
    found = made.weights[treated]
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), rtol=1e-8)
    assert made.weights[~treated] == pytest.approx(0.0)


@pytest.mark.parametrize("seed", range(20))
def test_entropy_weights_reach_the_target_whatever_the_base(seed: int) -> None:
    x, treated, design = rows(seed)
    basis = independent_basis(x, design).matrix
    for member in (treated, ~treated):
        side = balance_to(basis, member, design, design)
        assert side.converged
        assert not side.outside
        np.testing.assert_allclose(np.average(x, axis=0, weights=side.weights), np.average(x, axis=0, weights=design))


def test_a_last_step_lost_in_rounding_is_not_called_out_of_reach() -> None:
    """In about one arm of ten thousand the loss grows by 1e-15 on the way to its least value."""
    rng = np.random.default_rng(144)
    x = np.column_stack([rng.normal(size=500), rng.random(500) < 0.4])
    treated = rng.random((500, 1))[:, 0] > 1.0 / (1.0 + np.exp(0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.1))
    side = balance_to(independent_basis(x).matrix, ~treated, treated.astype(float), np.ones(500))
    assert side.converged


@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("seed", range(10))
def test_propensity_balance_solves_its_equations(seed: int, target: str) -> None:
    x, treated, design = rows(seed)
    basis = independent_basis(x, design).matrix
    one, zero = balance_by_propensity(basis, treated, design, target)
    assert one.converged
    assert zero.converged
    np.testing.assert_allclose(one.weights @ basis, zero.weights @ basis, atol=1e-7)
    if target == "ATT":
        np.testing.assert_allclose(one.weights, design * treated)


def test_overlap_weights_are_the_other_arms_probability() -> None:
    x, treated, design = rows(3)
    basis = independent_basis(x, design).matrix
    one, zero = overlap_balance(basis, treated, design, "ATO")
    np.testing.assert_allclose(one.weights @ basis, zero.weights @ basis, atol=1e-6)
    chance = zero.weights[~treated] / design[~treated]
    assert (chance > 0.0).all()
    assert (chance < 1.0).all()


def test_a_target_outside_the_arms_hull_is_called_out_of_reach() -> None:
    x = np.linspace(0.0, 1.0, 50)[:, None]
    treated = x[:, 0] > 0.6
    even = np.ones(50)
    side = balance_to(independent_basis(x).matrix, treated, even, even)
    assert side.outside
    assert not side.converged
    assert not balance_by_propensity(independent_basis(x).matrix, treated, even, "ATE")[0].converged
