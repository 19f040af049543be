"""A Python estimator object as a learner, in process."""

from copy import deepcopy
from typing import Protocol, cast

import numpy as np

from estimand.errors import UnsupportedError
from estimand.models.trained import Task, Trained
from estimand.stats.arrays import Floats


class _Estimator(Protocol):
    def fit(self, features: Floats, outcome: Floats) -> object: ...

    def predict(self, features: Floats) -> Floats: ...


class _Classifier(_Estimator, Protocol):
    def predict_proba(self, features: Floats) -> Floats: ...


class EstimatorObject:
    """Wraps an object with ``fit`` and ``predict`` (or ``predict_proba``); each fit uses a fresh copy."""

    def __init__(self, estimator: object, name: str) -> None:
        self._estimator = estimator
        self._name = name

    def fit(self, features: Floats, outcome: Floats, task: Task, seed: int) -> Trained:
        """Fit a copy; ``seed`` is not used, the object brings its own.

        Raises
        ------
        UnsupportedError
            If a probability is needed and the object is a classifier without ``predict_proba``.
        """
        model = deepcopy(self._estimator)
        if task == "classification" and hasattr(model, "predict_proba"):
            classifier = cast("_Classifier", model)
            classifier.fit(features, outcome)
            return Trained(lambda rows: np.asarray(classifier.predict_proba(rows)[:, 1], dtype=float))
        if hasattr(model, "predict_proba"):
            raise UnsupportedError(
                f"'{self._name}' is a classifier, and the outcome is a number.",
                remedy="Give a regressor for the outcome.",
            )
        regressor = cast("_Estimator", model)
        regressor.fit(features, outcome)
        return Trained(lambda rows: np.asarray(regressor.predict(rows), dtype=float))
