"""Averages of scores in groups and their projection on covariates, against statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm

from estimand.stats.effect_groups import group_averages, linear_projection, ranked_groups


@pytest.fixture
def rows() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(120, 2)) * [1.0, 7.0] + [3.0, -2.0]
    return {
        "columns": columns,
        "scores": columns @ [1.0, 0.2] + rng.normal(size=120),
        "group": rng.integers(0, 4, 120),
        "weights": rng.uniform(0.5, 2.0, 120),
        "cluster": np.arange(120) // 4,
    }


def test_group_averages_are_the_regression_on_their_indicators(rows: dict[str, np.ndarray]) -> None:
    indicators = (rows["group"][:, None] == np.arange(4)).astype(float)
    model = sm.WLS(rows["scores"], indicators, weights=rows["weights"])
    for units, options in (
        (np.arange(120), {"cov_type": "HC0"}),
        (
            rows["cluster"],
            {"cov_type": "cluster", "cov_kwds": {"groups": rows["cluster"], "use_correction": False}},
        ),
    ):
        found, fit = group_averages(rows["scores"], rows["group"], rows["weights"], units), model.fit(**options)
        assert found.value == pytest.approx(fit.params, rel=1e-10)
        assert found.vcov == pytest.approx(fit.cov_params(), abs=1e-12)
        assert found.rows.tolist() == np.bincount(rows["group"]).tolist()


def test_the_projection_is_least_squares_with_hc3_or_by_cluster(rows: dict[str, np.ndarray]) -> None:
    design = sm.add_constant(rows["columns"])
    fit = sm.OLS(rows["scores"], design).fit(cov_type="HC3")
    found = linear_projection(rows["scores"], rows["columns"], None, np.arange(120))
    assert found.slope == pytest.approx(fit.params[1:], rel=1e-10)
    assert found.std_error == pytest.approx(fit.bse[1:], rel=1e-10)
    groups = {"groups": rows["cluster"], "use_correction": False}
    fit = sm.WLS(rows["scores"], design, weights=rows["weights"]).fit(cov_type="cluster", cov_kwds=groups)
    found = linear_projection(rows["scores"], rows["columns"], rows["weights"], rows["cluster"])
    assert found.slope == pytest.approx(fit.params[1:], rel=1e-10)
    assert found.std_error == pytest.approx(fit.bse[1:], rel=1e-10)


def test_a_column_that_others_span_has_no_slope(rows: dict[str, np.ndarray]) -> None:
    columns = np.column_stack([rows["columns"], rows["columns"].sum(axis=1)])
    found = linear_projection(rows["scores"], columns, None, np.arange(120))
    assert found.kept.tolist() == [True, True, False]
    assert np.isnan(found.slope).tolist() == [False, False, True]


def test_ranks_are_within_folds_and_as_even_as_can_be() -> None:
    effects, fold = np.array([5.0, 1.0, 3.0, 2.0, 40.0, 10.0, 30.0, 20.0]), np.repeat([0, 1], 4)
    assert ranked_groups(effects, fold, 2).tolist() == [1, 0, 1, 0, 1, 0, 1, 0]
    assert np.bincount(ranked_groups(np.zeros(10), np.zeros(10, dtype=np.int64), 5)).tolist() == [2] * 5
