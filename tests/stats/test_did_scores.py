"""Scores of one cohort against others: a second implementation, and influence as a derivative in the weights."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from estimand.stats.did_cross_sections import Section, level_scores
from estimand.stats.did_scores import Group, Scores, change_scores, propensity

ESTIMATORS = ("dr", "ipw", "or")


def drawn(seed: int, n: int = 160) -> dict[str, Any]:
    """Covariates, who is treated, in which period a row is, outcomes before and after, weights."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.normal(size=n) > 0.3])
    d = rng.random(n) < 1.0 / (1.0 + np.exp(0.6 - 0.5 * x[:, 1] + 0.4 * x[:, 2]))
    t = np.arange(n) % 2
    before = x @ [1.0, 0.5, -0.3] + rng.normal(size=n)
    after = before + 0.4 + 0.6 * x[:, 1] + d * (1.0 + 0.3 * x[:, 2]) + rng.normal(size=n)
    return {"x": x, "d": d, "t": t, "before": before, "after": after, "w": rng.uniform(0.4, 2.0, n)}


def by_change(data: dict[str, Any], estimator: str, w: np.ndarray) -> Scores:
    d, change = data["d"], data["after"] - data["before"]
    sides = [Group(np.ascontiguousarray(data["x"][side].T), w[side]) for side in (d, ~d)]
    made = change_scores(change[None, d], change[None, ~d], sides[0], sides[1], estimator)
    assert isinstance(made, Scores)
    return made


def by_level(data: dict[str, Any], estimator: str, w: np.ndarray) -> Scores:
    d, late = data["d"], data["t"] == 1
    y = np.where(late, data["after"], data["before"])
    places = (d & late, d & ~late, ~d & late, ~d & ~late)
    sections = [Section(y[p], Group(np.ascontiguousarray(data["x"][p].T), w[p])) for p in places]
    made = level_scores((sections[0], sections[1], sections[2], sections[3]), estimator)
    assert isinstance(made, Scores)
    return made


def spread_out(data: dict[str, Any], made: Scores, levels: bool) -> np.ndarray:
    """Contributions in the order of the data."""
    d, late = data["d"], data["t"] == 1
    out = np.empty(d.shape[0])
    if levels:
        n1 = int((d & late).sum())
        n0 = int((~d & late).sum())
        out[d & late], out[d & ~late] = made.treated[0, :n1], made.treated[0, n1:]
        out[~d & late], out[~d & ~late] = made.compared[0, :n0], made.compared[0, n0:]
    else:
        out[d], out[~d] = made.treated[0], made.compared[0]
    return out


@pytest.mark.parametrize("levels", [False, True])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_contributions_are_the_derivative_in_the_weights(estimator: str, levels: bool) -> None:
    data = drawn(1)
    made = (by_level if levels else by_change)(data, estimator, data["w"])
    found = spread_out(data, made, levels)
    assert abs(found.sum()) < 1e-8
    step = 1e-5
    for i in range(0, 160, 7):
        moved = []
        for sign in (1.0, -1.0):
            w = data["w"].copy()
            w[i] *= 1.0 + sign * step
            moved.append((by_level if levels else by_change)(data, estimator, w).value[0])
        assert (moved[0] - moved[1]) / (2.0 * step) == pytest.approx(found[i], abs=2e-8)


def line(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.asarray(sm.WLS(y, x, weights=w).fit().params)


def chance(data: dict[str, Any]) -> np.ndarray:
    """A logit fitted by iterated least squares, weighted as frequencies would be."""
    model = sm.GLM(data["d"].astype(float), data["x"], family=sm.families.Binomial(), freq_weights=data["w"])
    return np.asarray(model.fit(tol=1e-14, maxiter=200).fittedvalues)


def test_changes_agree_with_the_formulas_written_out() -> None:
    data = drawn(2)
    x, d, w, p = data["x"], data["d"], data["w"], chance(data)
    change = data["after"] - data["before"]
    against = w * ~d * p / (1.0 - p)
    fitted = x @ line(x[~d], change[~d], w[~d])
    expected = {
        "ipw": np.average(change, weights=w * d) - np.average(change, weights=against),
        "or": np.average(change - fitted, weights=w * d),
        "dr": np.average(change - fitted, weights=w * d) - np.average(change - fitted, weights=against),
    }
    for estimator, value in expected.items():
        assert by_change(data, estimator, w).value[0] == pytest.approx(value, abs=1e-9)


def test_levels_agree_with_the_formula_in_all_its_terms() -> None:
    data = drawn(3)
    x, d, t, w, p = data["x"], data["d"].astype(float), data["t"], data["w"], chance(data)
    y = np.where(t == 1, data["after"], data["before"])
    fit = {(a, s): x @ line(*(v[(d == a) & (t == s)] for v in (x, y, w))) for a in (0, 1) for s in (0, 1)}
    untreated = np.where(t == 1, fit[0, 1], fit[0, 0])
    odds = w * (1 - d) * p / (1 - p)

    def mean(values: np.ndarray, weights: np.ndarray) -> float:
        return float(np.average(values, weights=weights))

    left = y - untreated
    raw = mean(left, w * d * t) - mean(left, w * d * (1 - t)) - mean(left, odds * t) + mean(left, odds * (1 - t))
    late, early = fit[1, 1] - fit[0, 1], fit[1, 0] - fit[0, 0]
    local = mean(late, w * d) - mean(late, w * d * t) - mean(early, w * d) + mean(early, w * d * (1 - t))
    assert by_level(data, "dr", w).value[0] == pytest.approx(raw + local, abs=1e-9)
    regressed = mean(y, w * d * t) - mean(y, w * d * (1 - t)) - mean(fit[0, 1] - fit[0, 0], w * d)
    assert by_level(data, "or", w).value[0] == pytest.approx(regressed, abs=1e-9)
    weighted = mean(y, w * d * t) - mean(y, w * d * (1 - t)) - mean(y, odds * t) + mean(y, odds * (1 - t))
    assert by_level(data, "ipw", w).value[0] == pytest.approx(weighted, abs=1e-9)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_without_covariates_all_estimators_are_the_difference_of_four_means(seed: int) -> None:
    data = drawn(seed, 60)
    data["x"] = data["x"][:, :1]
    d, t, w = data["d"], data["t"], data["w"]
    y = np.where(t == 1, data["after"], data["before"])
    change = data["after"] - data["before"]
    cells = {(a, s): np.average(y[(d == a) & (t == s)], weights=w[(d == a) & (t == s)]) for a in (0, 1) for s in (0, 1)}
    levels = cells[1, 1] - cells[1, 0] - cells[0, 1] + cells[0, 0]
    changes = np.average(change[d], weights=w[d]) - np.average(change[~d], weights=w[~d])
    variance = []
    for estimator in ESTIMATORS:
        assert by_level(data, estimator, w).value[0] == pytest.approx(levels, abs=1e-10)
        made = by_change(data, estimator, w)
        assert made.value[0] == pytest.approx(changes, abs=1e-10)
        variance.append(np.square(made.treated).sum() + np.square(made.compared).sum())
    assert variance == pytest.approx([variance[0]] * 3, rel=1e-10)


def test_obstacles_are_named() -> None:
    rng = np.random.default_rng(0)
    ones = np.ones(6)
    x = np.stack([ones, rng.normal(size=6), rng.normal(size=6)])
    change = rng.normal(size=(1, 6))

    def found(treated: Group, compared: Group, estimator: str) -> object:
        return change_scores(change[:, : treated.size], change[:, : compared.size], treated, compared, estimator)

    few = Group(x[:, :2], ones[:2])
    assert found(few, Group(x, ones), "dr") == "too few treated"
    assert isinstance(found(few, Group(x, ones), "or"), Scores)
    assert found(Group(x, ones), few, "or") == "too few compared"
    marked = np.stack([ones, [1.0, 0, 1, 0, 1, 0]])
    constant = np.stack([ones, np.zeros(6)])
    assert found(Group(marked, ones), Group(constant, ones), "dr") == "covariates apart"
    assert found(Group(marked, ones), Group(constant, ones), "ipw") == "propensity separated"
    apart, shift = np.stack([ones, np.arange(6.0)]), np.array([[0.0], [9.0]])
    assert found(Group(apart + shift, ones), Group(apart, ones), "ipw") == "propensity separated"
    assert isinstance(found(Group(apart + shift, ones), Group(apart, ones), "or"), Scores)


def test_a_column_that_others_span_changes_nothing() -> None:
    data = drawn(5)
    plain = by_change(data, "dr", data["w"]).value[0]
    data["x"] = np.column_stack([data["x"], data["x"][:, 1] + data["x"][:, 2]])
    assert by_change(data, "dr", data["w"]).value[0] == pytest.approx(plain, abs=1e-9)


def test_the_logit_holds_where_plain_steps_would_overshoot() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_t(1.5, size=400)
    d = rng.random(400) < 1.0 / (1.0 + np.exp(2.0 - 6.0 * x))
    columns = np.stack([np.ones(400), x])
    odds = propensity(Group(columns[:, d], np.ones(d.sum())), Group(columns[:, ~d], np.ones((~d).sum())))
    assert not isinstance(odds, str)
    expected = np.asarray(sm.Logit(d.astype(float), columns.T).fit(disp=0, maxiter=300, method="newton").predict())
    assert odds.treated == pytest.approx(expected[d], abs=1e-7)
    assert odds.compared == pytest.approx(expected[~d], abs=1e-7)
