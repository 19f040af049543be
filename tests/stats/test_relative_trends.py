"""Relative magnitudes: the authors' software, vertices found by search, and size where a bound is tight."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from published_events import BENZARTI, BENZARTI_STEP, BENZARTI_VCOV
from scipy.stats import norm

from estimand.stats.relative_trends import relative_breakdown, relative_intervals
from estimand.stats.smooth_trends import EventStudy

FIRST = np.array([0, 0, 0, 0, 1.0, 0, 0, 0])
AVERAGE = np.array([0, 0, 0, 0, 1, 1, 1, 1]) / 4
UNEVEN = np.array([0, 0, 0, 0, 0.1, 0.5, 0.4, 0.0])
KAPPA = 0.005


def study(target: np.ndarray = FIRST) -> EventStudy:
    return EventStudy(BENZARTI, BENZARTI_VCOV, BENZARTI_STEP, target)


def test_under_parallel_trends_it_is_the_usual_interval() -> None:
    """Printed by the authors' software for Benzarti & Carloni (2019), before any bound."""
    (found,) = relative_intervals(study(), np.array([0.0]), 0.95)
    assert (found.low, found.high) == pytest.approx((0.15877494280765, 0.233147292681241), abs=1e-8)


def test_it_ends_within_a_step_of_the_grid_of_the_authors_software() -> None:
    """HonestDiD, C-LF, M̄ = 1: 0.07055 and 0.31844 are the outer values kept on a grid of step 0.0038136."""
    (found,) = relative_intervals(study(), np.array([1.0]), 0.95)
    step = 40 * np.sqrt(BENZARTI_VCOV[4, 4]) / 199
    assert 0.07055244362 - 1.1 * step < found.low <= 0.07055244362
    assert 0.3184394077 <= found.high < 0.3184394077 + 1.1 * step


def _vertices(rows: np.ndarray, free: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Vertices of the dual programme, by trying every basis."""
    equations = np.vstack([free.T, spread])
    right = np.append(np.zeros(free.shape[1]), 1.0)
    found = []
    for chosen in combinations(range(rows.shape[0]), equations.shape[0]):
        square = equations[:, chosen]
        if abs(np.linalg.det(square)) < 1e-14:
            continue
        shares = np.linalg.solve(square, right)
        if (shares >= -1e-12).all():
            vertex = np.zeros(rows.shape[0])
            vertex[list(chosen)] = shares.clip(0.0)
            found.append(vertex)
    return np.unique(np.round(found, 12), axis=0)


def _moments(target: np.ndarray, bound: float, place: int, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices as weights of the coefficients, and of the target's value, for one largest step before."""
    identity = np.eye(8)
    path = np.vstack([identity[:4], np.zeros(8), identity[4:]])
    steps = np.diff(path, axis=0)
    largest = sign * steps[place]
    rows = np.array([s * steps[4 + t] - bound * largest for s in (1, -1) for t in range(4)])
    spread = np.sqrt(np.einsum("ij,jk,ik->i", rows, BENZARTI_VCOV, rows))
    post = target[4:]
    pivot = int(np.argmax(post))
    change = np.linalg.inv(np.vstack([post, np.delete(np.eye(4), pivot, axis=0)]))
    moved = rows[:, 4:] @ change
    vertices = _vertices(rows, moved[:, 1:], spread)
    return vertices @ rows, vertices @ moved[:, 0]


def _kept(target: np.ndarray, bound: float, grid: np.ndarray) -> np.ndarray:
    """The hybrid test by its own words: all vertices, and the first stage from draws."""
    kept = np.zeros(grid.size, dtype=bool)
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(8), BENZARTI_VCOV, size=200_000)
    for place in range(4):
        for sign in (1, -1):
            weights, on_target = _moments(target, bound, place, sign)
            limit = np.quantile((draws @ weights.T).max(axis=1), 1 - KAPPA)
            covariance = weights @ BENZARTI_VCOV @ weights.T
            for i, theta in enumerate(grid):
                heights = weights @ BENZARTI - on_target * theta
                kept[i] |= not _rejected(heights, covariance, limit)
    return kept


def _rejected(heights: np.ndarray, covariance: np.ndarray, limit: float) -> bool:
    best = int(heights.argmax())
    height, variance = heights[best], covariance[best, best]
    if height > limit:
        return True
    if height <= 0.0 or variance < 1e-14:
        return bool(height > 0.0)
    low, high = -np.inf, limit
    for ratio, other in zip(covariance[:, best] / variance, heights, strict=True):
        if ratio < 1 - 1e-9:
            low = max(low, (other - ratio * height) / (1 - ratio))
        elif ratio > 1 + 1e-9:
            high = min(high, (other - ratio * height) / (1 - ratio))
    spread = np.sqrt(variance)
    above = norm.sf(height / spread) - norm.sf(high / spread)
    return bool(above / (norm.sf(low / spread) - norm.sf(high / spread)) < (0.05 - KAPPA) / (1 - KAPPA))


@pytest.mark.parametrize("target", [FIRST, AVERAGE, UNEVEN])
@pytest.mark.parametrize("bound", [0.5, 1.5])
def test_the_closed_form_is_the_test_with_every_vertex(target: np.ndarray, bound: float) -> None:
    (found,) = relative_intervals(study(target), np.array([bound]), 0.95)
    step = 0.01 * (found.high - found.low)
    near = np.array([found.low - step, found.low + step, found.high - step, found.high + step])
    assert _kept(target, bound, near).tolist() == [False, True, True, False]


def test_a_looser_bound_never_gives_a_shorter_interval() -> None:
    found = relative_intervals(study(AVERAGE), np.array([0.0, 0.5, 1.0, 2.0]), 0.95)
    assert (np.diff([item.low for item in found]) < 0.0).all()
    assert (np.diff([item.high for item in found]) > 0.0).all()


def test_many_bounds_at_once_are_the_same_as_one_by_one() -> None:
    bounds = np.array([0.3, 1.1])
    together = relative_intervals(study(AVERAGE), bounds, 0.9)
    alone = [relative_intervals(study(AVERAGE), bounds[[j]], 0.9)[0] for j in range(2)]
    assert [(item.low, item.high) for item in together] == [(item.low, item.high) for item in alone]


@pytest.mark.parametrize("target", [FIRST, AVERAGE])
def test_at_the_breakdown_the_interval_ends_at_the_null(target: np.ndarray) -> None:
    bound = relative_breakdown(study(target), 0.95)
    low, high = (item.low for item in relative_intervals(study(target), np.array([bound - 1e-3, bound + 1e-3]), 0.95))
    assert high < 0.0 < low


def test_a_null_inside_the_usual_interval_breaks_at_once_and_one_far_away_never() -> None:
    assert relative_breakdown(study(), 0.95, null=0.2) == 0.0
    assert relative_breakdown(study(), 0.95, null=1e3) == np.inf


def test_it_covers_where_the_bound_is_tight() -> None:
    """A violation that grows after treatment by exactly M̄ times its largest step before, along a sample of draws."""
    path = np.array([-0.4, -0.15, -0.1, -0.05, 0.25, 0.5, 0.75, 1.0])
    draws = np.random.default_rng(8).multivariate_normal(path, BENZARTI_VCOV, size=200)
    bounds = np.array([1.0])
    covered = 0
    for value in draws:
        (found,) = relative_intervals(replace(study(AVERAGE), value=value), bounds, 0.95)
        covered += found.low <= 0.0 <= found.high
    assert covered / 200 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 200)
    assert covered < 200
