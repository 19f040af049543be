"""Forests where scikit-learn takes estimators: copied, set, searched over, and last in a pipeline."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

import estimand as es
from estimand.models.forest.causal import CausalForest
from estimand.models.forest.regression import RegressionForest

KINDS = (CausalForest, RegressionForest)


def trial(n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=(n, 3)), rng.integers(0, 2, n)
    return x, w, 3.0 * x[:, 1] + w * (x[:, 0] > 0.0) + rng.normal(size=n)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_has_the_same_parameters_and_no_trees(kind: Any) -> None:
    x, w, y = trial()
    made = kind(trees=40, alpha=0.123, seed=987_654_321)
    made.fit(x, *((w, y) if kind is CausalForest else (y,)))
    copy = clone(made)
    assert copy.get_params() == made.get_params()
    assert (copy.trees, copy.alpha, copy.seed) == (40, 0.123, 987_654_321)
    with pytest.raises(es.DesignError, match="not fitted"):
        copy.predict(x)


def test_a_clone_takes_its_learner_along() -> None:
    copy = clone(CausalForest(learner=LinearRegression(fit_intercept=False), treatment_learner="linear"))
    assert copy.learner.estimator.fit_intercept is False
    assert copy.treatment_learner.name == "linear"
    assert copy.set_params(learner="boosting").learner.name == "boosting"


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_set_by_name_or_refused_whole(kind: Any) -> None:
    made = kind()
    assert made.set_params(trees=20, seed=5) is made
    assert (made.trees, made.seed) == (20, 5)
    with pytest.raises(es.DesignError, match="trees"):
        made.set_params(seed=6, trees=1)
    with pytest.raises(es.DesignError, match="leaves"):
        made.set_params(leaves=3)
    assert (made.trees, made.seed) == (20, 5)


def test_a_grown_forest_keeps_the_settings_it_grew_by() -> None:
    x, w, y = trial()
    made = CausalForest(trees=40, learner="linear")
    grown = made.fit(x, w, y)
    made.set_params(trees=20)
    assert grown.settings.trees == 40


def test_effects_come_out_of_a_pipeline() -> None:
    x, w, y = trial()
    steps = make_pipeline(StandardScaler(), CausalForest(trees=40, learner="linear"))
    with pytest.raises(NotFittedError):
        clone(steps).predict(x)
    steps.fit(x, w, causalforest__outcome=y)
    scaled = StandardScaler().fit_transform(x)
    alone = CausalForest(trees=40, learner="linear").fit(scaled, w, y)
    assert np.array_equal(steps.predict(x), alone.effect(scaled))


def test_means_come_out_of_a_pipeline() -> None:
    x, _, y = trial()
    steps = make_pipeline(SimpleImputer(), RegressionForest(trees=40))
    with pytest.raises(NotFittedError):
        steps.predict(x)
    assert np.array_equal(steps.fit(x, y).predict(x), RegressionForest(trees=40).fit(x, y).predict(x))


def test_a_search_finds_leaves_small_enough() -> None:
    x, _, y = trial(300)
    search = GridSearchCV(RegressionForest(trees=40), {"min_leaf": [4, 60]}, scoring="r2", cv=3).fit(x, y)
    assert search.best_params_ == {"min_leaf": 4}
    assert search.best_score_ > 0.5


def test_tags_say_what_each_is_and_that_values_may_be_missing() -> None:
    assert is_regressor(RegressionForest())
    assert not is_regressor(CausalForest())
    assert not is_classifier(CausalForest())
    assert all(get_tags(kind()).input_tags.allow_nan for kind in KINDS)
