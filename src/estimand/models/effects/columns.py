"""Reading what users hand to a learner of effects."""

from typing import Any

import numpy as np

from estimand.errors import DataError, UnsupportedError
from estimand.models.forest.columns import read_features, read_treatments
from estimand.stats.arrays import Floats, Ints


def finite_features(table: Any) -> tuple[Floats, tuple[str, ...] | None]:
    """Features of shape (n, p), and the names of the columns where they have any.

    Raises
    ------
    DataError
        If they are not numbers in rows and columns, or some are missing.
    """
    features, names = read_features(table)
    if not np.isfinite(features).all():
        raise DataError(
            "The features have values that are missing or infinite.",
            remedy="Fill them in, with a column that says which, or use CausalForest, which takes missing values.",
        )
    return features, names


def read_arms(values: Any, rows: int) -> tuple[Ints, tuple[str, ...]]:
    """Arm of each row, 0 for control, and the names of the others.

    Raises
    ------
    DataError
        If there is not one per row, or some are missing.
    IdentificationError
        If there is one arm only.
    UnsupportedError
        If the treatment is a dose.
    """
    found = read_treatments(values, rows)
    if not np.isin(found.values, (0.0, 1.0)).all() or (found.values.sum(axis=1) > 1.0).any():
        raise UnsupportedError(
            "The treatment holds doses, and these learners compare arms.",
            remedy="Give zeros and ones, or labels of arms; or use CausalForest, which takes doses.",
        )
    return (found.values @ np.arange(1, found.values.shape[1] + 1)).astype(np.int64), found.names
