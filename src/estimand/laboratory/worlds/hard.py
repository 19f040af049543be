"""Worlds with awkward data: dependence, heavy tails, few rows, many covariates, rare events, missing outcomes."""

import numpy as np
from scipy.special import expit

from estimand.laboratory.worlds.plain import constant_effect, usual_level, usual_propensity, varying_effect
from estimand.laboratory.worlds.world import Clusters, World
from estimand.stats.arrays import Floats

MANY = Clusters((14,) * 50)
FEW = Clusters((20, 25, 30, 35, 40, 50, 60, 75, 100, 165))


def _sparse_propensity(x: Floats) -> Floats:
    return np.asarray(expit(0.5 * x[:, 0] - 0.4 * x[:, 1]))


def _sparse_level(x: Floats) -> Floats:
    return np.asarray(1.0 + x[:, :5] @ np.array([1.0, 0.5, 0.5, 0.25, 0.25]))


def _rare_level(x: Floats) -> Floats:
    return np.asarray(expit(-3.6 + 0.5 * x[:, 0] + 0.3 * x[:, 2]))


def _rare_effect(x: Floats) -> Floats:
    return np.asarray(expit(-3.0 + 0.5 * x[:, 0] + 0.3 * x[:, 2]) - _rare_level(x))


def _seen_untreated(x: Floats) -> Floats:
    return np.asarray(expit(2.0 + 0.8 * x[:, 0]))


def _seen_treated(x: Floats) -> Floats:
    return np.asarray(expit(1.2 - 0.8 * x[:, 0]))


CLUSTERED = World(
    "clustered",
    "Fifty clusters of 14 rows share part of their covariates, outcome level and effect; the design names them.",
    700, 4, 2, usual_propensity, usual_level, constant_effect, clusters=MANY,
)  # fmt: skip
FEW_CLUSTERS = World(
    "few_clusters",
    "Ten clusters of 20 to 165 rows share part of their covariates, outcome level and effect; the design names them.",
    600, 4, 2, usual_propensity, usual_level, constant_effect, clusters=FEW,
)  # fmt: skip
_MISSING = "A fifth of the outcomes is missing, by arm and covariates in opposite directions; the effect varies; "
HARD = (
    CLUSTERED,
    FEW_CLUSTERS,
    World(
        "heavy_tails",
        "The noise has three degrees of freedom: a finite variance, and single rows that move a mean.",
        500, 4, 2, usual_propensity, usual_level, constant_effect, noise="heavy",
    ),
    World(
        "small_n",
        "One hundred rows of the well-specified world.",
        100, 4, 2, usual_propensity, usual_level, constant_effect,
    ),
    World(
        "high_dimension",
        "One hundred measured covariates for 500 rows, of which two decide treatment and five drive the outcome.",
        500, 100, 2, _sparse_propensity, _sparse_level, constant_effect,
    ),
    World(
        "rare_outcome",
        "A yes-or-no outcome that 3 % of the untreated and 6 % of the treated have, logistic in the covariates.",
        1_000, 4, 3, usual_propensity, _rare_level, _rare_effect, noise="binary",
    ),
    World(
        "missing_outcomes",
        _MISSING + "complete cases are used, and the truth is that of rows like them.",
        700, 4, 2, usual_propensity, usual_level, varying_effect, observed=(_seen_untreated, _seen_treated),
    ),
    World(
        "missing_outcomes_weighted",
        _MISSING + "the design says missing_outcome: weight, and the truth is that of everyone.",
        700, 4, 2, usual_propensity, usual_level, varying_effect, observed=(_seen_untreated, _seen_treated),
        design={"missing_outcome": "weight"},
    ),
)  # fmt: skip
