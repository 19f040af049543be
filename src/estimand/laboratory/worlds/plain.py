"""Worlds in which what a method assumes of propensity and outcome holds, or fails in a named way."""

import numpy as np
from scipy.special import expit

from estimand.laboratory.worlds.world import World
from estimand.stats.arrays import Floats


def usual_propensity(x: Floats) -> Floats:
    """Logistic, with overlap to spare."""
    return np.asarray(expit(-0.2 + 0.5 * x[:, 0] - 0.3 * x[:, 1]))


def usual_level(x: Floats) -> Floats:
    """Linear in the first three covariates."""
    return np.asarray(1.0 + x[:, 0] + 0.5 * x[:, 1] + 0.25 * x[:, 2])


def constant_effect(x: Floats) -> Floats:
    """The same for everyone, of a size that 500 rows tell from nothing nine times in ten."""
    return np.full(x.shape[0], 0.3)


def varying_effect(x: Floats) -> Floats:
    """Linear in what also decides treatment."""
    return np.asarray(0.3 + x[:, 0] - 0.5 * x[:, 1])


def no_effect(x: Floats) -> Floats:
    """Nothing, for anyone."""
    return np.zeros(x.shape[0])


def _curved_propensity(x: Floats) -> Floats:
    return np.asarray(
        expit(-0.5 + 0.4 * x[:, 0] - 0.3 * x[:, 1] + 0.4 * (x[:, 0] ** 2 - 1.0) + 0.4 * x[:, 0] * x[:, 1])
    )


def _uneven_propensity(x: Floats) -> Floats:
    """Logistic; three in ten are treated, so that a line fitted to them is carried far."""
    return np.asarray(expit(-1.0 + 0.8 * x[:, 0] - 0.3 * x[:, 1]))


def _curved_level(x: Floats) -> Floats:
    return np.asarray(1.0 + x[:, 0] + 0.5 * x[:, 1] + 0.6 * (x[:, 0] ** 2 - 1.0) - 0.5 * x[:, 0] * x[:, 1])


def _steep_propensity(x: Floats) -> Floats:
    return np.asarray(expit(1.6 * x[:, 0] - 0.8 * x[:, 1]))


def _coin(x: Floats) -> Floats:
    return np.full(x.shape[0], 0.5)


WELL_SPECIFIED = World(
    "well_specified",
    "The propensity is logistic and the outcome linear in four measured covariates; the effect is the same for all.",
    500, 4, 2, usual_propensity, usual_level, constant_effect,
)  # fmt: skip
PLAIN = (
    WELL_SPECIFIED,
    World(
        "misspecified_propensity",
        "The propensity bends and interacts, which a logistic model linear in the covariates misses; the outcome is "
        "linear.",
        500, 4, 2, _curved_propensity, usual_level, constant_effect,
    ),
    World(
        "misspecified_outcome",
        "The outcome bends and interacts, which a linear model misses; the propensity is logistic, and three in ten "
        "are treated.",
        500, 4, 2, _uneven_propensity, _curved_level, constant_effect,
    ),
    World(
        "weak_overlap",
        "A steep propensity: one row in ten has a chance of treatment below 5 % or above 95 %; the effect varies.",
        500, 4, 2, _steep_propensity, usual_level, varying_effect,
    ),
    World(
        "heterogeneous_effects",
        "The effect is linear in the covariates that decide treatment, so every population has an effect of its own.",
        500, 4, 2, usual_propensity, usual_level, varying_effect,
    ),
    World(
        "no_effect",
        "Treatment does nothing to anyone; who gets it depends on what drives the outcome.",
        500, 4, 2, usual_propensity, usual_level, no_effect,
    ),
    World(
        "randomised",
        "A coin decides treatment, and the design says experiment; the effect varies.",
        500, 4, 2, _coin, usual_level, varying_effect, design={"kind": "experiment"},
    ),
)  # fmt: skip
