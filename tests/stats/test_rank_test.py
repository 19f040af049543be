"""Ranks: published answers, scipy's, counting pairs, and how often the interval holds the index."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from estimand.stats.rank_test import index_interval, ranked
from tests.reference_data import matches, reference, table

FEW = st.lists(st.integers(0, 6).map(float), min_size=2, max_size=12)


def test_lalonde_as_r_has_it() -> None:
    frame = table("lalonde_nsw_dw")
    found = ranked(*(frame.loc[frame["treat"] == arm, "re78"].to_numpy(float) for arm in (1, 0)))
    matches("lalonde.nsw_dw.mannwhitney", value=found.wins)
    assert found.p_value == pytest.approx(reference("lalonde.nsw_dw.mannwhitney")["p"], rel=1e-8)


def test_cookie_cats_as_scipy_has_it() -> None:
    frame, extra = table("cookie_cats"), reference("cookie_cats.gamerounds_welch")["extra"]
    arms = [frame.loc[frame["version"] == arm, "sum_gamerounds"].to_numpy(float) for arm in ("gate_30", "gate_40")]
    found = ranked(*arms)
    pairs = float(arms[0].shape[0] * arms[1].shape[0])
    assert min(abs(found.wins - extra["mannwhitney_U"]), abs(pairs - found.wins - extra["mannwhitney_U"])) < 0.25
    assert found.p_value == pytest.approx(extra["mannwhitney_p"], rel=1e-8)


@settings(max_examples=80)
@given(FEW, FEW, st.booleans())
def test_it_counts_pairs_and_agrees_with_scipy(first: list[float], second: list[float], correct: bool) -> None:
    a, b = np.array(first), np.array(second)
    found = ranked(a, b, correct=correct)
    wins = float((b[:, None] > a).sum() + 0.5 * (b[:, None] == a).sum())
    assert found.wins == pytest.approx(wins, abs=1e-9)
    if np.ptp(np.concatenate([a, b])) == 0.0:
        assert np.isnan(found.z)
        assert found.p_value == 1.0
        return
    witness = stats.mannwhitneyu(b, a, use_continuity=correct, method="asymptotic")
    assert found.p_value == pytest.approx(witness.pvalue, rel=1e-9)


def test_variance_is_that_of_brunner_and_munzel() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.poisson(2.0, 40).astype(float), rng.poisson(3.0, 25).astype(float)
    found = ranked(a, b)
    witness = stats.brunnermunzel(b, a)
    statistic = (found.index - 0.5) / np.sqrt(found.variance)
    assert abs(statistic) == pytest.approx(abs(witness.statistic), rel=1e-10)
    assert 2.0 * stats.t.sf(abs(statistic), found.df) == pytest.approx(witness.pvalue, rel=1e-9)


def test_variance_by_leaving_units_out() -> None:
    """The jackknife of a two-sample U statistic is the variance by placements."""
    rng = np.random.default_rng(8)
    a, b = rng.normal(0.0, 2.0, 30), rng.normal(0.5, 1.0, 20)
    without_a = np.array([ranked(np.delete(a, i), b).index for i in range(30)])
    without_b = np.array([ranked(a, np.delete(b, i)).index for i in range(20)])
    jackknife = 29.0**2 / 30.0 * without_a.var(ddof=1) + 19.0**2 / 20.0 * without_b.var(ddof=1)
    assert ranked(a, b).variance == pytest.approx(jackknife, rel=1e-8)


def test_interval_holds_the_index_of_unequal_spreads() -> None:
    rng, held, runs = np.random.default_rng(5), 0, 1_500
    truth = stats.norm.cdf(0.5 / np.sqrt(1.0 + 9.0))
    for _ in range(runs):
        a, b = rng.normal(0.0, 3.0, 40), rng.normal(0.5, 1.0, 60)
        low, high = index_interval(ranked(a, b), (40, 60), 0.9)
        held += bool(low <= truth <= high)
    assert held / runs == pytest.approx(0.9, abs=0.01 + 4.0 * np.sqrt(0.09 / runs))


def test_arms_that_do_not_overlap_have_an_exact_bound() -> None:
    above = ranked(np.arange(5.0), np.arange(10.0, 18.0))
    assert above.index == 1.0
    assert index_interval(above, (5, 8), 0.95) == pytest.approx((0.025**0.2, 1.0))
    below = ranked(np.arange(10.0, 18.0), np.arange(5.0))
    assert index_interval(below, (8, 5), 0.95) == pytest.approx((0.0, 1.0 - 0.025**0.2))
