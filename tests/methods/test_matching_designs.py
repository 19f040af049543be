"""Matching under weights, clusters, several arms and varying numbers of controls."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from simulated import confounded, design

import estimand as es
from estimand.methods.adjustment.matching_ratio import allotted
from tests.repeated import by_day_and_night

COVARIATE = {"distance": "mahalanobis"}
PAIRS = {"replace": False}
WEIGHTED = design(weights="w")


def by_hand(frame: pd.DataFrame, ratio: int, near: int) -> tuple[float, float]:
    """Weighted ATT on Mahalanobis distance with its variance, from a full table of loadings."""
    x, d, y, w = frame[["x", "z"]].to_numpy(), frame["d"].to_numpy(), frame["y"].to_numpy(), frame["w"].to_numpy()
    n = len(y)
    far = cdist(x, x, "mahalanobis", VI=np.linalg.inv(np.cov(x.T)))
    loading = np.zeros((n, n))
    for i in np.flatnonzero(d == 1):
        other = np.flatnonzero(d == 0)
        found = other[np.argsort(far[i, other])[:ratio]]
        loading[i, found] = -w[found] / w[found].sum()
        loading[i, i] = 1.0
    about = np.where(d == 1, w, 0.0) / w[d == 1].sum()
    effects = loading @ y
    value = about @ effects
    noise = np.empty(n)
    for i in range(n):
        own = np.flatnonzero((d == d[i]) & (np.arange(n) != i))
        own = own[np.argsort(far[i, own])[:near]]
        share = w[own] / w[own].sum()
        noise[i] = (y[i] - share @ y[own]) ** 2 / (1 + share @ share)
    factor = np.square(about @ loading) - np.square(about[:, None] * loading).sum(axis=0)
    return value, np.sqrt(np.square(about * (effects - value)).sum() + factor @ noise)


@pytest.mark.parametrize("ratio", [1, 3])
def test_weighted_matching_is_the_one_by_hand(ratio: int) -> None:
    frame = confounded(21, n=250)
    frame["z"] = np.random.default_rng(2).normal(size=250)
    options = {"bias_correct": False, "ratio": ratio, "neighbours": 3}
    made = es.estimate(frame, WEIGHTED, "matching", **COVARIATE, **options)
    value, se = by_hand(frame, ratio, 3)
    assert made.value[0] == pytest.approx(value, rel=1e-10)
    assert made.std_error[0] == pytest.approx(se, rel=1e-10)


@pytest.mark.parametrize(
    "options", [COVARIATE, {**COVARIATE, "target": "ATE", "ratio": 2}, PAIRS, {**PAIRS, "ratio": 2}]
)
def test_equal_weights_change_nothing_and_their_scale_does_not_matter(options: dict[str, Any]) -> None:
    frame = confounded(22, n=900).query("d == 0 or f == 1").reset_index(drop=True)
    plain, even, small, large = (
        es.estimate(frame.assign(v=v), design(**more), "matching", **options)
        for v, more in (
            (1.0, {}), (2.5, {"weights": "v"}), (frame["w"], {"weights": "v"}), (1000.0 * frame["w"], {"weights": "v"}),
        )
    )  # fmt: skip
    np.testing.assert_allclose([even.value, even.std_error], [plain.value, plain.std_error], rtol=1e-9)
    np.testing.assert_allclose([small.value, small.std_error], [large.value, large.std_error], rtol=1e-7)
    assert abs(small.value[0] - plain.value[0]) > 1e-3


@pytest.mark.parametrize("options", [{}, {**COVARIATE, "target": "ATE"}, PAIRS, {**PAIRS, "algorithm": "optimal"}])
def test_frequencies_are_rows_exactly(options: dict[str, Any]) -> None:
    frame = confounded(23, n=300)
    frame["z"] = np.random.default_rng(3).normal(size=300)
    spelled = frame.loc[frame.index.repeat(frame["f"])].reset_index(drop=True)
    counted = es.estimate(frame, design(weights={"column": "f", "kind": "frequency"}), "matching", **options)
    told = es.estimate(spelled, design(), "matching", **options)
    np.testing.assert_allclose(counted.value, told.value, rtol=1e-9)
    np.testing.assert_allclose(counted.std_error, told.std_error, rtol=1e-8)


@pytest.mark.parametrize("options", [{}, {"target": "ATC"}, COVARIATE, {**COVARIATE, "target": "ATC"}, PAIRS])
def test_each_arm_is_matched_with_control_as_if_alone(options: dict[str, Any]) -> None:
    frame = confounded(24, n=600, arms=3)
    made = es.estimate(frame, design(), "matching", **options)
    for j, a in enumerate((1, 2)):
        alone = es.estimate(frame[frame.d.isin([0, a])], design(), "matching", **options)
        assert made.value[j] == pytest.approx(alone.value[0], rel=1e-9)
        assert made.std_error[j] == pytest.approx(alone.std_error[0], rel=1e-9)
    correlation = made.uncertainty.vcov[0, 1] / np.prod(made.std_error)
    assert 0.0 < correlation < 0.95
    assert set(made.details["matched"]) == {"0", "1", "2"}
    assert np.unique(frame["d"].to_numpy()[made.details["pairs"]], axis=0).shape[0] == 2


def common(seed: int, rows: int = 500) -> pd.DataFrame:
    """Three arms, the second and third with the same effect of one, and many more controls."""
    rng = np.random.default_rng([8, seed])
    x, z = rng.normal(size=(2, rows))
    odds = np.exp(np.column_stack([np.full(rows, 1.2), 0.4 * x, 0.4 * z]))
    d = (rng.random((rows, 1)) > np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)[:, :-1]).sum(axis=1)
    return pd.DataFrame({"x": x, "z": z, "d": d, "y": x + z + (d > 0) + rng.normal(size=rows)})


def spread_of_difference(options: dict[str, Any], repetitions: int) -> float:
    """Mean standard error of the difference between two arms' effects over the spread of those differences."""
    made = [es.estimate(common(seed), design(), "matching", **options) for seed in range(repetitions)]
    errors = [np.sqrt(np.array([1, -1]) @ item.uncertainty.vcov @ np.array([1, -1])) for item in made]
    return float(np.sqrt(np.mean(np.square(errors))) / np.std([item.value[0] - item.value[1] for item in made], ddof=1))


WAYS = {"propensity": {}, "covariates": COVARIATE, "pairs": {**PAIRS, **COVARIATE}, "controls": {"target": "ATC"}}


@pytest.mark.parametrize("way", ["covariates", "pairs"])
def test_the_arms_covary_as_their_estimates_do(way: str) -> None:
    assert spread_of_difference(WAYS[way], 100) == pytest.approx(1.0, abs=4 / np.sqrt(200))


@pytest.mark.nightly
@pytest.mark.parametrize("way", WAYS)
def test_the_arms_covary_as_their_estimates_do_in_many_draws(way: str) -> None:
    assert 0.9 < spread_of_difference(WAYS[way], 1000) < 1.15


def surveyed(seed: int, rows: int = 400) -> pd.DataFrame:
    """Rows of high x weigh a third; the weighted treated are half of the second kind, whose effect is larger."""
    rng = np.random.default_rng([9, seed])
    high = rng.random(rows) < 0.75
    x, z = np.where(high, 1.0, -1.0) + 0.5 * rng.normal(size=rows), rng.normal(size=rows)
    d = (rng.random(rows) < 1 / (1 + np.exp(1.2 - 0.5 * z))).astype(int)
    y = x + z + d * (1.0 + high) + rng.normal(size=rows)
    return pd.DataFrame({"x": x, "z": z, "d": d, "y": y, "w": np.where(high, 1.0, 3.0)})


def teams(seed: int, rows: int = 600) -> pd.DataFrame:
    """Clusters of six with a level of their own, treated together; three controls to a treated row."""
    rng = np.random.default_rng([10, seed])
    team = np.arange(rows) // 6
    x = rng.normal(size=rows // 6)[team] * 0.7 + rng.normal(size=rows) * 0.7
    d = (rng.random(rows // 6) < 0.25).astype(int)[team]
    y = x + d + 0.7 * rng.normal(size=rows // 6)[team] + rng.normal(size=rows)
    return pd.DataFrame({"x": x, "z": 0.0, "d": d, "y": y, "team": team})


CELLS = {
    "weights, with replacement": (surveyed, WEIGHTED, COVARIATE, 1.5),
    "weights, pairs": (surveyed, WEIGHTED, {**COVARIATE, **PAIRS}, 1.5),
    "clusters, pairs": (teams, design(("x",), cluster="team"), {**COVARIATE, **PAIRS}, 1.0),
}


def covered(cell: str, repetitions: int) -> tuple[float, float]:
    draw, plan, options, truth = CELLS[cell]
    made = [es.estimate(draw(seed), plan, "matching", **options) for seed in range(repetitions)]
    bounds = np.array([item.interval()[0] for item in made])
    values, errors = np.array([item.value[0] for item in made]), np.array([item.std_error[0] for item in made])
    held = float(((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean())
    return held, float(np.sqrt(np.mean(errors**2)) / values.std(ddof=1))


@by_day_and_night(80, 150)
@pytest.mark.parametrize("cell", CELLS)
def test_intervals_cover(cell: str, repetitions: int) -> None:
    held, ratio = covered(cell, repetitions)
    assert abs(held - 0.95) <= 4 * np.sqrt(0.95 * 0.05 / repetitions)
    assert abs(ratio - 1) <= 4 / np.sqrt(2 * repetitions)


@pytest.mark.nightly
@pytest.mark.parametrize("cell", CELLS)
def test_intervals_cover_within_the_band_of_acceptance(cell: str) -> None:
    assert 0.925 <= covered(cell, 1000)[0] <= 0.971


def test_pairs_within_clusters_of_their_own_are_clustered_once() -> None:
    """Where every row is a cluster, the two-way variance is the sets', up to their small-sample factors."""
    frame = confounded(25, n=600).query("d == 0 or f == 1").reset_index(drop=True)
    plain = es.estimate(frame, design(), "matching", **PAIRS)
    made = es.estimate(frame.assign(t=np.arange(len(frame))), design(cluster="t"), "matching", **PAIRS)
    assert made.value[0] == plain.value[0]
    assert made.std_error[0] == pytest.approx(plain.std_error[0], rel=0.01)


def test_two_way_clustering_is_that_by_hand() -> None:
    frame = teams(3)
    made = es.estimate(frame, design(("x",), cluster="team"), "matching", bias_correct=False, **PAIRS)
    pairs, y, team = made.details["pairs"], frame["y"].to_numpy(), frame["team"].to_numpy()
    size = len(pairs)
    part = np.zeros(len(frame))
    part[pairs[:, 0]] = (y[pairs[:, 0]] - y[pairs[:, 0]].mean()) / size
    part[pairs[:, 1]] = -(y[pairs[:, 1]] - y[pairs[:, 1]].mean()) / size
    sets = part[pairs].sum(axis=1)
    one_way = (sets @ sets) * size / (size - 1) * (2 * size - 1) / (2 * size - 2)
    rows = np.unique(pairs)
    groups = pd.Series(part[rows]).groupby(team[rows]).sum().to_numpy()
    both = {}
    for g, row in enumerate(pairs):
        for i in row:
            both[g, team[i]] = both.get((g, team[i]), 0.0) + part[i]
    cells = np.array(list(both.values()))
    expected = one_way + sum(sign * (v @ v) * len(v) / (len(v) - 1) for sign, v in ((1, groups), (-1, cells)))
    assert made.uncertainty.vcov[0, 0] == pytest.approx(expected, rel=1e-9)
    assert made.uncertainty.df[0] == len(groups) - 1


BOUNDED = {**PAIRS, "ratio": 2, "ratio_bounds": [1, 5]}


@pytest.mark.parametrize("options", [BOUNDED, {**BOUNDED, "algorithm": "optimal"}])
def test_numbers_of_controls_vary_within_bounds_and_balance_better_than_a_fixed_number(options: dict[str, Any]) -> None:
    fixed, varying = [], []
    for seed in range(10):
        frame = crowded(seed)
        plain = {key: value for key, value in options.items() if key != "ratio_bounds"}
        one, other = (
            es.estimate(frame, design(), "matching", **plain),
            es.estimate(frame, design(), "matching", **options),
        )
        counts = np.bincount(np.unique(other.details["pairs"][:, 0], return_inverse=True)[1])
        assert len(one.details["pairs"]) == len(other.details["pairs"])
        assert (counts.min(), counts.max() <= 5) == (1, True)
        assert np.unique(other.details["pairs"][:, 1]).size == len(other.details["pairs"])
        assert other.std_error[0] > 0
        for made, kept in ((one, fixed), (other, varying)):
            kept.append(np.mean([abs(row["after"]) for row in made.details["balance"].values()]))
    assert np.mean(varying) < 0.7 * np.mean(fixed)


def crowded(seed: int) -> pd.DataFrame:
    """Two and a half controls to a treated row, most of them where few are treated."""
    rng = np.random.default_rng([11, seed])
    x, z = rng.normal(size=(2, 400))
    d = (rng.random(400) < 1 / (1 + np.exp(1.3 - 1.0 * x - 0.5 * z))).astype(int)
    return pd.DataFrame({"x": x, "z": z, "d": d, "y": x + z + d + rng.normal(size=400)})


def test_optimal_numbers_of_controls_are_no_farther_than_any_other() -> None:
    """Two treated, five controls, three used: all ways to share them out."""
    frame = pd.DataFrame({"d": [1, 1, 0, 0, 0, 0, 0], "x": [0.0, 3.0, 0.2, -0.5, 2.2, 7.0, 0.9], "y": np.arange(7.0)})
    frame = pd.concat([frame, frame.assign(x=frame["x"] + 50.0)], ignore_index=True)
    options = {
        "algorithm": "optimal",
        "distance": "euclidean",
        "bias_correct": False,
        "ratio": 2,
        "ratio_bounds": [1, 3],
    }
    made = es.estimate(frame, design(("x",)), "matching", replace=False, **options)
    x, scale = frame["x"].to_numpy(), frame["x"].std(ddof=1)
    found = np.abs(x[made.details["pairs"]] @ [1.0, -1.0]).sum() / scale
    best = np.inf
    for choice in product([-1, 0, 1], repeat=5):
        counts = [choice.count(0), choice.count(1)]
        if sum(counts) == 4 and min(counts) >= 1 and max(counts) <= 3:
            best = min(best, sum(abs(x[c] - x[2 + j]) for j, c in enumerate(choice) if c >= 0))
    assert found == pytest.approx(2 * best / scale, rel=1e-9)


def test_numbers_asked_for_follow_the_odds_and_add_up() -> None:
    wanted = allotted(np.array([0.1, 0.3, 0.5, 0.7, 0.9]), 3, (1, 8), 100)
    assert wanted.sum() == 15
    assert (np.diff(wanted) <= 0).all()
    assert (wanted[0], wanted[-1]) == (8, 1)
    assert allotted(np.array([0.2, 0.4]), 3, (1, 8), 4).sum() == 4


REFUSED = {
    "everyone among several arms": (3, {}, {"target": "ATE"}, {"target": "ATT"}, {}),
    "clusters with replacement": (2, {"cluster": "t"}, {}, PAIRS, {"cluster": "t"}),
    "weights and a propensity": (2, {"weights": "w"}, {}, COVARIATE, {"weights": "w"}),
    "weights and one variance": (
        2, {"weights": "w"}, {**COVARIATE, "covariance": "homoskedastic"}, COVARIATE, {"weights": "w"},
    ),
    "precision": (2, {"weights": {"column": "w", "kind": "precision"}}, {}, COVARIATE, {"weights": "w"}),
    "several arms in clusters": (3, {"cluster": "t"}, PAIRS, PAIRS, {}),
    "bounds with replacement": (2, {}, {"ratio_bounds": [1, 2]}, {"ratio_bounds": [1, 2], **PAIRS}, {}),
    "a ratio outside its bounds": (2, {}, {**PAIRS, "ratio_bounds": [2, 3]}, {**PAIRS, "ratio_bounds": [1, 3]}, {}),
    "no odds": (
        2, {}, {**PAIRS, **COVARIATE, "ratio_bounds": [1, 2]},
        {**PAIRS, **COVARIATE, "ratio_bounds": [1, 2], "algorithm": "optimal"}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_variance_is_refused_and_the_remedy_works(case: str) -> None:
    arms, more, options, remedy, after = REFUSED[case]
    frame = confounded(26, n=300, arms=arms).assign(t=np.arange(300) // 3)
    with pytest.raises(es.UnsupportedError) as caught:
        es.estimate(frame, design(**more), "matching", **options)
    assert caught.value.remedy
    assert es.estimate(frame, design(**after), "matching", **remedy).std_error[0] > 0
