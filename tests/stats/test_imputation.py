"""Imputation is least squares with a column for each level, and says which rows it reaches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.stats.effects import Effect, cross_product, fitted_values, sums, tally
from estimand.stats.imputation import Average, impute


def drawn(seed: int) -> dict[str, np.ndarray]:
    """Rows of 8 groups, 5 periods and 3 regions, of which most are fitted, with gaps that disconnect some."""
    rng = np.random.default_rng(seed)
    n = 50
    group, period, region = rng.integers(0, 8, n), rng.integers(0, 5, n), rng.integers(0, 3, n)
    group[:8] = np.arange(8)
    fitted = (rng.random(n) < 0.6) & ((period < 4) | (group < 3))
    fitted[0] = True
    return {
        "group": group,
        "period": period,
        "region": region,
        "x": rng.normal(size=n),
        "y": rng.normal(size=n),
        "w": rng.uniform(0.3, 3.0, n),
        "fitted": fitted,
        "cluster": rng.integers(0, 6, n),
    }


def effects(data: dict[str, np.ndarray]) -> tuple[Effect, ...]:
    still = np.zeros(50, dtype=np.int64)
    return (
        Effect(data["period"], 5),
        Effect(data["region"], 3),
        Effect(still, 1, data["x"]),
        Effect(data["period"], 5, np.sin(data["group"])),
    )


def written_out(data: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the groups, and of the effects."""
    hot = [data[name][:, None] == np.arange(size) for name, size in (("group", 8), ("period", 5), ("region", 3))]
    by_period = hot[1] * np.sin(data["group"])[:, None]
    return hot[0].astype(float), np.column_stack([hot[1], hot[2], data["x"], by_period]).astype(float)


@pytest.mark.parametrize("most", [20_000_000, 0])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000), weighted=st.booleans())
def test_effects_residuals_and_reach_are_those_of_dummies(most: int, seed: int, weighted: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("estimand.stats.effects.MOST_DENSE", most)
        data = drawn(seed)
        w = data["w"] if weighted else np.ones(50)
        fit = impute(data["y"], data["group"], effects(data), data["fitted"], data["w"] if weighted else None)
        z = np.hstack(written_out(data))
        z0, w0, fitted = z[data["fitted"]], w[data["fitted"]], data["fitted"]
        root = np.sqrt(w0)[:, None]
        slopes = np.linalg.lstsq(z0 * root, data["y"][fitted] * root[:, 0], rcond=1e-10)[0]
        projection = np.linalg.pinv(z0, rcond=1e-10) @ z0
        reached = fitted | (np.abs(z @ projection - z).max(axis=1) < 1e-7)
        np.testing.assert_array_equal(fit.reached, reached)
        np.testing.assert_allclose(fit.effect, np.where(reached, data["y"] - z @ slopes, 0.0), atol=1e-8)
        treated = np.flatnonzero(reached & ~fitted)
        if treated.size:
            own = np.where(np.isin(np.arange(50), treated), data["x"], 0.0)
            v = -w0 * (z0 @ np.linalg.pinv(z0.T @ (z0 * w0[:, None]), rcond=1e-12) @ (z.T @ own))
            noise = np.bincount(data["cluster"][fitted], weights=v * fit.effect[fitted], minlength=6)
            carried = fit.carried([Average(treated, own[treated])], data["cluster"], 6)
            np.testing.assert_allclose(carried[:, 0], noise, atol=1e-7)


@pytest.mark.parametrize("most", [20_000_000, 0])
def test_columns_are_never_written_out_and_act_as_if_they_were(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("estimand.stats.effects.MOST_DENSE", most)
    data = drawn(3)
    columns, x = effects(data), written_out(data)[1]
    slopes = np.arange(14.0) - 5.0
    np.testing.assert_allclose(fitted_values(columns, slopes), x @ slopes, atol=1e-12)
    np.testing.assert_allclose(cross_product(columns, data["w"]), x.T @ (x * data["w"][:, None]), atol=1e-12)
    rows = np.arange(0, 50, 3)
    np.testing.assert_allclose(sums(columns, rows, data["y"][rows]), x[rows].T @ data["y"][rows], atol=1e-12)
    one_hot = (data["cluster"][:, None] == np.arange(6)).astype(float)
    got = tally(data["cluster"], 6, columns, data["y"])
    np.testing.assert_allclose(got @ np.eye(14), one_hot.T @ (x * data["y"][:, None]), atol=1e-12)
