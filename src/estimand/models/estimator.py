"""A Python estimator object as a learner, in process."""

from copy import deepcopy
from inspect import signature
from typing import Protocol, cast

import numpy as np

from estimand.errors import UnsupportedError
from estimand.models.trained import Lesson, Trained, constant
from estimand.stats.arrays import Floats


class _Estimator(Protocol):
    def fit(self, features: Floats, outcome: Floats, **more: Floats) -> object: ...

    def predict(self, features: Floats) -> Floats: ...


class _Classifier(_Estimator, Protocol):
    def predict_proba(self, features: Floats) -> Floats: ...


class EstimatorObject:
    """Wraps an object with ``fit`` and ``predict`` (or ``predict_proba``); each fit uses a fresh copy."""

    def __init__(self, estimator: object, name: str) -> None:
        self._estimator = estimator
        self._name = name

    def fit(self, features: Floats, lesson: Lesson) -> Trained:
        """Fit a copy; the seed is not used, the object brings its own.

        Raises
        ------
        UnsupportedError
            If a probability is needed and the object has none, or there are weights it does not take.
        """
        if lesson.outcome.min() == lesson.outcome.max():
            return constant(lesson)
        model = deepcopy(self._estimator)
        more = {} if lesson.weights is None else {"sample_weight": lesson.weights}
        if more and "sample_weight" not in signature(cast("_Estimator", model).fit).parameters:
            raise UnsupportedError(
                f"'{self._name}' takes no sample_weight, and the design has weights.",
                remedy="Give a learner whose fit takes sample_weight.",
            )
        if lesson.task == "classification" and hasattr(model, "predict_proba"):
            classifier = cast("_Classifier", model)
            classifier.fit(features, lesson.outcome, **more)
            return Trained(lambda rows: np.asarray(classifier.predict_proba(rows)[:, 1], dtype=float))
        if hasattr(model, "predict_proba"):
            raise UnsupportedError(
                f"'{self._name}' is a classifier, and the outcome is a number.",
                remedy="Give a regressor for the outcome.",
            )
        regressor = cast("_Estimator", model)
        regressor.fit(features, lesson.outcome, **more)
        return Trained(lambda rows: np.asarray(regressor.predict(rows), dtype=float))
