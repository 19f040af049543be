"""Learners read from names, mappings and objects."""

from typing import Any

import pytest
from made_by_hand import pickled
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from estimand.core.declared import Declared
from estimand.core.learner import Learner, LearnerOption, as_learner
from estimand.errors import DesignError, EstimandError


class Options(Declared):
    learner: LearnerOption = Learner("linear")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("boosting", "boosting"),
        ({"name": "boosting"}, "boosting"),
        ({"name": "boosting", "params": {}}, "boosting"),
        ({"name": "boosting", "params": None}, "boosting"),
        ({"name": "lasso", "params": {"alpha": 0.5}}, {"name": "lasso", "params": {"alpha": 0.5}}),
    ],
)
def test_a_learner_is_read_from_a_name_or_a_mapping_and_written_back(given: Any, expected: Any) -> None:
    learner = as_learner(given)
    assert learner.to_dict() == expected
    assert as_learner(learner.to_dict()) == learner
    assert learner.reproducible
    assert Options(learner=given).model_dump(mode="json") == {"learner": expected}


@pytest.mark.parametrize(
    "given",
    [3, None, {}, {"name": 1}, {"name": "lasso", "alpha": 1}, {"name": "lasso", "params": [1]}, Ridge, ["lasso"]],
)
def test_what_is_no_learner_is_refused_directly_and_as_an_option(given: Any) -> None:
    for read in (as_learner, lambda value: Options(learner=value)):
        with pytest.raises(DesignError, match="A learner cannot be read"):
            read(given)


def test_an_estimator_object_is_recorded_by_class_and_plain_params_and_is_not_reproducible() -> None:
    learner = as_learner(Ridge(alpha=2.5))
    assert learner.name == "python:sklearn.linear_model._ridge.Ridge"
    assert learner.params["alpha"] == 2.5
    assert not learner.reproducible
    assert learner.to_dict()["params"]["alpha"] == 2.5


def test_an_object_without_params_keeps_its_class() -> None:
    class Own:
        def fit(self) -> None: ...

        def predict(self) -> None: ...

    assert as_learner(Own()).name.endswith("Own")


def test_the_key_depends_on_params_and_not_on_their_order() -> None:
    one, two = (Learner("boosting", params) for params in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert one.key == two.key
    assert one == two
    assert hash(one) == hash(two)
    assert Learner("boosting", {"a": 2, "b": 2}).key != one.key


def test_two_pipelines_of_different_steps_are_different_learners() -> None:
    plain = as_learner(make_pipeline(LogisticRegression(C=1.0)))
    strong = as_learner(make_pipeline(StandardScaler(), LogisticRegression(C=0.01)))
    assert plain.key != strong.key
    assert plain != strong


def test_a_learner_survives_pickling() -> None:
    learner = Learner("boosting", {"trees": 50})
    assert pickled(learner) == learner
    assert issubclass(DesignError, EstimandError)
