"""Strata: cuts, cell moments, shares and regressions within."""

import numpy as np
import pytest
import statsmodels.api as sm

from estimand.stats.strata import (
    Grouping,
    Scored,
    cell_moments,
    comparable,
    quantile_strata,
    quantiles,
    stratified,
    within_effects,
)


def test_a_row_on_a_cut_belongs_below_it() -> None:
    propensity, arm = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([0, 1, 0, 1, 0])
    assert quantile_strata(propensity, arm, Grouping(2, "ATE", "means")).tolist() == [0, 0, 0, 1, 1]
    assert quantile_strata(propensity, arm, Grouping(4, "ATE", "means")).tolist() == [0, 0, 1, 2, 3]


def test_cuts_are_the_treateds_own_quantiles_for_their_effect() -> None:
    propensity, arm = np.array([0.05, 0.1, 0.2, 0.6, 0.8, 0.9]), np.array([0, 0, 0, 1, 1, 1])
    assert quantile_strata(propensity, arm, Grouping(2, "ATT", "means")).tolist() == [0, 0, 0, 0, 0, 1]


def test_moments_of_cells_are_those_of_their_rows_and_one_row_borrows() -> None:
    values, arm = np.array([1.0, 3.0, 5.0, 2.0, 8.0, 4.0, 10.0]), np.array([0, 0, 1, 1, 1, 0, 1])
    cells = cell_moments(values, arm, np.array([0, 0, 0, 0, 0, 1, 1]), (2, 2))
    assert cells.count.tolist() == [[2.0, 3.0], [1.0, 1.0]]
    assert cells.mean.tolist() == [[2.0, 5.0], [4.0, 10.0]]
    assert cells.error.tolist() == [[1.0, 3.0], [2.0, 9.0]]
    assert cells.difference.tolist() == [[3.0], [6.0]]


def test_an_empty_cell_has_no_variance_and_no_share() -> None:
    cells = cell_moments(np.array([1.0, 2.0, 4.0, 6.0]), np.array([0, 0, 1, 1]), np.array([0, 0, 0, 0]), (2, 2))
    assert cells.error.tolist() == [[0.25, 1.0], [0.0, 0.0]]
    usable = comparable(cells, "ATE")
    assert usable.tolist() == [[True], [False]]
    made = stratified(cells, usable, "ATE")
    assert made.share.tolist() == [[1.0], [0.0]]
    assert made.value.tolist() == [3.5]
    assert made.vcov[0, 0] == pytest.approx(0.25 + 1.0)
    assert stratified(cells, usable, "ATE", net=True).vcov[0, 0] == pytest.approx(0.75 * (0.25 + 1.0))


@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_effects_within_are_least_squares_in_each_stratum(target: str) -> None:
    rng = np.random.default_rng(0)
    x, arm, codes = rng.normal(size=(300, 2)), rng.integers(0, 2, 300), rng.integers(0, 3, 300)
    y = x[:, 0] + arm * codes + rng.normal(size=300)
    slopes = [
        sm.OLS(y[codes == s], sm.add_constant(np.column_stack([arm, x])[codes == s])).fit().params[1] for s in range(3)
    ]
    of = codes[arm == 1] if target == "ATT" else codes
    share = np.bincount(of) / of.shape[0]
    found = within_effects(Scored(y, x, arm, None), codes, Grouping(3, target, "regression"))
    assert found == pytest.approx(share @ slopes, rel=1e-9)


def test_equal_weights_give_the_usual_quantiles_and_a_heavy_value_draws_them_to_itself() -> None:
    values, levels = np.random.default_rng(1).normal(size=41), np.array([0.1, 0.35, 0.9])
    held = np.full(41, 0.3)
    held[0] *= 1.0 + 1e-14
    assert quantiles(values, levels, held) == pytest.approx(np.quantile(values, levels), abs=1e-12)
    heavy = np.ones(41)
    heavy[7] = 1e6
    assert quantiles(values, np.array([0.5]), heavy)[0] == pytest.approx(values[7], abs=1e-3)
