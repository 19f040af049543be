"""Trees for noisy outcomes: as many as rows left out ask for."""

import numpy as np
import pytest

from estimand.core.learner import Learner
from estimand.models.boosting import Binned, Boosting, StoppedBoosting
from estimand.models.effects.estimators import DRLearner, RLearner, XLearner
from estimand.models.effects.ground import Learners
from estimand.models.predictors import Level
from estimand.models.trained import Lesson


def drawn(n: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, what they say, and that with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    signal = (x[:, 0] > 0).astype(float) + 0.5 * x[:, 1]
    return x, signal, signal + noise * rng.normal(size=n)


def test_noise_alone_gets_few_trees_or_none_and_a_strong_signal_many() -> None:
    kept = []
    for seed in range(10):
        x, _, _ = drawn(1000, 1.0, seed)
        noise = np.random.default_rng(100 + seed).normal(size=1000)
        made = StoppedBoosting().fit(x, Lesson(noise, "regression", seed)).predict
        kept.append(0 if isinstance(made, Level) else made.booster.current_iteration())
    assert np.median(kept) <= 5
    x, _, outcome = drawn(1000, 0.1)
    assert StoppedBoosting().fit(x, Lesson(outcome, "regression", 0)).predict.booster.current_iteration() > 50


def test_it_is_nearer_to_a_weak_signal_than_a_fixed_number_of_trees() -> None:
    wins = []
    for seed in range(10):
        x, signal, outcome = drawn(1000, 4.0, seed)
        told = Lesson(outcome, "regression", seed)
        ours, theirs = (kind().fit(x, told).predict(x) for kind in (StoppedBoosting, Boosting))
        wins.append(np.mean((ours - signal) ** 2) < 0.5 * np.mean((theirs - signal) ** 2))
    assert all(wins)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_weights_that_are_all_one_change_nothing(task: str) -> None:
    x, signal, outcome = drawn(400, 0.5)
    values = (outcome > 0.5).astype(float) if task == "classification" else outcome
    plain = StoppedBoosting().fit(x, Lesson(values, task, 3)).predict(x)
    even = StoppedBoosting().fit(x, Lesson(values, task, 3, np.ones(400))).predict(x)
    assert even == pytest.approx(plain, abs=1e-12)
    assert np.corrcoef(plain, signal)[0, 1] > 0.8


def test_another_learner_that_bins_alike_takes_the_same_bins() -> None:
    x, _, outcome = drawn(300, 0.5)
    first = Boosting().prepare(x)
    first.fit(np.arange(300), Lesson(outcome, "regression", 0))
    beside, apart = first.beside(StoppedBoosting()), first.beside(Boosting(bins=15))
    assert isinstance(beside, Binned)
    assert beside._shared is first._shared
    assert not apart._shared
    told = Lesson(outcome, "regression", 1)
    alone = StoppedBoosting().fit(x, told).predict(x)
    assert np.array_equal(beside.fit(np.arange(300), told).predict(x), alone)


def test_effects_are_learned_by_it_where_nothing_else_is_named() -> None:
    plain = Learners.of(Learner("boosting"), None, None)
    assert (plain.propensity.name, plain.effect.name) == ("boosting", "stopped_boosting")
    assert Learners.of(Learner("auto"), None, None).effect.params["second"] == "stopped_boosting"
    assert Learners.of(Learner("linear"), None, None).effect == Learner("linear")
    assert Learners.of(Learner("boosting"), None, Learner("lasso")).effect.name == "lasso"


@pytest.mark.parametrize("kind", [XLearner, RLearner, DRLearner])
def test_a_constant_effect_is_told_apart_from_noise(kind: type) -> None:
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(2000, 6)), rng.integers(0, 2, 2000)
    made = kind().fit(x, w, x[:, 0] + 2.0 * w + rng.normal(size=2000)).fitted_.effects
    assert np.std(made) < 0.25
    assert made.mean() == pytest.approx(2.0, abs=4.0 * 2.0 * 1.3 / np.sqrt(2000))
