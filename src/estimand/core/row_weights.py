"""Design weights as methods and checks use them: ones where there are none."""

import numpy as np

from estimand.core.sample import Sample
from estimand.errors import UnsupportedError
from estimand.stats.arrays import Floats


def row_weights(sample: Sample) -> Floats:
    """Weight of each row, shape (n,), mean one."""
    if sample.weights is None:
        return np.ones(sample.n)
    return np.asarray(sample.weights / sample.weights.mean())


def given_weights(sample: Sample) -> Floats | None:
    """Weight of each row, shape (n,), mean one; None where the design has none."""
    return None if sample.weights is None else row_weights(sample)


def mean_one_by_arm(weights: Floats, sample: Sample) -> Floats:
    """Scale weights to mean one in each arm that has any, shape (n,)."""
    out = np.zeros(sample.n)
    for a in range(len(sample.arms)):
        member = sample.arm == a
        if weights[member].any():
            out[member] = weights[member] / weights[member].mean()
    return out


def refuse_precision(key: str, sample: Sample) -> None:
    """Refuse precision weights, which speak of noise, where weights must speak of people.

    Raises
    ------
    UnsupportedError
        If the design's weights are of kind "precision".
    """
    if sample.weight_kind == "precision":
        raise UnsupportedError(
            f"Method '{key}' averages over people, and precision weights say how noisy rows are.",
            remedy="Use 'regression', which takes them; or declare the weights as sampling weights.",
        )
