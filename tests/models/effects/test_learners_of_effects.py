"""S, T, X, R and DR: what they recover, what they never see, what two writings of them agree on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import estimand as es
from estimand.core.run import Run
from estimand.models.effects.estimators import DRLearner, EffectLearner, RLearner, SLearner, TLearner, XLearner
from estimand.models.effects.fitted import FittedEffects
from estimand.models.folds import hashed_folds

KINDS = (SLearner, TLearner, XLearner, RLearner, DRLearner)
TREES = {"name": "boosting", "params": {"rounds": 6}}
STACK = {"name": "auto"}


def trial(n: int = 600, seed: int = 0, noise: float = 1.0, arms: int = 2) -> tuple[np.ndarray, ...]:
    """Features, arm by a logit of the first feature, outcome, and effects 1 + x1 (times the arm)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    odds = np.stack([0.5 * a * x[:, 0] for a in range(arms)], axis=1)
    chance = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    w = (rng.random((n, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
    effect = 1.0 + x[:, 1]
    return x, w, x[:, 0] + w * effect + noise * rng.normal(size=n), effect


def folds_of(w: np.ndarray, folds: int = 5) -> np.ndarray:
    return hashed_folds(np.arange(w.shape[0], dtype=np.uint64), w, None, folds, Run(0).seed_for("folds", 0))


@pytest.mark.parametrize("kind", [TLearner, XLearner, DRLearner])
@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0), st.integers(0, 100))
@settings(max_examples=3, deadline=None)
def test_a_linear_effect_without_noise_is_found_exactly(
    kind: type[EffectLearner], level: float, slope: float, seed: int
) -> None:
    x, w, _, _ = trial(300, seed)
    effect = level + slope * x[:, 2]
    made = kind("linear").fit(x, w, x[:, 0] + w * effect)
    assert made.fitted_.effects == pytest.approx(effect, abs=1e-8)
    assert made.effect(x[:7] + 1.0) == pytest.approx(level + slope * (x[:7, 2] + 1.0), abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_effect_without_noise_is_found_exactly(kind: type[EffectLearner]) -> None:
    x, w, _, _ = trial(300)
    # With the arm itself as outcome, m = e holds for R as well.
    outcome = w.astype(float) if kind is RLearner else x[:, 0] + w
    made = kind("linear").fit(x, w, outcome)
    assert made.fitted_.effects == pytest.approx(np.ones(300), abs=1e-8)


@pytest.mark.parametrize("kind", [RLearner, DRLearner, XLearner, TLearner])
def test_a_linear_effect_is_recovered_from_noise(kind: type[EffectLearner]) -> None:
    x, w, y, effect = trial(4000)
    found = kind("linear").fit(x, w, y).fitted_.effects
    # Four coefficients, each with a standard error near 2 / √n; four of them.
    assert np.sqrt(np.mean((found - effect) ** 2)) < 4.0 * 2.0 * 2.0 / np.sqrt(4000)


@pytest.mark.parametrize("weighted", [False, True])
def test_t_is_the_difference_of_fits_in_the_arms(weighted: bool) -> None:
    x, w, y, _ = trial()
    weights = np.random.default_rng(3).uniform(0.3, 3.0, 600) if weighted else np.ones(600)
    made = TLearner("linear").fit(x, w, y, weights=weights if weighted else None)
    fold, expected = folds_of(w), np.empty(600)
    for k in range(5):
        fits = [
            LinearRegression().fit(x[s], y[s], sample_weight=weights[s])
            for s in ((w == a) & (fold != k) for a in (0, 1))
        ]
        expected[fold == k] = fits[1].predict(x[fold == k]) - fits[0].predict(x[fold == k])
    assert made.fitted_.effects == pytest.approx(expected, abs=1e-8)
    fits = [LinearRegression().fit(x[w == a], y[w == a], sample_weight=weights[w == a]) for a in (0, 1)]
    assert made.effect(x) == pytest.approx(fits[1].predict(x) - fits[0].predict(x), abs=1e-8)


def linear(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return LinearRegression().fit(x[rows], y[rows]).predict(x)


def logistic(x: np.ndarray, w: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[rows], w[rows]).predict_proba(x)[:, 1]


@pytest.mark.parametrize("kind", [RLearner, DRLearner])
def test_r_and_dr_are_what_nested_loops_over_folds_give(kind: type[EffectLearner]) -> None:
    x, w, y, _ = trial(400)
    fold, expected = folds_of(w, 4), np.empty(400)
    for k in range(4):
        target, weight = np.full(400, np.nan), np.ones(400)
        for j in set(range(4)) - {k}:
            seen, own = (fold != j) & (fold != k), fold == j
            e = logistic(x, w, seen)
            if kind is RLearner:
                residual = w - e
                target[own] = ((y - linear(x, y, seen)) / residual)[own]
                weight[own] = residual[own] ** 2
            else:
                under = [linear(x, y, seen & (w == a)) for a in (0, 1)]
                score = under[1] - under[0] + w * (y - under[1]) / e - (1 - w) * (y - under[0]) / (1.0 - e)
                target[own] = score[own]
        rows = fold != k
        final = LinearRegression().fit(x[rows], target[rows], sample_weight=weight[rows])
        expected[fold == k] = final.predict(x[fold == k])
    assert kind("linear", folds=4).fit(x, w, y).fitted_.effects == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("learner", [TREES, STACK])
@pytest.mark.parametrize("kind", KINDS)
def test_the_effects_in_a_fold_owe_nothing_to_its_outcomes(kind: type[EffectLearner], learner: object) -> None:
    x, w, y, _ = trial(150)
    other, own = y.copy(), folds_of(w, 3) == 1
    other[own] = 100.0 * np.random.default_rng(9).normal(size=own.sum())
    before, after = (kind(learner, folds=3).fit(x, w, values).fitted_.effects for values in (y, other))
    assert np.array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).mean() > 0.3


def test_a_useless_outcome_model_biases_t_and_not_dr_or_r() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(8000, 1))
    w = (rng.random(8000) < 1.0 / (1.0 + np.exp(-x[:, 0]))).astype(int)
    y = 3.0 * x[:, 0] + w + rng.normal(size=8000)
    means = {
        kind: float(kind(DummyRegressor(), "linear", "linear", folds=3).fit(x, w, y).fitted_.effects.mean())
        for kind in (TLearner, DRLearner)
    }
    assert means[TLearner] > 2.0
    # Residual sd near 3.2 over √n, times the spread of inverse propensities.
    assert means[DRLearner] == pytest.approx(1.0, abs=4.0 * 3.2 * 2.5 / np.sqrt(8000))


@pytest.mark.parametrize("learner", [TREES, "linear", STACK, "lasso"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_answers_as_before_to_the_byte(
    kind: type[EffectLearner], learner: object, tmp_path: Path
) -> None:
    x, w, y, _ = trial(200)
    frame = pd.DataFrame(x, columns=["age", "size", "spend"])
    made = kind(learner, folds=3).fit(frame, w, y)
    made.save(tmp_path / "effects.bin")
    loaded = FittedEffects.load(tmp_path / "effects.bin")
    assert loaded.effect(frame).tobytes() == made.effect(frame).tobytes()
    assert loaded.effects.tobytes() == made.fitted_.effects.tobytes()
    assert loaded.importance.tobytes() == made.fitted_.importance.tobytes()
    assert (loaded.kind, loaded.columns, loaded.treatments) == (made.kind, ("age", "size", "spend"), ("treatment",))
    loaded.save(tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "effects.bin").read_bytes()


def test_other_columns_are_refused_by_name_and_by_number() -> None:
    x, w, y, _ = trial(200)
    frame = pd.DataFrame(x, columns=["age", "size", "spend"])
    made = TLearner("linear").fit(frame, w, y)
    for other in (frame[["size", "age", "spend"]], frame.rename(columns={"age": "years"}), x[:, :2]):
        with pytest.raises(es.DesignError, match="not the columns"):
            made.effect(other)
    assert np.array_equal(made.effect(x), made.effect(frame))


def test_what_cannot_be_used_is_refused_with_a_remedy(tmp_path: Path) -> None:
    x, w, y, _ = trial(200)
    holed = x.copy()
    holed[3, 1] = np.nan
    with pytest.raises(es.DataError, match="missing or infinite"):
        TLearner("linear").fit(holed, w, y)
    with pytest.raises(es.UnsupportedError, match="doses"):
        TLearner("linear").fit(x, x[:, 0], y)
    with pytest.raises(es.DesignError, match="was not fitted"):
        XLearner().effect(x)
    with pytest.raises(es.DesignError, match="folds"):
        RLearner(folds=2).fit(x, w, y)
    with pytest.raises(es.UnsupportedError, match="another package"):
        TLearner(LinearRegression()).fit(x, w, y).save(tmp_path / "effects.bin")
    with pytest.raises(es.DesignError, match="no parameter 'lerner'"):
        TLearner().set_params(lerner="linear")
    (tmp_path / "text.bin").write_text("not a model")
    with pytest.raises(es.DataError, match="could not be read"):
        FittedEffects.load(tmp_path / "text.bin")
    np.savez(tmp_path / "other.npz", head=np.array('{"format": "estimand learner of effects", "version": 99}'))
    with pytest.raises(es.DataError, match="version 1"):
        FittedEffects.load(tmp_path / "other.npz")


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_of_scikit_learn_has_the_same_parameters_and_no_fit(kind: type[EffectLearner]) -> None:
    x, w, y, _ = trial(200)
    made = kind(LinearRegression(), "linear", TREES, folds=3, seed=4).fit(x, w, y)
    copy = clone(made)
    assert not hasattr(copy, "fitted_")
    assert copy.get_params()["folds"] == 3
    assert np.array_equal(copy.fit(x, w, y).predict(x), made.predict(x))
    copy.set_params(learner__fit_intercept=False, seed=5)
    assert copy.learner.fit_intercept is False
    assert (copy.seed, made.seed) == (5, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_last_step_of_a_pipeline(kind: type[EffectLearner]) -> None:
    x, w, y, _ = trial(200)
    steps = make_pipeline(StandardScaler(), kind("linear", folds=3))
    name = steps.steps[-1][0]
    with pytest.raises(NotFittedError):
        clone(steps).predict(x)
    steps.fit(x, w, **{f"{name}__outcome": y})
    alone = kind("linear", folds=3).fit(StandardScaler().fit_transform(x), w, y)
    assert np.array_equal(steps.predict(x), alone.effect(StandardScaler().fit_transform(x)))


@pytest.mark.parametrize("kind", KINDS)
def test_several_arms_have_an_effect_each(kind: type[EffectLearner]) -> None:
    x, w, y, effect = trial(900, arms=3, noise=0.0)
    labels = np.array(["a", "b", "c"])[w]
    made = kind(effect_learner="linear", learner="linear", folds=3).fit(x, labels, y)
    assert made.fitted_.treatments == ("b", "c")
    assert made.effect(x).shape == made.fitted_.effects.shape == (900, 2)
    if kind in {TLearner, XLearner, DRLearner}:
        assert made.fitted_.effects == pytest.approx(np.stack([effect, 2.0 * effect], axis=1), abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_does_not_move_a_digit(kind: type[EffectLearner]) -> None:
    x, w, y, _ = trial(200)
    one, two = (kind(TREES, folds=3).fit(x, w, y, threads=t).fitted_ for t in (1, 2))
    assert one.effects.tobytes() == two.effects.tobytes()
    assert one.importance.tobytes() == two.importance.tobytes()


def test_importance_is_of_what_effects_turn_on_and_zero_where_they_are_constant() -> None:
    x, w, y, _ = trial(600)
    told = TLearner("linear").fit(x, w, 10.0 * x[:, 0] + w * x[:, 1]).fitted_.importance
    assert told == pytest.approx([0.0, 1.0, 0.0], abs=1e-8)
    assert SLearner("linear").fit(x, w, y).fitted_.importance.tolist() == [0.0, 0.0, 0.0]


def test_a_learner_that_cannot_take_part_in_a_stack_is_named() -> None:
    x, _, y, _ = trial(300)
    w = (x[:, 0] > 0.0).astype(int)
    w[:3] = 1 - w[:3]
    made = RLearner("linear", {"name": "auto"}, folds=3).fit(np.column_stack([x, w == 1]), w, y)
    assert any("propensity" in note and "took no part" in note for note in made.fitted_.notes)
