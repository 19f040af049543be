"""Two proportions: published answers, second ways of counting, and how often the sets hold what they should."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats.contingency import odds_ratio
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_witness
from statsmodels.stats.proportion import confint_proportions_2indep

from estimand.stats.two_by_two import (
    Hypergeometric,
    mantel_haenszel,
    mcnemar,
    newcombe_interval,
    pooled_z,
    two_sided_normal,
)
from tests.reference_data import matches, reference, table

# R's fisher.test finds its roots between 0 and 1 to this.
R_ROOT = 1.3e-4


@pytest.mark.parametrize("column", ["retention_1", "retention_7"])
def test_cookie_cats(column: str) -> None:
    frame = table("cookie_cats")
    groups = [frame.loc[frame["version"] == version, column] for version in ("gate_30", "gate_40")]
    events = np.array([float(group.sum()) for group in groups])
    z = pooled_z(events, np.array([float(len(group)) for group in groups]))
    entry = reference(f"cookie_cats.{column}")
    assert z == pytest.approx(entry["extra"]["z"], rel=1e-8)
    assert z**2 == pytest.approx(entry["extra"]["chi2"], rel=1e-8)
    assert two_sided_normal(z) == pytest.approx(entry["p"], rel=1e-8)


def test_the_lady_tasting_tea() -> None:
    entry, exact = reference("fisher.tea"), Hypergeometric(np.array([[1.0, 3.0], [3.0, 1.0]]))
    assert exact.at_least() == pytest.approx(entry["p"], rel=1e-10)
    assert exact.odds(0.95).ratio == pytest.approx(entry["extra"]["odds_ratio"], abs=R_ROOT)
    assert exact.odds(0.95).ratio == pytest.approx(odds_ratio([[3, 1], [1, 3]]).statistic, rel=1e-8)


def test_convictions() -> None:
    entry, exact = reference("fisher.convictions"), Hypergeometric(np.array([[10.0, 3.0], [2.0, 15.0]]))
    odds = exact.odds(0.95)
    assert exact.p_value() == pytest.approx(entry["value"], rel=1e-10)
    assert odds.ratio == pytest.approx(entry["extra"]["odds_ratio"], rel=1e-6)
    assert [odds.low, odds.high] == pytest.approx(entry["ci"], abs=R_ROOT)
    witness = odds_ratio([[2, 15], [10, 3]]).confidence_interval(0.95)
    assert [odds.low, odds.high] == pytest.approx([witness.low, witness.high], rel=1e-8)


def test_admissions_at_berkeley() -> None:
    entry = reference("cmh.ucb")
    # Per department: men admitted, men rejected, women admitted, women rejected; R compares the first with the second.
    tables = np.array(entry["extra"]["counts"], dtype=float).reshape(-1, 2, 2)[:, ::-1]
    found = mantel_haenszel(tables, 0.95)
    matches("cmh.ucb", value=found.odds.ratio)
    assert [found.odds.low, found.odds.high] == pytest.approx(entry["ci"], rel=1e-6)
    assert found.p_value == pytest.approx(entry["p"], rel=1e-6)
    assert found.chi_square == pytest.approx(entry["extra"]["chi2"], rel=1e-6)


def test_approval_ratings() -> None:
    entry = reference("mcnemar.approval")
    statistic, p = mcnemar(86.0, 150.0)
    assert (statistic, p) == pytest.approx((entry["value"], entry["p"]), rel=1e-8)


cells = st.integers(0, 25)


@settings(max_examples=60)
@given(cells, cells, cells, cells)
def test_fisher_counts_as_fractions_do(a: int, b: int, c: int, d: int) -> None:
    n, m, events = a + b, c + d, a + c
    ways = {x: Fraction(comb(m, x) * comb(n, events - x)) for x in range(max(0, events - n), min(events, m) + 1)}
    whole = sum(ways.values())
    exact = Hypergeometric(np.array([[a, b], [c, d]], dtype=float))
    expected = sum(way for way in ways.values() if way <= ways[c]) / whole
    assert exact.p_value() == pytest.approx(float(expected), rel=1e-9)


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_exact_set_ends_where_its_tests_reject(a: int, b: int, c: int, d: int) -> None:
    odds = Hypergeometric(np.array([[a, b], [c, d]], dtype=float)).odds(0.9)
    law = stats.nchypergeom_fisher
    assert law.sf(c - 1, a + b + c + d, c + d, a + c, odds.low) == pytest.approx(0.05, rel=1e-6)
    assert law.cdf(c, a + b + c + d, c + d, a + c, odds.high) == pytest.approx(0.05, rel=1e-6)
    assert law.mean(a + b + c + d, c + d, a + c, odds.ratio) == pytest.approx(c, rel=1e-6)


def test_empty_cells_leave_the_odds_open() -> None:
    none = Hypergeometric(np.array([[4.0, 6.0], [0.0, 10.0]])).odds(0.95)
    every = Hypergeometric(np.array([[0.0, 10.0], [4.0, 6.0]])).odds(0.95)
    nothing = Hypergeometric(np.array([[0.0, 10.0], [0.0, 6.0]]))
    assert (none.ratio, none.low) == (0.0, 0.0)
    assert 0.0 < none.high < np.inf
    assert (every.ratio, every.high) == (np.inf, np.inf)
    assert nothing.p_value() == 1.0
    assert np.isnan(nothing.odds(0.95).ratio)
    assert two_sided_normal(pooled_z(np.zeros(2), np.array([10.0, 6.0]))) == 1.0


@pytest.mark.parametrize(("x", "n"), [((48, 56), (80, 70)), ((0, 3), (20, 20)), ((90, 10), (100, 1000))])
def test_newcombe_as_statsmodels_has_it(x: tuple[int, int], n: tuple[int, int]) -> None:
    found = newcombe_interval(np.array(x, dtype=float), np.array(n, dtype=float), 0.95)
    witness = confint_proportions_2indep(x[1], n[1], x[0], n[0], method="newcomb", compare="diff", alpha=0.05)
    assert found == pytest.approx(witness, rel=1e-8)


def test_newcombe_published() -> None:
    """Newcombe (1998), table II, example a: 56/70 against 48/80."""
    found = newcombe_interval(np.array([48.0, 56.0]), np.array([80.0, 70.0]), 0.95)
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize("share", [(0.02, 0.02), (0.3, 0.45)])
def test_newcombe_holds_the_difference_as_often_as_it_says(share: tuple[float, float]) -> None:
    """Over every outcome there can be, by its probability."""
    n, found = np.array([80.0, 60.0]), 0.0
    for x in range(81):
        for y in range(61):
            low, high = newcombe_interval(np.array([x, y], dtype=float), n, 0.95)
            if low <= share[1] - share[0] <= high:
                found += float(stats.binom.pmf(x, 80, share[0]) * stats.binom.pmf(y, 60, share[1]))
    assert 0.94 <= found <= 0.995


def test_strata_as_statsmodels_has_them() -> None:
    rng = np.random.default_rng(2)
    tables = rng.integers(1, 40, (6, 2, 2)).astype(float)
    witness = StratifiedTable(list(tables[:, ::-1]))
    found = mantel_haenszel(tables, 0.95, correct=False)
    assert found.chi_square == pytest.approx(witness.test_null_odds(correction=False).statistic, rel=1e-10)
    assert found.odds.ratio == pytest.approx(witness.oddsratio_pooled, rel=1e-10)
    assert (found.odds.low, found.odds.high) == pytest.approx(witness.oddsratio_pooled_confint(), rel=1e-8)


@pytest.mark.parametrize("exact", [True, False])
def test_pairs_as_statsmodels_has_them(exact: bool) -> None:
    witness = mcnemar_witness([[10, 7], [15, 3]], exact=exact, correction=True)
    assert mcnemar(7.0, 15.0, exact=exact) == pytest.approx((witness.statistic, witness.pvalue), rel=1e-10)
    assert mcnemar(0.0, 0.0)[1] == 1.0
