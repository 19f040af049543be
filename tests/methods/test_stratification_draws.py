"""Bootstrap draws of propensity strata: one at a time, row by row, and at any number of threads."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated import confounded, design

import estimand as es
from estimand.core.run import Run
from estimand.errors import Code
from estimand.stats.glm import fit_glm
from estimand.stats.multinomial import fit_multinomial
from estimand.stats.strata import (
    Grouping,
    Scored,
    arm_means,
    arm_strata,
    cell_moments,
    quantile_strata,
    within_effects,
)


def one_pair(rows: Scored, grouping: Grouping) -> float:
    """Effect of an arm against control, each fit made on the rows as they were drawn; not-a-number if it has none."""
    fit = fit_glm(rows.features, rows.arm.astype(float), "logistic", rows.weights)
    if not fit.converged:
        return np.nan
    codes = quantile_strata(fit.mean, rows.arm, grouping, rows.weights)
    if (cell_moments(rows.values, rows.arm, codes, (grouping.strata, 2)).count < 1).any():
        return np.nan
    return within_effects(rows, codes, grouping)


def one_draw(rows: Scored, arms: int, grouping: Grouping) -> list[float]:
    if arms > 2 and grouping.target == "ATE":
        fit = fit_multinomial(rows.features, rows.arm, arms, rows.weights)
        means = arm_means(rows, arm_strata(fit.probability, grouping, rows.weights), grouping)
        return [np.nan] if not fit.converged or means is None else list(means[1:] - means[0])
    out = []
    for a in range(1, arms):
        own = rows.take((rows.arm == 0) | (rows.arm == a))
        out.append(one_pair(Scored(own.values, own.features, (own.arm == a).astype(np.int64), own.weights), grouping))
    return out


def slowly(frame: pd.DataFrame, plan: dict[str, Any], grouping: Grouping, seed: int) -> np.ndarray:
    """Draw rows, or whole clusters, and make everything anew, one draw after another."""
    features = frame[plan["covariates"]].to_numpy(float)
    weights = frame[plan["weights"]].to_numpy(float) if "weights" in plan else None
    rows = Scored(
        frame["y"].to_numpy(float),
        features,
        frame["d"].to_numpy(),
        None if weights is None else weights / weights.mean(),
    )
    teams = frame[plan["cluster"]].to_numpy() if "cluster" in plan else np.arange(len(frame))
    groups = [np.flatnonzero(teams == team) for team in np.unique(teams)]
    out = []
    for draw in range(60):
        chosen = Run(seed).rng("stratification", draw).integers(0, len(groups), len(groups))
        made = one_draw(rows.take(np.concatenate([groups[g] for g in chosen])), frame["d"].nunique(), grouping)
        out += [made] if np.isfinite(made).all() else []
    return np.array(out)


PLANS = {
    "rows": {},
    "weights": {"weights": "w"},
    "clusters": {"cluster": "team"},
    "weights and clusters": {"weights": "w", "cluster": "team"},
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("within", ["regression", "means"])
@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("arms", [2, 3])
def test_draws_are_those_made_one_at_a_time(plan: str, within: str, target: str, arms: int) -> None:
    frame = confounded(21, n=360, arms=arms)
    frame["v"] = frame["x"] - 2.0 * frame["z"]
    frame["team"] = np.random.default_rng(1).integers(0, 90, 360)
    asked = design(("x", "z", "v"), **PLANS[plan])
    made = es.estimate(
        frame, asked, "stratification", strata=3, within=within, target=target, draws=60, seed=4
    )  # fmt: skip
    expected = slowly(frame, asked, Grouping(3, target, within), 4)
    np.testing.assert_allclose(made.uncertainty.values, expected, rtol=1e-8, atol=1e-8)


def test_draws_without_the_cluster_that_shows_a_column_sort_their_columns_out() -> None:
    """A column differs from another in one cluster alone, so that four draws in ten lose it."""
    frame = confounded(22, n=300)
    frame["team"] = np.arange(300) // 10
    frame["v"] = frame["x"] + np.where(frame["team"] == 0, np.random.default_rng(1).normal(size=300), 0.0)
    plan = design(("x", "v"), cluster="team")
    made = es.estimate(frame, plan, "stratification", strata=3, draws=60, seed=1)
    chosen = [Run(1).rng("stratification", draw).integers(0, 30, 30) for draw in range(60)]
    assert 10 < sum(0 not in teams for teams in chosen) < 50
    expected = slowly(frame, plan, Grouping(3, "ATE", "regression"), 1)
    assert expected.shape == (60, 1)
    np.testing.assert_allclose(made.uncertainty.values, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("arms", [2, 3])
def test_threads_change_no_byte(arms: int) -> None:
    frame = confounded(23, n=300, arms=arms)
    alone, beside = (
        es.estimate(frame, design(), "stratification", strata=3, draws=150, threads=threads) for threads in (1, 3)
    )
    assert alone.uncertainty.values.tobytes() == beside.uncertainty.values.tobytes()


@pytest.mark.parametrize(("n", "p"), [(500, 100), (500, 80), (250, 100), (900, 26)])
@pytest.mark.parametrize("arms", [2, 3])
def test_more_coefficients_than_rows_of_a_stratum_are_refused_by_name(n: int, p: int, arms: int) -> None:
    rng = np.random.default_rng(5)
    names = tuple(f"x{j}" for j in range(p))
    frame = pd.DataFrame(rng.normal(size=(n, p)), columns=names)
    frame["d"], frame["y"] = rng.integers(0, arms, n), rng.normal(size=n)
    if n == 900 and arms == 2:
        assert es.estimate(frame, design(names), "stratification", draws=50).std_error[0] < 0.2
        return
    with pytest.raises(es.EstimandError, match=r"coefficients|rows enough|separat|apart|optimum") as caught:
        es.estimate(frame, design(names), "stratification", draws=50)
    assert caught.value.code in {Code.INSUFFICIENT_DATA, Code.INSUFFICIENT_OVERLAP, Code.NOT_CONVERGED}
    assert caught.value.remedy
