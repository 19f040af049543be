"""Strata under weights, clusters and several arms: second implementations, identities, coverage."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from simulated import confounded, design, holds

import estimand as es
from estimand.stats.glm import fit_glm
from estimand.stats.multinomial import fit_multinomial

GIVEN = {"strata": ("s",)}


def tables(seed: int, arms: int = 2, n: int = 480) -> pd.DataFrame:
    """Four strata, arms that depend on them, effects that vary, weights that follow the stratum, clusters of four."""
    frame = confounded(seed, n=n, arms=arms)
    rng = np.random.default_rng([3, seed])
    frame["s"] = rng.integers(0, 4, n)
    odds = np.exp(np.column_stack([np.zeros(n), *(0.25 * frame["s"] * (-1) ** a for a in range(arms - 1))]))
    chance = odds / odds.sum(axis=1, keepdims=True)
    frame["d"] = (rng.random((n, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
    frame["y"] = frame["s"] + frame["d"] * (1.0 + 0.5 * frame["s"]) + rng.normal(size=n) * (1.0 + 0.3 * frame["s"])
    frame["w"] = rng.uniform(0.5, 1.5, n) * (1.0 + frame["s"])
    frame["team"] = np.arange(n) // 4
    return frame


def by_hand(frame: pd.DataFrame, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Weighted differences averaged over strata with their covariance, term by term and row by row."""
    arms = sorted(frame["d"].unique())[1:]
    value, gaps, loads, about = [], [], [], []
    for a in arms:
        of = frame["d"] == a if target == "ATT" else frame["d"] >= 0
        share = frame.loc[of].groupby("s")["w"].sum() / frame.loc[of, "w"].sum()
        gap = {
            s: np.average(part.loc[part.d == a, "y"], weights=part.loc[part.d == a, "w"])
            - np.average(part.loc[part.d == 0, "y"], weights=part.loc[part.d == 0, "w"])
            for s, part in frame.groupby("s")
        }
        value.append(sum(share[s] * gap[s] for s in gap))
        load = np.zeros(len(frame))
        for i, row in enumerate(frame.itertuples()):
            if row.d in {0, a}:
                cell = frame[(frame.s == row.s) & (frame.d == row.d)]
                mean, m = np.average(cell["y"], weights=cell["w"]), len(cell)
                load[i] = (1 if row.d else -1) * share[row.s] * row.w / cell["w"].sum() * (row.y - mean)
                load[i] *= np.sqrt(m / (m - 1))
        loads.append(load)
        gaps.append((frame["s"].map(gap) - value[-1]).to_numpy())
        about.append((of * frame["w"] / frame.loc[of, "w"].sum()).to_numpy())
    spread = np.array(about) * np.array(gaps)
    return np.array(value), np.array(loads) @ np.array(loads).T + spread @ spread.T


@pytest.mark.parametrize("target", ["ATE", "ATT"])
@pytest.mark.parametrize("arms", [2, 3])
def test_weighted_strata_of_several_arms_are_those_by_hand(target: str, arms: int) -> None:
    frame = tables(1, arms)
    made = es.estimate(frame, design(("s",), weights="w"), "stratification", target=target, **GIVEN)
    value, vcov = by_hand(frame, target)
    np.testing.assert_allclose(made.value, value, rtol=1e-10)
    np.testing.assert_allclose(made.uncertainty.vcov, vcov, rtol=1e-10)


def test_each_arm_is_compared_with_control_as_if_alone_where_the_target_is_its_own() -> None:
    frame = tables(2, 3)
    made = es.estimate(frame, design(("s",)), "stratification", target="ATT", **GIVEN)
    for j, a in enumerate((1, 2)):
        alone = es.estimate(frame[frame.d.isin([0, a])], design(("s",)), "stratification", target="ATT", **GIVEN)
        assert made.value[j] == pytest.approx(alone.value[0], rel=1e-12)
        assert made.std_error[j] == pytest.approx(alone.std_error[0], rel=1e-12)
    assert made.uncertainty.vcov[0, 1] > 0.0


def test_clusters_of_one_row_are_rows() -> None:
    """The parts of a row are uncorrelated, so their sums of squares agree up to their cross terms."""
    frame = tables(3).assign(team=np.arange(480))
    alone = es.estimate(frame, design(("s",)), "stratification", **GIVEN)
    made = es.estimate(frame, design(("s",), cluster="team"), "stratification", **GIVEN)
    assert made.value[0] == alone.value[0]
    assert made.uncertainty.df[0] == 479
    assert made.std_error[0] == pytest.approx(alone.std_error[0], rel=0.02)


def test_rows_four_times_over_in_clusters_are_the_rows() -> None:
    frame = tables(4).assign(team=np.arange(480))
    fourfold = pd.concat([frame] * 4, ignore_index=True)
    made = es.estimate(fourfold, design(("s",), cluster="team"), "stratification", **GIVEN)
    once = es.estimate(frame, design(("s",), cluster="team"), "stratification", **GIVEN)
    assert made.value[0] == pytest.approx(once.value[0], rel=1e-12)
    assert made.std_error[0] == pytest.approx(once.std_error[0], rel=0.03)


@pytest.mark.parametrize("options", [GIVEN, {"strata": 3, "draws": 50}, {"strata": 3, "draws": 50, "target": "ATT"}])
@pytest.mark.parametrize("arms", [2, 3])
def test_frequencies_are_rows_exactly(options: dict[str, Any], arms: int) -> None:
    frame = confounded(5, n=400, arms=arms).assign(s=np.arange(400) % 4)
    spelled = frame.loc[frame.index.repeat(frame["f"])].reset_index(drop=True)
    plan = {"covariates": ("x", "z", "s")}
    counted = es.estimate(
        frame, design(**plan, weights={"column": "f", "kind": "frequency"}), "stratification", **options
    )
    told = es.estimate(spelled, design(**plan), "stratification", **options)
    np.testing.assert_allclose(counted.value, told.value, rtol=1e-10)
    np.testing.assert_allclose(counted.std_error, told.std_error, rtol=1e-8)


@pytest.mark.parametrize("options", [GIVEN, {"strata": 4, "draws": 50}, {"strata": 4, "draws": 50, "within": "means"}])
def test_equal_sampling_weights_change_nothing_and_their_scale_does_not_matter(options: dict[str, Any]) -> None:
    frame = tables(6)
    plan = ("x", "z", "s")
    plain, even, small, large = (
        es.estimate(frame.assign(v=v), design(plan, **more), "stratification", **options)
        for v, more in (
            (1.0, {}), (2.5, {"weights": "v"}), (frame["w"], {"weights": "v"}), (1000.0 * frame["w"], {"weights": "v"}),
        )
    )  # fmt: skip
    np.testing.assert_allclose([even.value, even.std_error], [plain.value, plain.std_error], rtol=1e-7)
    np.testing.assert_allclose([small.value, small.std_error], [large.value, large.std_error], rtol=1e-7)
    assert abs(small.value[0] - plain.value[0]) > 1e-3


def test_everyones_mean_under_each_arm_comes_from_strata_of_its_own_probability() -> None:
    frame = confounded(7, n=700, arms=3)
    x, d, y = frame[["x", "z"]].to_numpy(), frame["d"].to_numpy(), frame["y"].to_numpy()
    chance = fit_multinomial(x, d, 3).probability
    for within in ("means", "regression"):
        means = []
        for a in range(3):
            codes = np.searchsorted(np.quantile(chance[:, a], [0.25, 0.5, 0.75]), chance[:, a])
            mean = 0.0
            for s in range(4):
                here, own = codes == s, (codes == s) & (d == a)
                if within == "means":
                    level = y[own].mean()
                else:
                    columns = np.column_stack([np.ones(700), x])
                    level = columns[here].mean(axis=0) @ np.linalg.lstsq(columns[own], y[own], rcond=None)[0]
                mean += here.mean() * level
            means.append(mean)
        made = es.estimate(frame, design(), "stratification", strata=4, within=within, draws=50)
        np.testing.assert_allclose(made.value, np.array(means[1:]) - means[0], rtol=1e-7)


def test_the_treated_of_each_arm_are_stratified_with_control_alone() -> None:
    frame = confounded(8, n=700, arms=3)
    made = es.estimate(frame, design(), "stratification", target="ATT", draws=50)
    for j, a in enumerate((1, 2)):
        pair = frame[frame.d.isin([0, a])]
        alone = es.estimate(pair, design(), "stratification", target="ATT", draws=50)
        assert made.value[j] == pytest.approx(alone.value[0], rel=1e-7)


def test_the_bootstrap_draws_clusters_whole() -> None:
    """Every row four times over: clusters carry no more than their one row, and independent rows would claim half."""
    frame = confounded(9, n=300).assign(team=np.arange(300))
    fourfold = pd.concat([frame] * 4, ignore_index=True)
    once = es.estimate(frame, design(), "stratification", draws=200)
    whole = es.estimate(fourfold, design(cluster="team"), "stratification", draws=200)
    apart = es.estimate(fourfold, design(), "stratification", draws=200)
    assert whole.std_error[0] == pytest.approx(once.std_error[0], rel=0.25)
    assert apart.std_error[0] < 0.7 * whole.std_error[0]


def surveyed(seed: int) -> pd.DataFrame:
    """High strata are sampled four times as often and weigh a quarter: everyone's effect is 1 + 0.5 · 1.5."""
    rng = np.random.default_rng([5, seed])
    s = rng.choice(4, 400, p=[0.1, 0.1, 0.4, 0.4])
    d = (rng.random(400) < expit(0.4 * s - 0.6)).astype(int)
    y = s + d * (1.0 + 0.5 * s) + rng.normal(size=400) * (1.0 + 0.3 * s)
    return pd.DataFrame({"s": s, "d": d, "y": y, "w": np.where(s < 2, 4.0, 1.0)})


def grouped(seed: int) -> pd.DataFrame:
    """Fifty clusters of eight, each with a level of its own that moves outcome and not treatment."""
    rng = np.random.default_rng([6, seed])
    team = np.repeat(np.arange(50), 8)
    of_team = rng.integers(0, 3, 50)
    s = of_team[team]
    d = (rng.random(50) < expit(0.5 * of_team - 0.5)).astype(int)[team]
    y = s + d * (1.0 + s) + rng.normal(size=50)[team] + rng.normal(size=400)
    return pd.DataFrame({"s": s, "d": d, "y": y, "team": team})


def covered(draw: Any, plan: dict[str, Any], truth: float, repetitions: int) -> tuple[float, float]:
    made = [es.estimate(draw(seed), plan, "stratification", **GIVEN) for seed in range(repetitions)]
    bounds = np.array([item.interval()[0] for item in made])
    values, errors = np.array([item.value[0] for item in made]), np.array([item.std_error[0] for item in made])
    held = float(((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean())
    return held, float(np.sqrt(np.mean(errors**2)) / values.std(ddof=1))


CELLS = {
    "weights": (surveyed, design(("s",), weights="w"), 1.75),
    "clusters": (grouped, design(("s",), cluster="team"), 2.0),
}


@pytest.mark.parametrize("cell", ["weights"])
def test_intervals_under_weights_cover(cell: str) -> None:
    holds(covered(*CELLS[cell], 200), 200)


def test_intervals_under_clusters_cover_about_as_often_and_rows_alone_would_not() -> None:
    held, ratio = covered(*CELLS["clusters"], 200)
    assert held >= 0.90
    assert ratio > 0.85
    assert covered(grouped, design(("s",)), 2.0, 100)[0] < 0.80


@pytest.mark.nightly
@pytest.mark.parametrize("cell", CELLS)
def test_intervals_cover_within_the_band_of_acceptance(cell: str) -> None:
    held, _ = covered(*CELLS[cell], 1000)
    assert 0.925 <= held <= 0.971


def test_a_pair_whose_propensity_has_no_optimum_is_named() -> None:
    frame = confounded(10, n=300, arms=3)
    frame.loc[frame["d"] == 2, "z"] = 1.0
    frame.loc[frame["d"] == 0, "z"] = 0.0
    with pytest.raises(es.EstimandError, match="'2'"):
        es.estimate(frame, design(), "stratification", target="ATT", draws=50)
    assert fit_glm(frame[["x"]].to_numpy(), (frame["d"] == 2).to_numpy(float), "logistic").converged
