"""Score tests of added terms against statsmodels' and numpy's own fits with those terms in."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from estimand.stats.added_terms import add_terms, fitted_line, joint_p_value, leading_pairs, products
from estimand.stats.arrays import Floats


def drawn(rows: int = 400, seed: int = 1) -> tuple[Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)) + 5.0
    terms = products(x, ((0, 0), (1, 1), (0, 1)))
    y = x[:, 0] + 0.4 * terms[:, 0] + rng.normal(size=rows) * (1.0 + np.abs(terms[:, 1]))
    return x, terms, y, rng.uniform(0.5, 2.0, rows)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_line_gains_what_least_squares_with_the_terms_gives_them(weighted: bool) -> None:
    x, terms, y, weights = drawn()
    given_weights = weights if weighted else None
    line = fitted_line(x, y, terms, "linear", given_weights)
    assert line is not None
    full = sm.WLS(y, sm.add_constant(np.hstack([x, terms])), weights if weighted else 1.0).fit()
    np.testing.assert_allclose(line.added.coefficients, full.params[-3:], rtol=1e-8)
    plain = sm.WLS(y, sm.add_constant(x), weights if weighted else 1.0).fit()
    assert line.added.share == pytest.approx(1.0 - full.ssr / plain.ssr, rel=1e-8)
    asked = np.random.default_rng(3).dirichlet(np.ones(y.size))
    mean, change = line.average(x, terms, asked)
    assert mean == pytest.approx(asked @ plain.fittedvalues, rel=1e-10)
    assert change == pytest.approx(asked @ (full.fittedvalues - plain.fittedvalues), rel=1e-7)


def test_the_test_is_that_of_a_regression_of_ones_on_the_freed_scores() -> None:
    x, terms, y, _ = drawn()
    line = fitted_line(x, y, terms)
    assert line is not None
    plain = sm.OLS(y, sm.add_constant(x)).fit()
    freed = terms - sm.OLS(terms, sm.add_constant(x)).fit().fittedvalues
    ones = np.ones(y.size)
    auxiliary = sm.OLS(ones, freed * plain.resid[:, None]).fit()
    p = float(chi2.sf(y.size - auxiliary.ssr, 3))
    assert joint_p_value([(line.added.scores, np.arange(y.size))]) == pytest.approx(p, rel=1e-7)


def test_clusters_are_summed_first_also_across_parts() -> None:
    x, terms, y, _ = drawn()
    line, groups = fitted_line(x, y, terms), np.arange(y.size) // 4
    assert line is not None
    scores = line.added.scores
    by_hand = np.stack([scores[groups == g].sum(axis=0) for g in range(100)])
    total = by_hand.sum(axis=0)
    p = float(chi2.sf(total @ np.linalg.inv(by_hand.T @ by_hand) @ total, 3))
    assert joint_p_value([(scores, groups)]) == pytest.approx(p, rel=1e-8)
    upper, lower = scores[::2], scores[1::2]
    wide = np.hstack([np.stack([s[g == k].sum(axis=0) for k in range(100)]) for s, g in
                      ((upper, groups[::2]), (lower, groups[1::2]))])  # fmt: skip
    apart = wide.sum(axis=0) @ np.linalg.inv(wide.T @ wide) @ wide.sum(axis=0)
    parts = [(upper, groups[::2]), (lower, groups[1::2])]
    assert joint_p_value(parts) == pytest.approx(float(chi2.sf(apart, 6)), rel=1e-8)


@pytest.mark.parametrize(("link", "family"), [("logistic", sm.families.Binomial()), ("poisson", sm.families.Poisson())])
def test_one_step_towards_a_fit_with_the_terms_is_near_it(link: str, family: sm.families.Family) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20_000, 2))
    terms = products(x, ((0, 0), (0, 1)))
    index = -0.5 + 0.3 * x[:, 0] + 0.1 * terms[:, 0]
    logistic = link == "logistic"
    y = (rng.random(20_000) < 1 / (1 + np.exp(-index))) if logistic else rng.poisson(np.exp(index))
    y = y.astype(float)
    line = fitted_line(x, y, terms, "logistic" if logistic else "poisson")
    assert line is not None
    full = sm.GLM(y, sm.add_constant(np.hstack([x, terms])), family=family).fit()
    np.testing.assert_allclose(line.added.coefficients, full.params[-2:], atol=0.015)
    model = sm.GLM(y, sm.add_constant(x), family=family)
    restricted = model.fit()
    nested, p, _ = restricted.model.score_test(restricted.params, exog_extra=terms)
    classical = line.added.coefficients @ line.added.scores.sum(axis=0)
    assert classical == pytest.approx(float(np.squeeze(nested)), rel=1e-6)
    assert p < 1e-6


def test_a_term_that_the_design_spans_is_left_out() -> None:
    x, terms, y, _ = drawn()
    design = np.hstack([np.ones((y.size, 1)), x])
    added = add_terms(design, y - y.mean(), np.ones(y.size), np.hstack([x[:, :1] - x[:, 1:2], terms]))
    assert added.kept.tolist() == [False, True, True, True]
    assert added.coefficients[0] == 0.0
    assert joint_p_value([(np.empty((y.size, 0)), np.arange(y.size))]) == 1.0


def test_the_leading_columns_come_first_and_indicators_have_no_square() -> None:
    numeric = np.array([True, False, True, True, True])
    pairs = leading_pairs(numeric, np.array([2, 1, 0, 3, 4]), 100)
    assert pairs == ((2, 2), (2, 1), (0, 0), (2, 0), (1, 0), (3, 3), (2, 3), (1, 3), (0, 3), (4, 4))
    assert leading_pairs(numeric, np.array([2, 1, 0, 3, 4]), 3) == pairs[:3]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100.0), st.floats(-50.0, 50.0))
def test_units_of_measurement_do_not_matter(seed: int, factor: float, shift: float) -> None:
    x, _, y, _ = drawn(120, seed)
    pairs = ((0, 0), (0, 1), (2, 2))
    p_values = []
    for columns, outcome in ((x, y), (x * factor + shift, y * factor)):
        line = fitted_line(columns, outcome, products(columns, pairs))
        assert line is not None
        p_values.append(joint_p_value([(line.added.scores, np.arange(120))]))
    assert p_values[1] == pytest.approx(p_values[0], rel=1e-5)


def test_the_size_is_right_under_unequal_variance() -> None:
    rng = np.random.default_rng(4)
    below = 0
    for _ in range(600):
        x = rng.normal(size=(300, 2))
        y = x[:, 0] + rng.normal(size=300) * np.exp(0.5 * x[:, 0])
        line = fitted_line(x, y, products(x, ((0, 0), (1, 1), (0, 1))))
        assert line is not None
        below += joint_p_value([(line.added.scores, np.arange(300))]) < 0.05
    assert below / 600 < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 600)
    assert below / 600 > 0.05 - 4 * np.sqrt(0.05 * 0.95 / 600)
