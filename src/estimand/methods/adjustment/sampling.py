"""Design weights as the methods use them: ones where there are none."""

import numpy as np

from estimand.core.case import Case
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


def refuse_observation(key: str, case: Case) -> None:
    """Refuse weights that stand for rows without the outcome, where the variance cannot carry their model.

    Raises
    ------
    UnsupportedError
        If the design says ``missing_outcome: weight`` and some outcomes are missing.
    """
    if case.observation is not None:
        raise UnsupportedError(
            f"The variance of method '{key}' cannot carry the model of who has the outcome.",
            remedy="Use 'regression', 'ipw' or 'aipw', whose variance can; or say missing_outcome: complete_case.",
        )


def refuse_fixed_rows(key: str, case: Case) -> None:
    """Refuse to take weighted rows for all there is.

    Raises
    ------
    UnsupportedError
        If rows with the outcome are weighted to stand for those without it.
    """
    if case.observation is not None:
        raise UnsupportedError(
            f"Method '{key}' cannot hold the population fixed where rows stand for others without the outcome.",
            remedy="Leave out `population`, or say missing_outcome: complete_case.",
        )
