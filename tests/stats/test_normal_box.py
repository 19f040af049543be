"""Boxes of a multivariate normal, against products, another integration, and draws."""

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import ndtr
from scipy.stats import norm

from estimand.stats.normal_box import in_box


def test_independent_coordinates_multiply() -> None:
    low, high = np.array([-1.0, -2.0, 0.0]), np.array([1.0, 0.5, np.inf])
    mean, spread = np.array([0.2, -0.1, 0.3]), np.array([1.0, 2.0, 0.5])
    found = in_box(mean, np.diag(spread**2), low, high)
    parts = ndtr((high - mean) / spread) - ndtr((low - mean) / spread)
    assert found.probability == pytest.approx(parts.prod(), abs=1e-12)
    density = norm.pdf
    centres = mean + spread * (density((low - mean) / spread) - density((high - mean) / spread)) / parts
    assert found.mean == pytest.approx(centres, abs=2e-3)


def test_two_correlated_coordinates_agree_with_quadrature() -> None:
    vcov = np.array([[1.0, 0.8], [0.8, 2.0]])
    inverse, scale = np.linalg.inv(vcov), 2 * np.pi * np.sqrt(np.linalg.det(vcov))
    mean = np.array([0.5, -0.3])

    def density(y: float, x: float) -> float:
        away = np.array([x, y]) - mean
        return float(np.exp(-0.5 * away @ inverse @ away) / scale)

    expected = dblquad(density, -1.0, 1.2, -2.0, 0.7)[0]
    first = dblquad(lambda y, x: x * density(y, x), -1.0, 1.2, -2.0, 0.7)[0] / expected
    found = in_box(mean, vcov, np.array([-1.0, -2.0]), np.array([1.2, 0.7]))
    assert found.probability == pytest.approx(expected, abs=1e-5)
    assert found.mean[0] == pytest.approx(first, abs=1e-4)


def test_seven_coordinates_agree_with_draws() -> None:
    rng = np.random.default_rng(3)
    root = rng.normal(size=(7, 7))
    vcov, mean = root @ root.T, rng.normal(size=7)
    reach = 1.5 * np.sqrt(np.diag(vcov))
    found = in_box(mean, vcov, -reach, reach)
    draws = rng.multivariate_normal(mean, vcov, size=400_000)
    inside = (np.abs(draws) <= reach).all(axis=1)
    share = inside.mean()
    assert abs(found.probability - share) < 4 * np.sqrt(share * (1 - share) / inside.size)
    errors = draws[inside].std(axis=0) / np.sqrt(inside.sum())
    assert (np.abs(found.mean - draws[inside].mean(axis=0)) < 4 * errors).all()


def test_a_singular_covariance_and_a_box_never_reached() -> None:
    same = np.ones((2, 2))
    one = in_box(np.zeros(2), same, np.array([-1.0, -0.5]), np.array([1.0, 2.0]))
    assert one.probability == pytest.approx(ndtr(1.0) - ndtr(-0.5), abs=1e-4)
    never = in_box(np.zeros(2), same, np.array([1.0, -3.0]), np.array([2.0, -2.0]))
    assert never.probability == 0.0
    assert np.isnan(never.mean).all()


def test_the_order_of_the_coordinates_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    root = rng.normal(size=(4, 4))
    vcov, reach = root @ root.T, np.array([0.5, 3.0, 1.0, 2.0])
    turn = np.array([2, 0, 3, 1])
    first = in_box(np.zeros(4), vcov, -reach, reach)
    second = in_box(np.zeros(4), vcov[np.ix_(turn, turn)], -reach[turn], reach[turn])
    assert second.probability == first.probability
    assert second.mean == pytest.approx(first.mean[turn], abs=1e-15)
