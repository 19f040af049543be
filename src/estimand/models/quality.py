"""How well a nuisance predicts: loss and calibration."""

import numpy as np

from estimand.stats.arrays import Floats

LEAST_PROBABILITY = 1e-12


def log_loss(outcome: Floats, prediction: Floats) -> float:
    """Mean log loss in nats of probabilities for outcomes of zeros and ones."""
    p = np.clip(prediction, LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    return float(-np.mean(outcome * np.log(p) + (1.0 - outcome) * np.log1p(-p)))


def squared_loss(outcome: Floats, prediction: Floats) -> float:
    """Mean squared error in squared outcome units."""
    return float(np.mean(np.square(outcome - prediction)))


def calibration_slope(outcome: Floats, prediction: Floats) -> float:
    """Least-squares slope of the observed on the predicted; 1 is calibrated, 0 where nothing is predicted."""
    deviation = prediction - prediction.mean()
    spread = float(deviation @ deviation)
    if spread <= 1e-24 * max(1.0, float(np.abs(prediction).max()) ** 2) * prediction.shape[0]:
        return 0.0
    return float(deviation @ (outcome - outcome.mean()) / spread)
