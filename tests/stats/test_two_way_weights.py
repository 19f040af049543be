"""What two-way fixed effects average: published decomposition, the regression itself, and least spreads by search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from estimand.stats.absorb import absorber
from estimand.stats.bacon import bacon_decomposition
from estimand.stats.negative_weights import CellWeights, cell_weights
from tests.reference_data import matches, reference, table


def _two_way(outcome: np.ndarray, cohort: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The coefficient by least squares with a column for each unit and period."""
    units, periods = outcome.shape
    treated = (np.arange(periods)[None, :] >= cohort[:, None]).astype(float)
    unit, period = np.divmod(np.arange(units * periods), periods)
    columns = np.column_stack(
        [treated.ravel(), *(unit == u for u in range(units)), *(period == t for t in range(1, periods))]
    ).astype(float)
    root = np.sqrt(np.ones(units) if weights is None else weights)[unit]
    return float(np.linalg.lstsq(columns * root[:, None], outcome.ravel() * root, rcond=None)[0][0])


def test_castle_doctrine_is_the_published_decomposition() -> None:
    frame = table("castle_bacon")
    outcome = frame.pivot_table(index="state", columns="year", values="l_homicide").to_numpy()
    treated = frame.pivot_table(index="state", columns="year", values="post").to_numpy() > 0
    cohort = np.where(treated.any(axis=1), treated.argmax(axis=1), treated.shape[1])
    pairs = bacon_decomposition(outcome, cohort)
    extra = reference("castle.bacon")["extra"]
    assert len(pairs) == extra["n_2x2"]
    matches("castle.bacon", value=sum(pair.weight * pair.estimate for pair in pairs))
    kinds = ("not yet treated", "already treated", "never treated")
    for kind, weight, average in zip(kinds, extra["weight"], extra["avg_estimate"], strict=True):
        own = [pair for pair in pairs if pair.kind == kind]
        total = sum(pair.weight for pair in own)
        assert total == pytest.approx(weight, rel=1e-9)
        assert sum(pair.weight * pair.estimate for pair in own) / total == pytest.approx(average, rel=1e-9)


@given(seed=st.integers(0, 10_000), weighted=st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_comparisons_sum_to_the_regression(seed: int, *, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    periods = int(rng.integers(3, 7))
    cohort = np.concatenate([[1, periods], rng.integers(0, periods + 1, size=10)])
    outcome = rng.normal(size=(12, periods)) + np.arange(periods) * rng.normal(size=(12, 1))
    weights = rng.uniform(0.5, 2.0, size=12) if weighted else None
    pairs = bacon_decomposition(outcome, cohort, weights)
    assert sum(pair.weight for pair in pairs) == pytest.approx(1.0, abs=1e-12)
    assert min(pair.weight for pair in pairs) > 0.0
    total = sum(pair.weight * pair.estimate for pair in pairs)
    assert total == pytest.approx(_two_way(outcome, cohort, weights), abs=1e-9)


def test_kinds_say_what_a_cohort_is_compared_with() -> None:
    outcome = np.random.default_rng(0).normal(size=(8, 4))
    pairs = bacon_decomposition(outcome, np.array([0, 0, 1, 1, 2, 2, 4, 4]))
    found = {(pair.treated, pair.control): (pair.kind, pair.forbidden) for pair in pairs}
    assert found == {
        (1, 0): ("always treated", True),
        (2, 0): ("always treated", True),
        (1, 2): ("not yet treated", False),
        (2, 1): ("already treated", True),
        (1, 4): ("never treated", False),
        (2, 4): ("never treated", False),
    }


def _staggered(units: int = 30, periods: int = 6, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cohort = np.repeat([1, 3, periods], units // 3)
    return rng.normal(size=(units, periods)), cohort


def _weighed(cohort: np.ndarray, periods: int) -> CellWeights:
    unit, period = np.divmod(np.arange(cohort.size * periods), periods)
    treated = period >= cohort[unit]
    residual = absorber([unit, period]).residualise(treated.astype(float))
    return cell_weights(residual, treated, cohort[unit] * periods + period)


def test_the_coefficient_is_the_weighted_sum_of_the_cells_effects() -> None:
    _, cohort = _staggered()
    cells = _weighed(cohort, 6)
    effects = np.random.default_rng(7).normal(size=cells.cell.size)
    outcome = np.zeros((cohort.size, 6))
    for code, effect in zip(cells.cell, effects, strict=True):
        outcome[cohort == code // 6, code % 6] = effect
    assert cells.weight.sum() == pytest.approx(1.0)
    assert cells.share.sum() == pytest.approx(1.0)
    assert cells.weight @ effects == pytest.approx(_two_way(outcome, cohort), abs=1e-10)


def test_early_cohorts_weigh_below_zero_late_where_few_are_never_treated() -> None:
    cohort = np.array([1] * 10 + [4] * 10 + [6] * 1)
    cells = _weighed(cohort, 6)
    negative = cells.cell[cells.weight < 0]
    assert cells.negative_count == negative.size > 0
    assert set(negative // 6) == {1}
    assert negative.min() % 6 >= 4
    assert cells.negative_sum == pytest.approx(cells.weight[cells.weight < 0].sum())


def _least_spread(cells: CellWeights, value: float, *, sign: bool) -> float:
    """Least standard deviation of the effects by general optimisation."""
    share, weight = cells.share, cells.weight
    constraints = [{"type": "eq", "fun": lambda d: weight @ d - value}]
    bounds = [(None, 0.0)] * share.size if sign else None
    if not sign:
        constraints.append({"type": "eq", "fun": lambda d: share @ d})
    found = minimize(
        lambda d: share @ np.square(d - share @ d),
        -np.ones(share.size) * 0.1,
        bounds=bounds,
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 2_000},
    )
    assert found.success
    return float(np.sqrt(found.fun))


def test_least_spreads_are_those_of_the_corollary() -> None:
    cells = _weighed(np.array([1] * 10 + [4] * 10 + [6] * 2), 6)
    assert cells.spread_hiding_zero(0.7) == pytest.approx(_least_spread(cells, 0.7, sign=False), rel=1e-5)
    assert cells.spread_turning_sign(0.7) == pytest.approx(_least_spread(cells, 0.7, sign=True), rel=1e-4)
    assert cells.spread_turning_sign(-0.7) == cells.spread_turning_sign(0.7)


def test_one_cohort_weighs_every_cell_alike_and_nothing_can_hide() -> None:
    cells = _weighed(np.repeat([3, 6], 10), 6)
    assert cells.weight == pytest.approx(cells.share)
    assert cells.negative_count == 0
    assert cells.spread_hiding_zero(1.0) == np.inf
    assert cells.spread_turning_sign(1.0) == np.inf
