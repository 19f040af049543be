"""Worlds made for the checks: each holds one trouble that a check should see."""

import numpy as np
from scipy.special import expit

from estimand.laboratory.worlds.plain import constant_effect, no_effect, usual_level, usual_propensity, varying_effect
from estimand.laboratory.worlds.world import Clusters, Rows, World
from estimand.stats.arrays import AnyArray, Floats


def _decided(x: Floats) -> Floats:
    """Certain treatment above one standard deviation, certain control below minus one."""
    return np.where(x[:, 0] > 1.0, 1.0, np.where(x[:, 0] < -1.0, 0.0, 0.5))


def _hidden_propensity(x: Floats) -> Floats:
    return np.asarray(expit(0.3 * x[:, 0] + 1.0 * x[:, 1]))


def _hidden_level(x: Floats) -> Floats:
    return np.asarray(1.0 + x[:, 0] + x[:, 1] + 0.5 * x[:, 2])


def _response(rng: np.random.Generator, rows: Rows) -> Floats:
    """A measurement that treatment moves and that moves with the outcome."""
    return np.asarray(rows.arm + 0.5 * rows.outcome + rng.standard_normal(rows.arm.shape[0]))


def _tells(rng: np.random.Generator, rows: Rows) -> Floats:
    """Something treatment cannot have moved, which goes with the covariate that was not measured."""
    return np.asarray(rows.covariates[:, 0] + rows.covariates[:, 1] + rng.standard_normal(rows.arm.shape[0]))


def _keeps_quiet(rng: np.random.Generator, rows: Rows) -> Floats:
    """Something treatment cannot have moved, which goes with a measured covariate only."""
    return np.asarray(rows.covariates[:, 0] + rng.standard_normal(rows.arm.shape[0]))


def _row_number(rng: np.random.Generator, rows: Rows) -> Floats:
    return rng.permutation(rows.arm.shape[0]).astype(float)


def _restated(rng: np.random.Generator, rows: Rows) -> Floats:
    return np.asarray(2.0 * rows.outcome + 1.0)


def _copied(rng: np.random.Generator, rows: Rows) -> Floats:
    """The arm, but for a little noise."""
    return np.asarray(rows.arm + 0.1 * rng.standard_normal(rows.arm.shape[0]))


def _gappy(rng: np.random.Generator, rows: Rows) -> Floats:
    """Missing for a third of the treated and one in twenty of the others."""
    size = (rows.arm.shape[0],)
    held: Floats = rng.standard_normal(size)
    return np.where(rng.random(size) < np.where(rows.arm == 1, 0.33, 0.05), np.nan, held)


def _rare_propensity(x: Floats) -> Floats:
    return np.asarray(expit(-3.6 + 0.3 * x[:, 0]))


def _kept_untreated(x: Floats) -> Floats:
    return np.full(x.shape[0], 0.9)


def _kept_treated(x: Floats) -> Floats:
    """Seven in ten, fewer of those who would do well."""
    return np.asarray(expit(0.9 - 0.5 * x[:, 0]))


def _recorded(rng: np.random.Generator, rows: Rows) -> Floats:
    """Days, the treated two months after the others."""
    return np.asarray(60.0 * rows.arm + rng.integers(0, 90, rows.arm.shape[0]), dtype=float)


def _kind(rng: np.random.Generator, rows: Rows) -> AnyArray:
    """One of three kinds, of which one row in a hundred is the last."""
    return np.asarray(rng.choice(["common", "frequent", "odd"], rows.arm.shape[0], p=[0.6, 0.39, 0.01]))


def _even_kind(rng: np.random.Generator, rows: Rows) -> AnyArray:
    """One of three kinds, none of them rare."""
    return np.asarray(rng.choice(["first", "second", "third"], rows.arm.shape[0]))


def _side(rng: np.random.Generator, rows: Rows) -> AnyArray:
    """On which side of its middle the first covariate lies."""
    return np.asarray(np.where(rows.covariates[:, 0] > 0.0, "above", "below"))


def _any_day(rng: np.random.Generator, rows: Rows) -> Floats:
    """Days, the same for both arms."""
    return np.asarray(rng.integers(0, 150, rows.arm.shape[0]), dtype=float)


CONTROLS = {"roles": {"negative_controls": ["placebo_outcome"], "negative_exposures": ["placebo_exposure"]}}


def _half(x: Floats) -> Floats:
    return np.full(x.shape[0], 0.5)


TROUBLED = (
    World(
        "hidden_confounder",
        "A covariate that decides treatment and outcome was not measured; treatment does nothing.",
        500, 4, 2, _hidden_propensity, _hidden_level, no_effect, hidden=(1,),
        columns={"placebo_outcome": _tells, "placebo_exposure": _tells}, design=CONTROLS, for_checks=True,
    ),
    World(
        "quiet_controls",
        "The well-specified world with a negative control outcome and exposure, which have nothing to tell.",
        500, 4, 2, usual_propensity, usual_level, constant_effect,
        columns={"placebo_outcome": _keeps_quiet, "placebo_exposure": _keeps_quiet}, design=CONTROLS, for_checks=True,
    ),
    World(
        "post_treatment_covariate",
        "One of the covariates, declared post-treatment, is moved by treatment.",
        500, 4, 2, usual_propensity, usual_level, constant_effect,
        columns={"response": _response}, design={"roles": {"post_treatment": ["response"]}}, for_checks=True,
    ),
    World(
        "separated",
        "One covariate decides the arm for a third of the rows.",
        500, 4, 2, _decided, usual_level, varying_effect, for_checks=True,
    ),
    World(
        "nothing_measured",
        "Treatment depends on what drives the outcome, and the design names no covariate.",
        500, 4, 2, usual_propensity, usual_level, constant_effect, hidden=(0, 1, 2, 3), for_checks=True,
    ),
    World(
        "cluster_lottery",
        "An experiment that treats four of eight clusters of 60 rows, drawn by lot; the design names them.",
        480, 4, 1, _half, usual_level, constant_effect, clusters=Clusters((60,) * 8, assigned=True),
        design={"kind": "experiment"}, for_checks=True,
    ),
    World(
        "spoiled_columns",
        "Among the covariates are a row number, the outcome restated, a copy of the arm, and one missing mostly for "
        "the treated.",
        500, 4, 2, usual_propensity, usual_level, constant_effect,
        columns={"account": _row_number, "restated": _restated, "copied": _copied, "gappy": _gappy}, for_checks=True,
    ),
    World(
        "lost_outcomes",
        "An experiment that loses a tenth of the untreated outcomes and three in ten of the treated ones.",
        500, 4, 2, _half, usual_level, varying_effect, observed=(_kept_untreated, _kept_treated),
        design={"kind": "experiment"}, for_checks=True,
    ),
    World(
        "careless_records",
        "The treated were recorded two months after the others, one row in a hundred is of a kind of its own, and "
        "twenty rows stand there twice.",
        500, 4, 2, usual_propensity, usual_level, constant_effect,
        columns={"day": _recorded, "kind": _kind}, repeats=20, design={"roles": {"timestamp": "day"}}, for_checks=True,
    ),
    World(
        "careful_records",
        "The well-specified world with the day of each row, alike in both arms, and a covariate of three even kinds.",
        500, 4, 2, usual_propensity, usual_level, constant_effect,
        columns={"day": _any_day, "kind": _even_kind}, design={"roles": {"timestamp": "day"}}, for_checks=True,
    ),
    World(
        "rare_arm",
        "Three rows in a hundred are treated.",
        500, 4, 1, _rare_propensity, usual_level, constant_effect, for_checks=True,
    ),
    World(
        "balanced",
        "Treatment is as good as random though the design does not say so: the arms are alike from the start.",
        500, 4, 2, _half, usual_level, constant_effect, for_checks=True,
    ),
    World(
        "named_segments",
        "The world of heterogeneous effects, with a segment that the design names: the side of one covariate.",
        500, 4, 2, usual_propensity, usual_level, varying_effect,
        columns={"side": _side}, design={"roles": {"segments": ["side"]}}, for_checks=True,
    ),
)  # fmt: skip
