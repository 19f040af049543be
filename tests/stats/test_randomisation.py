"""Randomisation inference against loops over assignments, published exact tests, and its own definition."""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

import estimand as es
from estimand.stats.arrays import Floats
from estimand.stats.linear import least_squares
from estimand.stats.randomisation import Assignment, Trial
from tests.reference_data import matches, reference, table

PLAN = {"kind": "experiment", "treatment": "d", "outcome": "y"}


def test_the_exact_p_value_of_eight_units() -> None:
    made = es.estimate(table("ri"), PLAN, "difference", resample={"kind": "randomisation", "statistic": "difference"})
    matches("ri.exact", value=float(made.p_value[0]))
    assert made.value[0] == reference("ri.exact")["extra"]["T_obs"]
    assert made.inference == "permutation"


def test_the_lady_tasting_tea_is_half_the_two_sided_test() -> None:
    treated = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype=float)
    trial = Trial(np.array([1, 1, 1, 0, 1, 0, 0, 0], dtype=float), treated, np.ones((8, 1)))
    assignment = Assignment(treated > 0, np.zeros(8, dtype=np.int64))
    parts = trial.parts(assignment.every().astype(float), studentised=False)
    pencil = trial.pencil(*parts, studentised=False, complete=True)
    matches("fisher.tea", value=pencil.p_value(0.0) / 2)


def hc2(outcome: Floats, treated: Floats, covariates: Floats) -> float:
    """|t| of Lin's regression with HC2, covariates held fixed."""
    apart = covariates - covariates.mean(axis=0)
    raw = np.column_stack([treated, apart, treated[:, None] * apart])
    fit = least_squares(raw, outcome)
    load = fit.loading(fit.basis.slope(0))
    z = fit.basis.matrix
    slack = 1.0 - np.einsum("ij,jk,ik->i", z, fit.bread, z)
    return abs(fit.value(fit.basis.slope(0))) / np.sqrt((np.square(load * fit.residual) / slack).sum())


def literal(outcome: Floats, treated: Floats, covariates: Floats, effect: float) -> float:
    """P-value of a constant effect, over every assignment of as many units."""
    untreated = outcome - effect * treated
    size = int(treated.sum())
    stars = []
    for chosen in combinations(range(outcome.shape[0]), size):
        other = np.zeros_like(treated)
        other[list(chosen)] = 1.0
        stars.append(hc2(untreated, other, covariates))
    return float(np.mean(np.array(stars) >= hc2(untreated, treated, covariates) * (1 - 1e-9)))


@pytest.mark.parametrize("effect", [0.0, 0.7, -0.5])
def test_adjusted_p_values_are_those_of_a_loop_over_assignments(effect: float) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(9, 1))
    treated = np.array([1, 0, 1, 0, 1, 0, 1, 0, 0], dtype=float)
    outcome = x[:, 0] + 0.8 * treated + rng.normal(size=9)
    trial = Trial(outcome, treated, np.column_stack([np.ones(9), x]))
    assignment = Assignment(treated > 0, np.zeros(9, dtype=np.int64))
    parts = trial.parts(assignment.every().astype(float), studentised=True)
    pencil = trial.pencil(*parts, studentised=True, complete=True)
    assert pencil.p_value(effect) == pytest.approx(literal(outcome, treated, x, effect), abs=1e-12)


def test_without_covariates_the_statistic_is_welchs_t() -> None:
    rng = np.random.default_rng(4)
    treated = (rng.random(30) < 0.4).astype(float)
    outcome = rng.normal(size=30) * (1 + treated)
    estimates, spreads = Trial(outcome, treated, np.ones((30, 1))).parts(treated[None, :], studentised=True)
    expected = ttest_ind(outcome[treated == 1], outcome[treated == 0], equal_var=False).statistic
    assert estimates[0, 0] / np.sqrt(spreads[0, 0]) == pytest.approx(expected, rel=1e-10)


def test_assignments_keep_the_number_treated_of_every_stratum() -> None:
    treated = np.array([1, 0, 0, 1, 1, 0, 0], dtype=bool)
    stratum = np.array([0, 0, 0, 1, 1, 1, 1])
    assignment = Assignment(treated, stratum)
    every = assignment.every()
    assert assignment.count == 18
    assert np.unique(every, axis=0).shape == (18, 7)
    assert assignment.smallest_share == pytest.approx(1 / 18, rel=1e-12)
    for rows in (every, assignment.drawn(np.random.default_rng(1), 200)):
        assert (rows[:, :3].sum(axis=1) == 1).all()
        assert (rows[:, 3:].sum(axis=1) == 2).all()


def test_an_arm_that_lacks_a_category_under_some_assignment_still_has_a_statistic() -> None:
    treated = np.array([1, 1, 1, 0, 0, 0, 0], dtype=float)
    rare = np.array([1, 0, 0, 1, 0, 0, 0], dtype=float)
    trial = Trial(np.arange(7.0) ** 2, treated, np.column_stack([np.ones(7), rare]))
    parts = trial.parts(Assignment(treated > 0, np.zeros(7, dtype=np.int64)).every().astype(float), studentised=True)
    assert np.isfinite(parts[0]).all()
    assert np.isfinite(parts[1]).all()


def test_a_number_of_assignments_too_long_for_a_float_is_told_by_its_power_of_ten() -> None:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"d": np.arange(4000) % 2, "y": rng.normal(size=4000)})
    made = es.estimate(frame, PLAN, "difference", resample={"kind": "randomisation", "draws": 200})
    assert "some 10^1202 possible assignments" in made.findings[-1].message
    assert made.findings[-1].statistic == 1 / 201
    assert made.p_value[0] > 0.0


def test_fishers_convictions_are_the_randomisation_test_of_a_share() -> None:
    """One assignment of every table there can be, times how many share it; the odds ratio's interval has no effect."""
    twins, convicted = np.array([1.0] * 13 + [0.0] * 17), np.array([1.0] * 10 + [0.0] * 3 + [1.0] * 2 + [0.0] * 15)
    assert Assignment(twins > 0, np.zeros(30, dtype=np.int64)).count == comb(30, 13)
    tables, ways = [], []
    for both in range(13):
        assigned = np.zeros(30)
        assigned[np.flatnonzero(convicted == 1)[:both]] = 1.0
        assigned[np.flatnonzero(convicted == 0)[: 13 - both]] = 1.0
        tables.append(assigned)
        ways.append(comb(12, both) * comb(18, 13 - both))
    trial = Trial(convicted, twins, np.ones((30, 1)))
    estimates, _ = trial.parts(np.array(tables), studentised=False)
    (observed, _), _ = (part[0] for part in trial.parts(twins[None, :], studentised=False))
    as_far = np.abs(estimates[:, 0]) >= abs(observed) * (1 - 1e-9)
    assert sum(ways) == comb(30, 13)
    matches("fisher.convictions", value=float(np.array(ways)[as_far].sum() / sum(ways)))
