"""Folds in turn, medians over splits, and contrasts of means."""

import numpy as np
import pytest
import statsmodels.api as sm

from estimand.stats.group_contrast import contrast_of_means, standardised
from estimand.stats.sequential import in_turn
from estimand.stats.split_medians import split_median, split_p_value


def test_folds_in_turn_add_up_as_their_standardised_values_do() -> None:
    values, errors = np.array([1.0, 3.0, 2.0, np.nan, 7.0]), np.array([0.5, 2.0, 1.0, np.nan, 0.0])
    found = in_turn(values, errors)
    assert found is not None
    assert found.folds == 3
    assert found.value / found.std_error == pytest.approx((values[:3] / errors[:3]).sum() / np.sqrt(3), rel=1e-12)
    low, high = found.interval(0.95)
    assert (low + high) / 2 == pytest.approx(found.value)
    assert in_turn(np.array([np.nan]), np.array([np.nan])) is None


def test_learning_and_judging_on_the_same_folds_is_too_bold_and_in_turn_is_not() -> None:
    """With no signal, a rule learned from folds k and asked about fold j: crossed, and in turn."""
    rng, crossed, turned = np.random.default_rng(0), [], []
    folds, rows, columns, reps = 5, 60, 4, 2_000
    for _ in range(reps):
        x, y = rng.normal(size=(folds, rows, columns)), rng.normal(size=(folds, rows))
        own = np.einsum("kij,ki->kj", x, y)
        for name, before in (("crossed", own.sum(axis=0) - own), ("turned", np.cumsum(own, axis=0) - own)):
            told = np.einsum("kij,kj->ki", x, before)
            top, size = (told * y).sum(axis=1), np.square(told * y).sum(axis=1)
            if name == "crossed":
                crossed.append(top.sum() / np.sqrt(size.sum()))
            else:
                made = in_turn(top[1:], np.sqrt(size[1:]))
                assert made is not None
                turned.append(made.value / made.std_error)
    line = 1.6448536
    rate = float(np.mean(np.array(turned) > line))
    assert abs(rate - 0.05) < 4 * np.sqrt(0.05 * 0.95 / reps) + 0.005
    assert np.var(crossed) > 1.5
    assert np.mean(np.array(crossed) > line) > 0.05 + 4 * np.sqrt(0.05 * 0.95 / reps)


def test_medians_hold_their_level_for_any_dependence() -> None:
    rng, reps, splits = np.random.default_rng(1), 4_000, 3
    missed, rejected = 0, 0
    for _ in range(reps):
        values = (0.7 * rng.normal() + np.sqrt(0.51) * rng.normal(size=splits))[:, None]
        found = split_median(values, np.ones((splits, 1)), 0.95)
        missed += not found.low[0] <= 0.0 <= found.high[0]
        rejected += bool(split_p_value(values, np.ones((splits, 1)), two_sided=True)[0] <= 0.05)
    assert missed / reps <= 0.05
    assert rejected / reps <= 0.05


def test_one_split_is_its_own_median_at_half_the_error() -> None:
    found = split_median(np.array([[2.0]]), np.array([[1.0]]), 0.95)
    assert float(found.high[0] - found.value[0]) == pytest.approx(2.2414027, abs=1e-6)
    assert float(split_p_value(np.array([[1.959964]]), np.array([[1.0]]), two_sided=True)[0]) == pytest.approx(0.1)


def test_an_even_number_of_splits_takes_the_wider_end() -> None:
    found = split_median(np.array([[0.0], [10.0]]), np.ones((2, 1)), 0.95)
    assert found.value[0] == 5.0
    assert found.low[0] < 0.0
    assert found.high[0] > 10.0


def test_values_put_in_order_keep_their_numbers() -> None:
    found = split_median(np.array([[3.0, 1.0, 2.0]]), np.array([[0.1, 0.2, 5.0]]), 0.95)
    assert found.increasing().value.tolist() == [1.0, 2.0, 3.0]
    assert sorted(found.low.tolist()) == found.increasing().low.tolist()


@pytest.mark.parametrize("clustered", [False, True])
def test_a_contrast_of_means_is_a_regression_on_the_groups(clustered: bool) -> None:
    rng = np.random.default_rng(2)
    values, group, weights = rng.normal(size=90), rng.integers(0, 3, 90), rng.uniform(0.5, 2.0, 90)
    units = np.arange(90) // 3 if clustered else np.arange(90)
    held = np.isin(group, (0, 2))
    design = np.column_stack([group == 0, group == 2]).astype(float)[held]
    kind = {"cov_type": "HC0"}
    if clustered:
        kind = {"cov_type": "cluster", "cov_kwds": {"groups": units[held], "use_correction": False}}
    fit = sm.WLS(values[held], design, weights=weights[held]).fit(**kind)
    found = contrast_of_means(values[:, None], (group == 2, group == 0), weights, units)[:, 0]
    test = fit.t_test([-1.0, 1.0])
    assert found[:3] == pytest.approx([fit.params[1], fit.params[0], float(test.effect[0])], rel=1e-10)
    assert found[3] == pytest.approx(float(test.sd.item()), rel=1e-10)


def test_a_value_without_error_is_certain() -> None:
    assert standardised(np.array([0.0, 2.0, -1.0, 3.0]), np.array([0.0, 0.0, 0.0, 2.0])).tolist() == [
        0.0,
        np.inf,
        -np.inf,
        1.5,
    ]
