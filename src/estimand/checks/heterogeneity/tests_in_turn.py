"""Two tests of whether predictions tell effects apart, fold by fold in turn: their slope and their ranking."""

import numpy as np

from estimand.checks.heterogeneity.held_out import Part
from estimand.stats.arrays import Floats
from estimand.stats.effect_groups import linear_projection
from estimand.stats.sequential import Combined, in_turn
from estimand.stats.targeting import Emphasis, ranked_error


def calibration_slope(parts: tuple[Part, ...]) -> Combined | None:
    """Best linear predictor of the effect by the prediction, HC3 or by cluster; None where no prediction varies."""
    found = [
        linear_projection(part.scores, part.predicted[:, None], _or_none(part), part.units)
        for part in parts
        if np.ptp(part.predicted) > 0.0
    ]
    return in_turn(
        np.array([float(fit.slope[0]) for fit in found]), np.array([float(fit.std_error[0]) for fit in found])
    )


def rank_weighted(parts: tuple[Part, ...], emphasis: Emphasis) -> Combined | None:
    """Rank-weighted average effect of the predictions' order; None where no prediction varies."""
    found = [ranked_error(part.scores, part.predicted, part.weights, part.units, emphasis) for part in parts]
    return in_turn(np.array([value for value, _ in found]), np.array([error for _, error in found]))


def _or_none(part: Part) -> Floats | None:
    return None if np.ptp(part.weights) == 0.0 else part.weights
