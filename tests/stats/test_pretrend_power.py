"""Pre-tests: the published example, their power by simulation, and the joint test by hand."""

import numpy as np
import pytest
from published_events import HE_WANG, HE_WANG_TIME, HE_WANG_VCOV
from scipy.stats import chi2, f, norm

from estimand.stats.pretrends import given_passed, joint_test, passing, slope_found, slope_found_jointly

BEFORE = HE_WANG_TIME < -1
AWAY = (HE_WANG_TIME + 1).astype(float)
OWN = HE_WANG_VCOV[:3, :3]
USUAL = np.full(3, norm.ppf(0.975))


def test_the_slope_found_half_of_the_time_is_the_published_one() -> None:
    """Printed with the software of Roth (2022) for He & Wang (2017): .0520662478209672."""
    assert slope_found(AWAY[:3], OWN, 0.5, USUAL) == pytest.approx(0.0520662478209672, rel=2e-5)


def test_what_a_passed_test_leaves_is_the_published_one() -> None:
    found = given_passed(HE_WANG, HE_WANG_VCOV, 0.0520662478209672 * AWAY, BEFORE, USUAL)
    assert found.power == pytest.approx(0.5, abs=2e-5)
    assert found.bayes_factor == pytest.approx(0.5690176871738699, rel=5e-5)
    printed = [-0.0923171, -0.0555576, -0.0279117, 0.0649147, 0.1208691, 0.1694932, 0.2245753]
    assert found.mean == pytest.approx(printed, abs=2e-5)


def test_a_quadratic_violation_is_found_as_often_as_published() -> None:
    found = given_passed(HE_WANG, HE_WANG_VCOV, 0.024 * AWAY**2, BEFORE, USUAL)
    assert found.power == pytest.approx(0.6624492444726371, abs=2e-5)
    assert found.bayes_factor == pytest.approx(0.3841447004284795, rel=5e-5)
    away = 0.024 * AWAY[:3] ** 2
    inverse = np.linalg.inv(OWN)
    gap = HE_WANG[:3] - away
    ratio = np.exp(-0.5 * gap @ inverse @ gap + 0.5 * HE_WANG[:3] @ inverse @ HE_WANG[:3])
    assert np.exp(found.log_likelihood_ratio) == pytest.approx(ratio, rel=1e-10)


@pytest.mark.parametrize("power", [0.5, 0.8])
@pytest.mark.parametrize("df", [np.inf, 20.0])
def test_the_joint_test_finds_its_slope_as_often_as_it_says(power: float, df: float) -> None:
    slope = slope_found_jointly(AWAY[:3], OWN, power, 0.95, df)
    rng = np.random.default_rng(1)
    draws = rng.multivariate_normal(slope * AWAY[:3], OWN, size=200_000)
    wald = np.einsum("bi,ij,bj->b", draws, np.linalg.inv(OWN), draws)
    if np.isfinite(df):
        rejected = wald / 3 / (rng.chisquare(df, wald.size) / df) > f.ppf(0.95, 3, df)
    else:
        rejected = wald > chi2.ppf(0.95, 3)
    assert abs(rejected.mean() - power) < 4 * np.sqrt(power * (1 - power) / wald.size)


def test_the_joint_test_is_that_of_the_textbook() -> None:
    value = HE_WANG[:3]
    wald = float(value @ np.linalg.solve(OWN, value))
    plain, small = joint_test(value, OWN), joint_test(value, OWN, 12.0)
    assert (plain.statistic, plain.rank) == (pytest.approx(wald), 3)
    assert plain.p_value == pytest.approx(chi2.sf(wald, 3))
    assert small.statistic == pytest.approx(wald / 3)
    assert small.p_value == pytest.approx(f.sf(wald / 3, 3, 12))


def test_a_coefficient_that_repeats_another_adds_nothing() -> None:
    twice = np.array([[1.0, 1.0, 0.2], [1.0, 1.0, 0.2], [0.2, 0.2, 2.0]])
    found = joint_test(np.array([0.7, 0.7, 1.0]), twice)
    alone = joint_test(np.array([0.7, 1.0]), twice[1:, 1:])
    assert found.rank == 2
    assert found.statistic == pytest.approx(alone.statistic)


def test_one_coefficient_has_a_slope_in_closed_form() -> None:
    """P(|Z + d| > 1.96) = 0.8 at d = 2.8016 = 1.96 + 0.8416, the far tail being nil."""
    slope = slope_found(np.array([-2.0]), np.array([[0.09]]), 0.8, USUAL[:1])
    shift = 2.0 * slope / 0.3
    assert norm.sf(1.959964 - shift) + norm.cdf(-1.959964 - shift) == pytest.approx(0.8, abs=1e-6)
    assert slope == pytest.approx(2.8016 * 0.3 / 2.0, rel=1e-4)
    assert slope_found_jointly(np.array([-2.0]), np.array([[0.09]]), 0.8, 0.95) == pytest.approx(slope, rel=1e-6)


def test_what_is_asked_below_the_size_of_the_test_needs_no_slope() -> None:
    assert slope_found(AWAY[:3], OWN, 0.04, USUAL) == 0.0
    assert slope_found_jointly(AWAY[:3], OWN, 0.05, 0.95) == 0.0


def test_power_grows_with_the_slope() -> None:
    chances = [passing(slope * AWAY[:3], OWN, USUAL).probability for slope in (0.0, 0.02, 0.05, 0.1, 0.2)]
    assert (np.diff(chances) < 0.0).all()
