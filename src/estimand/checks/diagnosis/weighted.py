"""The weighted samples behind estimates, arm by arm, as the diagnoses read them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.stats.arrays import Floats, Ints
from estimand.stats.balance import standardised_difference, weighted_variance


@dataclass(frozen=True, slots=True, eq=False)
class WeightedArms:
    """One estimate's weights for one arm against control.

    Attributes
    ----------
    estimate : Estimate
    arm : int
        Code of the arm.
    treated, control : ndarray of int
        Row positions.
    weights : ndarray of shape (n,)
    """

    estimate: Estimate
    arm: int
    treated: Ints
    control: Ints
    weights: Floats

    @property
    def about(self) -> str:
        """Id of the estimate."""
        return self.estimate.id


def weighted_estimates(estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    """Estimates that say how they weighted the rows."""
    return tuple(e for e in estimates if isinstance(e.details.get("weights"), np.ndarray))


def arms_of(case: Case, estimate: Estimate) -> Iterator[WeightedArms]:
    """Each arm that has weight, against control."""
    sample = case.sample()
    weights: Floats = estimate.details["weights"]
    control = np.flatnonzero((sample.arm == 0) & (weights > 0.0))
    for a in range(1, len(sample.arms)):
        treated = np.flatnonzero((sample.arm == a) & (weights > 0.0))
        if treated.size and control.size:
            yield WeightedArms(estimate, a, treated, control, weights)


def people_weights(sample: Sample) -> Floats:
    """Return how many people each row stands for, shape (n,): one each unless the design's weights say otherwise."""
    if sample.weights is None or sample.weight_kind == "precision":
        return np.ones(sample.n)
    return sample.weights


def denominator(sample: Sample, arm: int, target: Target) -> Floats:
    """Standard deviation of the unadjusted sample: of the treated for ATT, the control for ATC, else pooled."""
    values, weights = sample.features.values, people_weights(sample)
    spread = [weighted_variance(values[sample.arm == a], weights[sample.arm == a]) for a in (arm, 0)]
    if target.averaged is Target.ATT:
        return np.asarray(np.sqrt(spread[0]))
    if target is Target.ATC:
        return np.asarray(np.sqrt(spread[1]))
    return np.asarray(np.sqrt((spread[0] + spread[1]) / 2.0))


def unadjusted_differences(sample: Sample, arm: int, target: Target) -> Floats:
    """Standardised differences before adjustment, shape (p,)."""
    values, weights = sample.features.values, people_weights(sample)
    parts = [(values[sample.arm == a], weights[sample.arm == a]) for a in (arm, 0)]
    return standardised_difference(parts[0], parts[1], denominator(sample, arm, target))


def adjusted_differences(sample: Sample, arms: WeightedArms) -> Floats:
    """Standardised differences after adjustment, over the denominator from before, shape (p,)."""
    values = sample.features.values
    return standardised_difference(
        (values[arms.treated], arms.weights[arms.treated]),
        (values[arms.control], arms.weights[arms.control]),
        denominator(sample, arms.arm, arms.estimate.target),
    )


def variance_ratios(sample: Sample, arms: WeightedArms, weighted: bool) -> Floats:
    """Variance in the arm over that in control, shape (p,); infinite where only control is constant."""
    values = sample.features.values
    weights = arms.weights if weighted else people_weights(sample)
    treated = weighted_variance(values[arms.treated], weights[arms.treated])
    control = weighted_variance(values[arms.control], weights[arms.control])
    flat = control <= 0.0
    ratio = treated / np.where(flat, 1.0, control)
    return np.where(flat, np.where(treated <= 0.0, 1.0, np.inf), ratio)
