"""Omitted-variable algebra against R sensemakr, and against regressions that do include the variable."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from estimand.stats.omitted import (
    OneSlope,
    adjusted_estimate,
    adjusted_std_error,
    benchmark,
    one_slope,
    partial_r2,
    robustness_value,
)
from tests.reference_data import matches, reference, table

COVARIATES = ["age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female"]


@pytest.fixture(scope="module")
def darfur() -> OneSlope:
    frame = table("darfur")
    villages = pd.get_dummies(frame["village"]).to_numpy(float)
    controls = np.column_stack([frame[COVARIATES].to_numpy(float), villages])
    groups = {"female": [5], "village": list(range(6, controls.shape[1]))}
    fit = one_slope(frame["directlyharmed"].to_numpy(float), controls, frame["peacefactor"].to_numpy(float), groups)
    assert fit is not None
    return fit


def test_the_regression_is_the_published_one(darfur: OneSlope) -> None:
    matches("darfur.ols", value=darfur.estimate, se=darfur.std_error)
    assert darfur.dof == reference("darfur.ols")["extra"]["dof"]
    matches("darfur.r2yd", value=partial_r2(darfur.t, darfur.dof))


def test_robustness_values_are_the_published_ones(darfur: OneSlope) -> None:
    matches("darfur.rv_q1", value=robustness_value(darfur.t, darfur.dof))
    matches("darfur.rv_qa", value=robustness_value(darfur.t, darfur.dof, level=0.95))


def test_the_benchmark_is_the_published_one(darfur: OneSlope) -> None:
    bound = benchmark(*darfur.explained["female"])
    assert bound is not None
    adjusted, error = adjusted_estimate(darfur, *bound), adjusted_std_error(darfur, *bound)
    matches("darfur.bound_female_1x", value=adjusted, se=error)
    entry = reference("darfur.bound_female_1x")
    rel = entry["tolerance"]["value_rel"]
    assert bound[0] == pytest.approx(entry["extra"]["r2dz.x"], rel=rel)
    assert bound[1] == pytest.approx(entry["extra"]["r2yz.dx"], rel=rel)
    assert adjusted / error == pytest.approx(entry["extra"]["adjusted_t"], rel=rel)
    half = student.ppf(0.975, darfur.dof - 1) * error
    assert [adjusted - half, adjusted + half] == pytest.approx(entry["ci"], rel=1e-4)


def test_the_benchmarks_two_and_three_times_as_strong(darfur: OneSlope) -> None:
    """Cinelli & Hazlett (2020), table of bounds: 0.0529 and 0.0304."""
    found = [adjusted_estimate(darfur, *benchmark(*darfur.explained["female"], k, k)) for k in (2, 3)]
    assert found == pytest.approx([0.0529, 0.0304], abs=5e-5)


def least(raw: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Coefficients, classical standard errors and residual sum of squares, the plain way."""
    design = np.column_stack([np.ones(len(y)), raw])
    beta = np.linalg.lstsq(design, y, rcond=None)[0]
    left = float(np.square(y - design @ beta).sum())
    cov = left / (len(y) - design.shape[1]) * np.linalg.inv(design.T @ design)
    return beta, np.sqrt(np.diag(cov)), left


@pytest.fixture(scope="module")
def world() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    n = 400
    x = rng.normal(size=(n, 3)) @ np.array([[1, 0.4, 0], [0, 1, 0.3], [0, 0, 1.0]])
    hidden = rng.normal(size=n) + 0.2 * x[:, 0]
    d = (0.5 * x[:, 0] + 0.6 * hidden + rng.normal(size=n) > 0).astype(float)
    y = d + x @ np.array([1.0, -0.5, 0.2]) + 0.8 * hidden + rng.normal(size=n)
    return {"x": x, "hidden": hidden, "d": d, "y": y}


def test_adding_the_hidden_variable_moves_estimate_and_error_as_the_algebra_says(world: dict[str, np.ndarray]) -> None:
    x, hidden, d, y = world["x"], world["hidden"], world["d"], world["y"]
    short = one_slope(d, x, y, {})
    assert short is not None
    beta, errors, left = least(np.column_stack([d, x]), y)
    assert (short.estimate, short.std_error) == pytest.approx((beta[1], errors[1]), rel=1e-10)
    long_beta, long_errors, long_left = least(np.column_stack([d, x, hidden]), y)
    with_outcome = 1.0 - long_left / left
    with_treatment = 1.0 - least(np.column_stack([x, hidden]), d)[2] / least(x, d)[2]
    assert adjusted_estimate(short, with_treatment, with_outcome) == pytest.approx(long_beta[1], rel=1e-9)
    assert adjusted_std_error(short, with_treatment, with_outcome) == pytest.approx(long_errors[1], rel=1e-9)


def test_partial_r2_of_groups_is_what_their_removal_costs(world: dict[str, np.ndarray]) -> None:
    x, d, y = world["x"], world["d"], world["y"]
    fit = one_slope(d, x, y, {"pair": [0, 2], "one": [1]})
    assert fit is not None
    for name, columns in {"pair": [0, 2], "one": [1]}.items():
        rest = np.delete(x, columns, axis=1)
        of_treatment = 1.0 - least(x, d)[2] / least(rest, d)[2]
        of_outcome = 1.0 - least(np.column_stack([d, x]), y)[2] / least(np.column_stack([d, rest]), y)[2]
        assert fit.explained[name] == pytest.approx((of_treatment, of_outcome), rel=1e-9)


def test_a_full_set_of_dummies_counts_as_one_group(world: dict[str, np.ndarray]) -> None:
    x, d, y = world["x"], world["d"], world["y"]
    level = np.digitize(x[:, 2], [-0.5, 0.5])
    full = np.column_stack([x[:, :2], np.eye(3)[level]])
    without_reference = np.column_stack([x[:, :2], np.eye(3)[level][:, 1:]])
    first = one_slope(d, full, y, {"level": [2, 3, 4]})
    second = one_slope(d, without_reference, y, {"level": [2, 3]})
    assert first is not None
    assert second is not None
    assert first.explained["level"] == pytest.approx(second.explained["level"], rel=1e-9)
    assert first.dof == second.dof


def test_whole_weights_are_repeated_rows(world: dict[str, np.ndarray]) -> None:
    x, d, y = world["x"], world["d"], world["y"]
    counts = np.random.default_rng(1).integers(1, 4, len(y))
    rows = np.repeat(np.arange(len(y)), counts)
    weighted = one_slope(d, x, y, {"one": [1]}, counts.astype(float))
    repeated = one_slope(d[rows], x[rows], y[rows], {"one": [1]})
    assert weighted is not None
    assert repeated is not None
    assert weighted.estimate == pytest.approx(repeated.estimate, rel=1e-10)
    assert weighted.explained["one"] == pytest.approx(repeated.explained["one"], rel=1e-9)


@pytest.mark.parametrize("t", [0.5, 2.1, 4.2, 30.0, -4.2])
@pytest.mark.parametrize("dof", [10, 100, 783])
def test_a_confounder_at_the_robustness_value_takes_all_and_a_weaker_one_does_not(t: float, dof: int) -> None:
    fit = OneSlope(t * 0.1, 0.1, dof, {})
    value = robustness_value(t, dof)
    assert adjusted_estimate(fit, value, value) == pytest.approx(0.0, abs=1e-12 * abs(t))
    assert adjusted_estimate(fit, 0.9 * value, 0.9 * value) * t > 0


@pytest.mark.parametrize("t", [2.5, 4.2, 12.0, 80.0])
@pytest.mark.parametrize("dof", [30, 783])
def test_the_interval_reaches_zero_first_at_its_robustness_value(t: float, dof: int) -> None:
    """By brute force: the least t over confounders no stronger than the value, with either variable, is critical."""
    fit = OneSlope(t, 1.0, dof, {})
    line = float(student.ppf(0.975, dof - 1))

    def least_t(most: float) -> float:
        shares = np.linspace(0.0, most, 400)
        return min(adjusted_estimate(fit, most, y) / adjusted_std_error(fit, most, y) for y in shares if y < 1.0)

    value = robustness_value(t, dof, level=0.95)
    assert least_t(value) == pytest.approx(line, rel=2e-3)
    assert least_t(0.95 * value) > line


def test_an_interval_that_holds_zero_has_none() -> None:
    assert robustness_value(1.5, 100, level=0.95) == 0.0
    assert robustness_value(0.0, 100) == 0.0


def test_what_cannot_be_said_is_not(world: dict[str, np.ndarray]) -> None:
    x, d, y = world["x"], world["d"], world["y"]
    assert one_slope(d, np.column_stack([x, d]), y, {}) is None
    assert one_slope(d[:4], x[:4], y[:4], {}) is None
    assert benchmark(0.6, 0.1) is None
    assert benchmark(0.2, 1.0) is None
    assert benchmark(0.05, 0.9) == (pytest.approx(0.05 / 0.95), 1.0)
