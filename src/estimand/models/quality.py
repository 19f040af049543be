"""How well a nuisance predicts: loss and calibration."""

import numpy as np

from estimand.stats.arrays import Floats

LEAST_PROBABILITY = 1e-12


def log_loss(outcome: Floats, prediction: Floats, weights: Floats | None = None) -> float:
    """Mean log loss in nats of probabilities for outcomes of zeros and ones."""
    p = np.clip(prediction, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    return float(-np.average(outcome * np.log(p) + (1.0 - outcome) * np.log1p(-p), weights=weights))


def squared_loss(outcome: Floats, prediction: Floats, weights: Floats | None = None) -> float:
    """Mean squared error in squared outcome units."""
    return float(np.average(np.square(outcome - prediction), weights=weights))


def calibration_slope(outcome: Floats, prediction: Floats, weights: Floats | None = None) -> float:
    """Least-squares slope of the observed on the predicted; 1 is calibrated, 0 where nothing is predicted."""
    weight = np.ones(outcome.shape[0]) if weights is None else weights
    deviation = prediction - np.average(prediction, weights=weight)
    spread = float(weight @ np.square(deviation))
    if spread <= 1e-24 * max(1.0, float(np.abs(prediction).max()) ** 2) * float(weight.sum()):
        return 0.0
    return float((weight * deviation) @ outcome / spread)
