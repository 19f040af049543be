"""Inverse-probability weighting refitted under many weights at once: propensity and means anew in every draw."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from estimand.core.question import Target
from estimand.core.row_weights import given_weights
from estimand.core.sample import Sample
from estimand.stats.arrays import Floats, Ints
from estimand.stats.glm import GLMFit
from estimand.stats.replicates import Logits, blocks_of, odds


def _other(against: Floats) -> Floats:
    """Probability of the other arm."""
    return np.asarray(against / (1.0 + against))


def _inverse(against: Floats) -> Floats:
    """Inverse of the probability of the own arm, in place of the odds against it."""
    return np.add(against, 1.0, out=against)


# Weight of a row by the odds against its own arm: first a control's, then a treated row's.
_WEIGHT: dict[Target, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]] = {
    Target.ATE: (_inverse, _inverse),
    Target.ATT: (np.asarray, np.ones_like),
    Target.ATC: (np.ones_like, np.asarray),
    Target.ATO: (_other, _other),
}


@dataclass(frozen=True, slots=True, eq=False)
class WeightedReplicates:
    """Hájek differences of two arms under weights of their units.

    Attributes
    ----------
    logits : Logits
        The propensity model.
    outcome : ndarray of shape (n,)
    units : ndarray of shape (n,) or None
        Position of each row's unit among the weights; None where every row is its own, in order.
    design : ndarray of shape (n,) or None
        The design's own weights.
    target : Target
    """

    logits: Logits
    outcome: Floats
    units: Ints | None
    design: Floats | None
    target: Target

    def __call__(self, weights: Floats) -> Floats:
        """Differences of shape (b, 1) under weights of the units (b, u)."""
        rows = weights if self.units is None else weights[:, self.units]
        rows = rows if self.design is None else rows * self.design
        return self._differences(rows, self.logits.refitted(rows))

    def _differences(self, rows: Floats, coefficients: Floats) -> Floats:
        """Hájek differences in every draw, shape (b, 1)."""
        sums = np.zeros((rows.shape[0], 4))
        for part in blocks_of(rows.shape[1], rows.shape[0]):
            treated, values = self.logits.outcome[part], self.outcome[part]
            against = odds(coefficients @ (self.logits.basis[part] * (1.0 - 2.0 * treated)[:, None]).T)
            control, taken = _WEIGHT[self.target]
            tilt = control(against) if control is taken else np.where(treated > 0.0, taken(against), control(against))
            tilted = np.multiply(rows[:, part], tilt, out=tilt)
            sums += tilted @ np.stack([treated, treated * values, 1.0 - treated, (1.0 - treated) * values], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(sums[:, [1]] / sums[:, [0]] - sums[:, [3]] / sums[:, [2]])


def weighted_replicates(sample: Sample, values: Floats, units: Ints, fit: GLMFit, target: Target) -> WeightedReplicates:
    """Prepare the refits of a logistic propensity and the means that it weights."""
    logits = Logits(fit.basis.matrix, (sample.arm == 1).astype(np.float64), fit.coefficients)
    alone = bool((units == np.arange(sample.n)).all())
    design = given_weights(sample)
    return WeightedReplicates(logits, values, None if alone else units, design, target)
