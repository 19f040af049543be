"""Averages of an outcome model block by block: those of a design of every row for every arm."""

import numpy as np
import pytest
from scipy.special import expit

from estimand.core.nuisances import Score
from estimand.methods.adjustment.standardised import BLOCK, Family, Layout, Model, standardised
from estimand.stats.basis import independent_basis

RESPONSE = {"linear": lambda v: v, "logistic": expit, "poisson": np.exp}
SLOPE = {"linear": np.ones_like, "logistic": lambda v: expit(v) * expit(-v), "poisson": np.exp}
ROWS, COLUMNS = 60_000, 7


def columns(arm: np.ndarray, x: np.ndarray, crossed: tuple[int, ...]) -> np.ndarray:
    """Three arms: an intercept, two indicators, covariates, and products arm by arm."""
    one, two = (arm == 1).astype(float), (arm == 2).astype(float)
    products = [own * x[:, j] for own in (one, two) for j in crossed]
    return np.column_stack([np.ones(len(x)), one, two, x, *products])


@pytest.mark.parametrize("crossed", [(), (1, 4), tuple(range(COLUMNS))])
@pytest.mark.parametrize("family", ["linear", "logistic", "poisson"])
def test_blocks_give_what_whole_designs_give(family: Family, crossed: tuple[int, ...]) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(ROWS, COLUMNS)) + 3.0
    x[:, 6] = x[:, 5]
    arm, fitted = rng.integers(0, 3, ROWS), ROWS - 9_000
    assert fitted * COLUMNS > 2 * BLOCK
    layout = Layout(3, COLUMNS, crossed)
    raw = layout.design(arm[:fitted], x[:fitted])
    np.testing.assert_array_equal(raw, columns(arm, x, crossed)[:fitted, 1:])
    basis = independent_basis(raw)
    assert not basis.kept[2 + 6]
    size = basis.matrix.shape[1]
    theta, residual = 0.1 * rng.normal(size=size), rng.normal(size=fitted)
    hessian = basis.matrix.T @ basis.matrix
    model = Model(layout, basis, theta, Score.single(basis.matrix, residual, hessian), family)
    shares = rng.uniform(0.5, 1.5, size=(ROWS, 3))
    shares /= shares.mean(axis=0)
    made = standardised(model, [x[:fitted], x[fitted:]], shares, [1, 0, 2])
    for j, code in enumerate((1, 0, 2)):
        z = basis.rows(columns(np.full(ROWS, code), x, crossed)[:, 1:])
        predicted = RESPONSE[family](z @ theta)
        mean = np.average(predicted, weights=shares[:, j])
        gradient = (z * (shares[:, j] * SLOPE[family](z @ theta))[:, None]).mean(axis=0)
        psi = shares[:, j] * (predicted - mean)
        psi[:fitted] += residual * (basis.matrix @ np.linalg.solve(hessian, gradient)) * ROWS
        assert made.mean[j] == pytest.approx(mean, rel=1e-12)
        np.testing.assert_allclose(made.psi[:, j], psi, rtol=1e-9, atol=1e-9)


def test_without_covariates_the_model_is_of_the_arms_alone() -> None:
    arm, x = np.repeat([0, 1], 5), np.empty((10, 0))
    layout = Layout(2, 0, ())
    basis = independent_basis(layout.design(arm, x))
    z = basis.matrix
    theta = np.linalg.solve(z.T @ z, z.T @ np.arange(10.0))
    model = Model(layout, basis, theta, Score.single(z, np.arange(10.0) - z @ theta, z.T @ z), "linear")
    made = standardised(model, [x], np.ones((10, 2)), [1, 0])
    np.testing.assert_allclose(made.mean, [7.0, 2.0], rtol=1e-12)
