"""Forests as estimators: what they recover, what they refuse, and what does not move them."""

from pathlib import Path
from threading import Event

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import truncnorm

import estimand as es
from estimand.core.run import Run
from estimand.models.forest.binning import find_cuts
from estimand.models.forest.causal import CausalForest
from estimand.models.forest.centring import Centring, Rows
from estimand.models.forest.columns import Treatments
from estimand.models.forest.grown import GrownForest
from estimand.models.forest.regression import RegressionForest
from estimand.models.forest.solving import solved
from estimand.stats.little_bags import between_bags


def trial(n: int = 1500, seed: int = 0, p: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features, arm, outcome and effects: a step at zero of the first feature."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p))
    w = rng.integers(0, 2, n)
    effect = np.where(x[:, 0] > 0.0, 2.0, 0.0)
    return x, w, x[:, 1] + w * effect + rng.normal(size=n), effect


def few(**more: object) -> CausalForest:
    return CausalForest(**{"trees": 200, "learner": {"name": "boosting", "params": {"rounds": 40}}, **more})


@given(st.integers(0, 2), st.floats(-0.6, 0.6), st.floats(-3.0, 3.0), st.integers(0, 1000))
@settings(max_examples=6, deadline=None)
def test_a_step_is_recovered_wherever_it_is(column: int, at: float, height: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, w = rng.uniform(-1.0, 1.0, (1500, 3)), rng.integers(0, 2, 1500)
    effect = np.where(x[:, column] > at, 1.0 + height, 1.0)
    y = w * effect + 0.1 * rng.normal(size=1500)
    grown = few(seed=seed).fit(x, w, y)
    grid = np.zeros((2, 3))
    grid[:, column] = at - 0.25, at + 0.25
    np.testing.assert_allclose(grown.effect(grid), [1.0, 1.0 + height], atol=0.05 + 0.12 * abs(height))
    if abs(height) > 0.5:
        assert grown.importance.argmax() == column


def test_effects_out_of_bag_follow_the_truth() -> None:
    x, w, y, effect = trial(3000)
    grown = few().fit(x, w, y)
    far = np.abs(x[:, 0]) > 0.3
    assert np.sqrt(np.mean((grown.effects - effect)[far] ** 2)) < 0.2


def test_standard_errors_are_the_spread_of_effects_over_samples() -> None:
    points = np.random.default_rng(9).normal(size=(30, 4))
    found = [few(trees=600).fit(*trial(500, seed)[:3]).effect(points, interval=True) for seed in range(30)]
    spread = np.var([part.effect for part in found], axis=0, ddof=1).mean()
    told = np.mean([np.square(part.std_error) for part in found])
    assert 0.7 < told / spread < 1.6


def test_threads_and_saving_do_not_move_a_digit(tmp_path: object) -> None:
    x, w, y, _ = trial(400)
    one, two = (few().fit(x, w, y, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.effects, two.effects)
    np.testing.assert_array_equal(one.effect_std_error, two.effect_std_error)
    one.save(f"{tmp_path}/forest.npz")
    again = GrownForest.load(f"{tmp_path}/forest.npz")
    asked = one.effect(x[:50], interval=True, threads=2)
    for found, expected in zip(again.effect(x[:50], interval=True), asked, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert again.settings.trees == 200


def test_progress_moves_by_batches_and_growing_can_be_cancelled() -> None:
    x, w, y, _ = trial(300)
    rows = Rows(x, y, w[:, None].astype(float))
    level, named = Centring(np.full(300, y.mean()), np.full((300, 1), 0.5)), (Treatments(rows.treatments, ("w",)), None)
    heard: list[tuple[str, int, int]] = []
    few().grown(rows, level, named, Run(0, 2, lambda *told: heard.append(told)))
    assert sorted(heard) == [("growing trees", done, 5) for done in range(1, 6)]
    stop = Event()
    with pytest.raises(es.EstimandError, match="cancelled"):
        few().grown(rows, level, named, Run(0, 1, lambda *_: stop.set(), stop))


def test_trees_that_are_guided_split_less_on_noise() -> None:
    x, w, y, step = trial(2000, p=40)
    effect = 2.0 * x[:, 0]
    error, noise = [], []
    for guided in (True, False):
        grown = few(guided=guided).fit(x, w, y + w * (effect - step))
        error.append(np.sqrt(np.mean((grown.effects - effect) ** 2)))
        nodes = grown.trees.nodes
        used = (nodes >> 16) & 0xFFFF
        noise.append(np.mean(used[used < 40] != 0))
    assert error[0] < error[1]
    assert noise[0] < noise[1]


def test_other_files_and_other_columns_are_refused(tmp_path: object) -> None:
    x, w, y, _ = trial(300)
    frame = pd.DataFrame(x, columns=list("abcd"))
    grown = few().fit(frame, w, y)
    with pytest.raises(es.DesignError, match="not the columns"):
        grown.effect(frame[["b", "a", "c", "d"]])
    with pytest.raises(es.DesignError, match="grown on 4 columns"):
        grown.effect(x[:, :3])
    np.savez(f"{tmp_path}/other.npz", x=x)
    with pytest.raises(es.DataError, match="holds no causal forest"):
        GrownForest.load(f"{tmp_path}/other.npz")
    Path(f"{tmp_path}/text.npz").write_text("not a forest")
    with pytest.raises(es.DataError, match="could not be read"):
        GrownForest.load(f"{tmp_path}/text.npz")


def test_what_cannot_be_fitted_is_refused() -> None:
    x, w, y, _ = trial(300)
    with pytest.raises(es.IdentificationError, match="same in every row"):
        few().fit(x, np.ones(300), y)
    with pytest.raises(es.DataError, match="infinite"):
        few().fit(np.where(x > 2.0, np.inf, x), w, y)
    with pytest.raises(es.DesignError, match="299 rows"):
        few().fit(x, w[:-1], y)
    with pytest.raises(es.DataError, match="not positive"):
        few().fit(x, w, y, weights=np.zeros(300))
    with pytest.raises(es.DesignError, match="bags of two"):
        CausalForest(trees=201).fit(x, w, y)
    with pytest.raises(es.DataError, match="not a number"):
        few().fit(np.array([["a", "b"]] * 300), w, y)


def test_equal_weights_change_nothing_and_weights_move_the_answer_where_they_should() -> None:
    x, w, y, _ = trial(1200)
    plain = few().fit(x, w, y)
    doubled = few().fit(x, w, y, weights=np.full(1200, 2.0))
    np.testing.assert_allclose(doubled.effects, plain.effects, rtol=1e-9)
    hidden = np.arange(1200) % 2
    y = y + w * hidden
    heavy = few().fit(x, w, y, weights=np.where(hidden, 19.0, 1.0)).effects.mean()
    assert heavy - few().fit(x, w, y).effects.mean() == pytest.approx(0.45, abs=0.15)


def test_clusters_are_in_a_bag_or_out_of_it_whole() -> None:
    x, w, y, _ = trial(300)
    rows = np.repeat(np.arange(300), 3)
    noise = np.random.default_rng(1).normal(size=900)
    copies = few().fit(x[rows], w[rows], y[rows] + 0.01 * noise)
    whole = few().fit(x[rows], w[rows], y[rows] + 0.01 * noise, cluster=rows)
    spread = [np.std(found.effects[::3] - found.effects[1::3]) for found in (copies, whole)]
    assert spread[1] < 0.35 * spread[0]
    assert np.median(whole.effect_std_error) > 1.2 * np.median(copies.effect_std_error)


def test_missing_values_are_let_through_and_told_from_others() -> None:
    x, w, _, _ = trial(2000)
    rng = np.random.default_rng(3)
    gone = rng.random(2000) < 0.5
    effect = np.where(gone, 3.0, 0.0)
    x[gone, 0] = np.nan
    grown = few().fit(x, w, w * effect + 0.3 * rng.normal(size=2000))
    assert grown.effects[gone].mean() == pytest.approx(3.0, abs=0.15)
    assert grown.effects[~gone].mean() == pytest.approx(0.0, abs=0.15)
    assert grown.importance.argmax() == 0


def test_arms_by_label_and_doses_each_have_their_effects() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3000, 3))
    arm = np.array(["a", "b", "c"])[rng.integers(0, 3, 3000)]
    y = (arm == "b") * (1.0 + (x[:, 0] > 0)) - (arm == "c") + 0.5 * rng.normal(size=3000)
    grown = few().fit(x, arm, y)
    assert grown.treatments == ("b", "c")
    assert (grown.centring.treatments.sum(axis=1) < 1.0).all()
    np.testing.assert_allclose(grown.effects.mean(axis=0), [1.5, -1.0], atol=0.1)
    high = x[:, 0] > 0.3
    assert grown.effects[high, 0].mean() == pytest.approx(2.0, abs=0.2)
    dose = rng.normal(size=3000) + 0.5 * x[:, 1]
    slope = few().fit(x, dose, dose * (x[:, 0] > 0) + x[:, 1] + 0.5 * rng.normal(size=3000))
    assert slope.effects[high].mean() == pytest.approx(1.0, abs=0.1)
    assert slope.effects[x[:, 0] < -0.3].mean() == pytest.approx(0.0, abs=0.1)


def test_a_regression_forest_finds_means_and_sees_its_own_error() -> None:
    x, _, _, effect = trial(2000)
    y = effect + np.random.default_rng(5).normal(size=2000)
    grown = RegressionForest(trees=200).fit(x, y)
    far = np.abs(x[:, 0]) > 0.3
    assert np.sqrt(np.mean((grown.means - effect)[far] ** 2)) < 0.25
    np.testing.assert_allclose(grown.predict(x[:20]), effect[:20], atol=0.8)
    shifted = RegressionForest(trees=200).fit(x, y + 1000.0)
    np.testing.assert_allclose(shifted.means, grown.means + 1000.0, atol=1e-6)


def test_the_influence_on_effects_is_the_derivative_of_the_regression() -> None:
    rng = np.random.default_rng(6)
    k, q, bags = 2, 8, 40
    dose = rng.normal(size=(bags, 30, k))
    y = dose @ [1.0, -0.5] + rng.normal(size=(bags, 30))
    means = np.column_stack(
        [
            y.mean(axis=1),
            dose.mean(axis=1),
            (dose[:, :, 0] ** 2).mean(axis=1),
            (dose[:, :, 0] * dose[:, :, 1]).mean(axis=1),
            (dose[:, :, 1] ** 2).mean(axis=1),
            (dose * y[:, :, None]).mean(axis=1),
        ]
    )
    upper = np.triu_indices(q)
    products = np.array([np.outer(m, m)[upper] for m in means]).sum(axis=0)
    gathered = np.concatenate([[bags], means.sum(axis=0), products, np.zeros(36)])[None, :]
    effect, variance = solved(gathered, k)

    def fit(share: np.ndarray) -> np.ndarray:
        m = share @ means
        inner = np.array([[m[3], m[4]], [m[4], m[5]]]) - np.outer(m[1:3], m[1:3])
        return np.linalg.solve(inner, m[6:] - m[1:3] * m[0])

    even, step = np.full(bags, 1.0 / bags), 1e-6
    np.testing.assert_allclose(effect[0], fit(even), rtol=1e-9)
    turns = [step * (one - even) for one in np.eye(bags)]
    rho = np.array([(fit(even + turn) - fit(even - turn)) / (2.0 * step) for turn in turns])
    expected = between_bags((rho**2).mean(axis=0), np.zeros(k), np.full(k, float(bags)))
    np.testing.assert_allclose(variance[0], expected, rtol=1e-5)


def test_the_variance_between_bags_is_a_posterior_mean() -> None:
    between, noise, bags = np.array([0.5, 1.0, 3.0, 20.0]), np.array([1.0, 1.0, 1.0, 0.1]), np.full(4, 50.0)
    center, spread = between - noise, np.maximum(between, noise) * np.sqrt(2.0 / bags)
    expected = truncnorm.mean(-center / spread, np.inf, loc=center, scale=spread)
    np.testing.assert_allclose(between_bags(between, noise, bags), expected, rtol=1e-6)
    assert between_bags(np.zeros(1), np.zeros(1), np.ones(1))[0] == 0.0


def test_cuts_part_all_values_where_they_are_few_and_crowds_evenly_where_many() -> None:
    rng = np.random.default_rng(7)
    features = np.column_stack([rng.integers(0, 5, 4000), rng.normal(size=4000), np.ones(4000), np.zeros(4000)])
    features[:100, 3] = np.nan
    cuts = find_cuts(features, 64)
    codes = cuts.codes(features)
    np.testing.assert_array_equal(codes[0], features[:, 0])
    assert np.bincount(codes[1], minlength=63).max() <= 2 * 4000 / 63
    assert set(codes[2]) == {0}
    assert set(codes[3]) == {0, 63}
    scaled = find_cuts(0.37 * features + 11.3, 64)
    np.testing.assert_array_equal(scaled.codes(0.37 * features + 11.3), codes)
