"""Effects along a covariate: the spline is one, its error is that of least squares, its band holds the whole curve."""

import numpy as np
import pytest
from scipy.stats import norm

from estimand.stats.effect_curve import effect_curve, natural_spline, tube_critical_value
from estimand.stats.intervals import critical_value, sup_t_critical_value

KNOTS = np.array([-1.0, 0.0, 0.5, 2.0])


def test_the_spline_is_cubic_between_knots_smooth_at_them_and_straight_beyond():
    x = np.linspace(-3.0, 4.0, 7001)
    columns = natural_spline(x, KNOTS)
    assert columns.shape == (7001, 3)
    step = x[1] - x[0]
    bend = np.diff(columns, 2, axis=0) / step**2
    beyond = (x[1:-1] < -1.0 - step) | (x[1:-1] > 2.0 + step)
    assert np.abs(bend[beyond]).max() < 1e-6
    assert np.abs(np.diff(bend, axis=0)).max() < 100.0 * step
    assert np.linalg.matrix_rank(np.column_stack([np.ones(7001), columns])) == 4


def test_two_knots_are_a_straight_line():
    x = np.linspace(0.0, 1.0, 11)
    assert natural_spline(x, np.array([0.2, 0.8])).shape == (11, 1)
    assert natural_spline(x, np.array([0.2])).shape == (11, 1)


def test_scores_that_lie_on_a_line_give_that_line():
    x = np.random.default_rng(0).normal(size=500)
    at = np.linspace(-2.0, 2.0, 9)
    found = effect_curve(1.5 - 0.25 * x, x, at, None, np.arange(500))
    np.testing.assert_allclose(found.value, 1.5 - 0.25 * at, atol=1e-10)
    np.testing.assert_allclose(found.std_error, 0.0, atol=1e-10)
    assert tube_critical_value(found.length, 0.95) >= norm.ppf(0.975)


def test_the_error_is_hc3_and_by_unit_the_sum_within_units():
    rng = np.random.default_rng(1)
    x, noise = np.repeat(rng.normal(size=200), 3), rng.normal(size=600)
    units = np.repeat(np.arange(200), 3)
    scores = np.sin(x) + np.repeat(rng.normal(size=200), 3) + noise
    at = np.array([-1.0, 0.0, 1.0])
    size = int(2.0 * 600 ** (1 / 7))
    knots = np.quantile(x, np.linspace(0.01, 0.99, size + 1))
    design = np.column_stack([np.ones(600), natural_spline(x, knots)])
    where = np.column_stack([np.ones(3), natural_spline(at, knots)])
    bread = np.linalg.inv(design.T @ design)
    residual = scores - design @ (bread @ design.T @ scores)
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    single = effect_curve(scores, x, at, None, np.arange(600))
    load = where @ bread
    pull = design * (residual / (1.0 - leverage))[:, None]
    np.testing.assert_allclose(single.std_error**2, np.diag(load @ (pull.T @ pull) @ load.T), rtol=1e-7)
    joint = effect_curve(scores, x, at, None, units)
    pull = (design * residual[:, None]).reshape(200, 3, -1).sum(axis=1)
    np.testing.assert_allclose(joint.std_error**2, np.diag(load @ (pull.T @ pull) @ load.T), rtol=1e-7)
    assert joint.std_error[1] > single.std_error[1]


def test_weights_of_two_are_rows_twice():
    rng = np.random.default_rng(2)
    x, scores = rng.normal(size=300), rng.normal(size=300)
    weights, at = rng.integers(1, 3, 300).astype(float), np.array([-0.5, 0.5])
    twice = np.repeat(np.arange(300), weights.astype(int))
    knots = np.quantile(x, np.linspace(0.01, 0.99, int(2.0 * 300 ** (1 / 7)) + 1))
    design = np.column_stack([np.ones(300), natural_spline(x, knots)])[twice]
    expected = np.linalg.lstsq(design, scores[twice], rcond=None)[0]
    found = effect_curve(scores, x, at, weights, np.arange(300))
    where = np.column_stack([np.ones(2), natural_spline(at, knots)])
    np.testing.assert_allclose(found.value, where @ expected, rtol=1e-7)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_no_path_is_one_interval(level):
    assert tube_critical_value(0.0, level) == pytest.approx(critical_value(level, None, 1)[0], abs=1e-9)


def test_the_tube_agrees_with_simulation():
    rng = np.random.default_rng(3)
    x = rng.normal(size=2000)
    at = np.linspace(-1.8, 1.8, 60)
    found = effect_curve(np.sin(x) + rng.normal(size=2000), x, at, None, np.arange(2000))
    knots = np.quantile(x, np.linspace(0.01, 0.99, int(2.0 * 2000 ** (1 / 7)) + 1))
    design = np.column_stack([np.ones(2000), natural_spline(x, knots)])
    where = np.column_stack([np.ones(60), natural_spline(at, knots)])
    drawn = sup_t_critical_value(where @ np.linalg.inv(design.T @ design) @ where.T, 0.95)
    assert tube_critical_value(found.length, 0.95) == pytest.approx(drawn, abs=0.06)


def test_the_band_holds_the_whole_curve_as_often_as_it_says():
    rng, held, draws = np.random.default_rng(4), 0, 400
    for _ in range(draws):
        x = rng.uniform(-2.0, 2.0, 1500)
        at = np.quantile(x, (np.arange(25) + 0.5) / 25)
        scores = np.sin(x) + (1.0 + np.abs(x)) * rng.standard_t(5, 1500)
        found = effect_curve(scores, x, at, None, np.arange(1500))
        band = tube_critical_value(found.length, 0.95) * found.std_error
        held += bool((np.abs(found.value - np.sin(at)) <= band).all())
    assert abs(held / draws - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / draws)
