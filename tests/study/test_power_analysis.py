"""Planning: formulas against published sizes, closed forms and simulated experiments."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import estimand as es
from estimand.core.experiment_rates import measured_rates
from estimand.errors import DataError, DesignError, IdentificationError, UnsupportedError
from tests.reference_data import reference

Z = norm.isf(0.025) + norm.isf(0.2)


@pytest.fixture(scope="module")
def past() -> pd.DataFrame:
    """3,000 units in clusters of one to five, some without history."""
    rng = np.random.default_rng(11)
    cluster = np.repeat(np.arange(1_000), rng.integers(1, 6, 1_000))[:3_000]
    shared = rng.standard_normal(1_000)[cluster]
    before = rng.lognormal(1.0, 0.6, cluster.size)
    visits = 1.0 + rng.poisson(3.0, cluster.size)
    spend = 0.8 * before + shared + rng.standard_normal(cluster.size) + 3.0
    orders = 0.3 * visits + 0.5 * rng.standard_normal(cluster.size)
    bought = (rng.random(cluster.size) < 0.3).astype(float)
    known = np.where(rng.random(cluster.size) < 0.2, np.nan, before)
    return pd.DataFrame(
        {"cluster": cluster, "spend": spend, "before": before, "known": known, "visits": visits, "orders": orders,
         "bought": bought, "revenue": np.where(bought > 0.0, np.exp(shared), 0.0)}
    )  # fmt: skip


def test_two_sample_t_is_the_published_size() -> None:
    found = es.power(metric="y", baseline=0.0, sd=1.0, mde=0.5)
    assert found.units / 2.0 == pytest.approx(reference("power.t2_n")["value"], rel=1e-6)
    assert found.relative is None
    assert found.arms == {"control": 64, "treated": 64}


def test_the_least_effect_is_the_published_one() -> None:
    found = es.power(metric="y", baseline=1.0, sd=1.0, units=2_000)
    assert found.effect == pytest.approx(reference("power.power_t_delta")["value"], rel=1e-6)
    assert found.solved == "effect"
    again = es.power(metric="y", baseline=1.0, sd=1.0, units=2_000, mde=found.effect)
    assert (again.solved, again.power) == ("power", pytest.approx(0.8, abs=1e-9))


def test_proportions_by_their_own_variances() -> None:
    metric = {"column": "bought", "kind": "proportion"}
    found = es.power(metric=metric, baseline=0.10, mde=0.02, planned={"power": 0.9})
    wanted = (norm.isf(0.025) + norm.isf(0.1)) ** 2 * (0.1 * 0.9 + 0.12 * 0.88) / 0.02**2
    assert found.units / 2.0 == pytest.approx(wanted, rel=1e-3)
    down = es.power(metric=metric | {"direction": "decrease"}, baseline=0.10, mde=0.02, planned={"power": 0.9})
    assert down.units < found.units


def test_history_saves_what_it_explains(past: pd.DataFrame) -> None:
    plain = es.power(past, metric="spend", mde=0.1)
    sharp = es.power(past, metric={"column": "spend", "covariate": "before"}, mde=0.1)
    kept = 1.0 - np.corrcoef(past["spend"], past["before"])[0, 1] ** 2
    assert plain.details["variance"] == pytest.approx(past["spend"].var(), rel=1e-9)
    assert sharp.details["residual"] == pytest.approx(kept, rel=2e-3)
    assert sharp.units / plain.units == pytest.approx(kept, rel=3e-3)


def test_units_without_history_save_nothing(past: pd.DataFrame) -> None:
    found = es.power(past, metric={"column": "spend", "covariate": "known"}, mde=0.1)
    there = past["known"].notna()
    held = past[there]
    left = held["spend"].var() * (1.0 - np.corrcoef(held["spend"], held["known"])[0, 1] ** 2)
    mixed = there.mean() * left + (1.0 - there.mean()) * past[~there]["spend"].var()
    assert found.details["residual"] == pytest.approx(mixed / past["spend"].var(), rel=5e-3)
    assert any("have none" in line for line in found.assumptions)


def test_a_ratio_is_linearised(past: pd.DataFrame) -> None:
    found = es.power(past, metric={"name": "rate", "column": "orders", "denominator": "visits"}, mde=0.01)
    level = past["orders"].sum() / past["visits"].sum()
    linear = (past["orders"] - level * past["visits"]) / past["visits"].mean()
    assert found.level == pytest.approx(level, rel=1e-12)
    assert found.details["variance"] == pytest.approx(linear.var(), rel=1e-9)


def test_a_quantile_by_its_density() -> None:
    metric = {"name": "p90", "column": "y", "quantile": 0.9}
    by_numbers = es.power(metric=metric, baseline=5.0, sd=2.0, mde=0.1)
    density = norm.pdf(norm.ppf(0.9)) / 2.0
    assert by_numbers.details["variance"] == pytest.approx(0.09 / density**2, rel=1e-9)
    drawn = pd.DataFrame({"y": 2.0 * np.random.default_rng(0).standard_normal(200_000)})
    assert es.power(drawn, metric=metric, mde=0.1).units == pytest.approx(by_numbers.units, rel=0.05)


def test_clusters_by_their_design_effect(past: pd.DataFrame) -> None:
    plain = {"metric": "y", "baseline": 1.0, "sd": 1.0, "mde": 0.05}
    alone, grouped = es.power(**plain), es.power(**plain, icc=0.02, cluster_size=20.0, cluster_size_cv=0.5)
    assert grouped.details["design_effect"] == pytest.approx(1.0 + (1.25 * 20.0 - 1.0) * 0.02)
    assert grouped.units / alone.units == pytest.approx(grouped.details["design_effect"], rel=1e-2)
    read = es.power(past, metric="spend", mde=0.1, cluster="cluster")
    off = past["spend"] - past["spend"].mean()
    sums = off.groupby(past["cluster"]).sum()
    wanted = sums.var() * len(sums) / (past["spend"].var() * len(past))
    assert read.details["design_effect"] == pytest.approx(wanted, rel=1e-9)


def test_unequal_arms_and_corrected_comparisons() -> None:
    plain: dict[str, Any] = {"metric": "y", "baseline": 1.0, "sd": 1.0, "mde": 0.1}
    equal = es.power(**plain)
    tilted = es.power(**plain, planned={"allocation": {"A": 0.8, "B": 0.2}})
    assert tilted.units / equal.units == pytest.approx((1 / 0.8 + 1 / 0.2) / 4.0, rel=1e-2)
    assert tilted.arms["A"] == pytest.approx(4 * tilted.arms["B"], abs=4)
    several = es.power(**plain, planned={"allocation": {"A": 1, "B": 1, "C": 1}, "correction": "holm"}, primaries=2)
    assert several.alpha == pytest.approx(0.05 / 4)
    assert several.units / equal.units == pytest.approx(1.5 * ((norm.isf(0.00625) + norm.isf(0.2)) / Z) ** 2, rel=1e-2)


def test_looks_cost_units_and_save_them_on_average() -> None:
    plain: dict[str, Any] = {"metric": "y", "baseline": 1.0, "sd": 1.0, "mde": 0.1}
    once = es.power(**plain)
    kinds = {
        "obrien_fleming": {"sequential": "group_sequential", "looks": 5},
        "pocock": {"sequential": "group_sequential", "looks": 5, "spending": "pocock"},
        "sequence": {"sequential": "confidence_sequence", "looks": 5},
    }
    found = {name: es.power(**plain, planned=plan) for name, plan in kinds.items()}
    cost = {name: item.inflation for name, item in found.items()}
    assert 1.0 < cost["obrien_fleming"] < 1.05 < cost["pocock"] < 1.3 < cost["sequence"]
    assert all(item.units / once.units == pytest.approx(item.inflation, rel=1e-2) for item in found.values())
    assert found["obrien_fleming"].expected_units is not None
    assert found["obrien_fleming"].expected_units < once.units
    assert once.expected_units is None


def test_a_guardrail_is_planned_to_be_within_its_margin() -> None:
    guard = {"column": "latency", "role": "guardrail", "direction": "decrease", "margin": 0.1}
    one = es.power(metric=guard, baseline=1.0, sd=1.0)
    assert one.units == pytest.approx(4.0 * (Z / 0.1) ** 2, rel=1e-2)
    both = es.power(metric=guard | {"direction": "none"}, baseline=1.0, sd=1.0)
    assert both.units == pytest.approx(4.0 * ((norm.isf(0.05) + norm.isf(0.1)) / 0.1) ** 2, rel=1e-2)


def test_days_follow_from_arrivals() -> None:
    found = es.power(metric="y", baseline=1.0, sd=1.0, mde=0.1, daily=100.0)
    assert found.days == pytest.approx(found.units / 100.0)
    back = es.power(metric="y", baseline=1.0, sd=1.0, daily=100.0, planned={"days": found.days})
    assert back.effect == pytest.approx(0.1, rel=1e-6)
    powers = found.curve["power"]
    assert list(powers) == sorted(powers)
    assert found.to_dict()["curve"]["units"][0] < found.units < found.curve["units"][-1]


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mean": ({"column": "spend", "covariate": "before"}, {"mde": 0.3}),
    "without history": ({"column": "spend", "covariate": "known"}, {"mde": 0.3}),
    "clusters": ({"column": "spend"}, {"mde": 0.4, "cluster": "cluster"}),
    "proportion": ({"column": "bought", "kind": "proportion"}, {"mde": 0.08}),
    "count": ({"column": "visits", "kind": "count"}, {"mde": 0.3}),
    "revenue": ({"column": "revenue", "kind": "revenue", "winsor": 0.99}, {"mde": 0.4, "relative": True}),
    "ratio": ({"name": "rate", "column": "orders", "denominator": "visits"}, {"mde": 0.03}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_formula_as_simulated(past: pd.DataFrame, kind: str) -> None:
    metric, given = KINDS[kind]
    found = es.power(past, metric=metric, simulate=300, seed=5, **given)
    assert found.simulated is not None
    error = np.sqrt(found.power * (1.0 - found.power) / 300)
    assert abs(found.simulated.power - found.power) <= 4.0 * error


def test_unequal_arms_from_numbers_as_simulated() -> None:
    found = es.power(
        metric={"column": "bought", "kind": "proportion"}, baseline=0.2, units=900, mde=0.1, simulate=300,
        planned={"allocation": {"A": 2, "B": 1, "C": 1}, "correction": "holm"},
    )  # fmt: skip
    assert found.simulated is not None
    assert abs(found.simulated.power - found.power) <= 4.0 * np.sqrt(found.power * (1.0 - found.power) / 300)


def test_looks_as_simulated() -> None:
    found = es.power(
        metric="y", baseline=1.0, sd=1.0, units=300, mde=0.4, simulate=300,
        planned={"sequential": "confidence_sequence", "looks": 3},
    )  # fmt: skip
    assert found.simulated is not None
    assert found.simulated.method == "sequential"
    assert abs(found.simulated.power - found.power) <= 4.0 * np.sqrt(found.power * (1.0 - found.power) / 300)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"metric": "y", "baseline": 1.0, "sd": 1.0}, DesignError),
        ({"metric": "y", "mde": 0.1}, DesignError),
        ({"metric": "y", "baseline": 1.0, "mde": 0.1}, DesignError),
        ({"metric": {"column": "y", "kind": "proportion"}, "baseline": 0.9, "mde": 0.2}, DesignError),
        ({"metric": {"column": "y", "kind": "proportion"}, "baseline": 1.9, "mde": 0.2}, DesignError),
        ({"metric": "y", "baseline": 0.0, "sd": 1.0, "mde": 0.1, "relative": True}, DesignError),
        ({"metric": "y", "baseline": 1.0, "sd": 1.0, "units": 5}, DesignError),
        ({"metric": "y", "baseline": 1.0, "sd": 1.0, "mde": 0.1, "planned": {"power": 0.04}}, DesignError),
        ({"metric": "y", "baseline": 1.0, "sd": 1.0, "mde": 0.1, "design": "panel"}, DesignError),
        ({"metric": {"column": "y", "kind": "count"}, "baseline": 1.0, "mde": 0.1, "icc": 0.1, "cluster_size": 5.0,
          "simulate": 50}, UnsupportedError),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused(asked: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error) as told:
        es.power(**asked)
    assert told.value.remedy


def test_histories_that_say_nothing_are_refused() -> None:
    with pytest.raises(DataError):
        es.power(pd.DataFrame({"y": [1.0, 2.0]}), metric="y", mde=1.0)
    with pytest.raises(DataError):
        es.power(pd.DataFrame({"y": np.ones(100)}), metric="y", mde=1.0)
    heap = pd.DataFrame({"y": np.r_[np.zeros(80), np.ones(20)]})
    with pytest.raises(IdentificationError):
        es.power(heap, metric={"name": "median", "column": "y", "quantile": 0.5}, mde=1.0)


def test_the_published_power_is_within_a_point_of_simulation() -> None:
    """A point, beside the error of the count itself."""
    published = [rate for rate in measured_rates() if rate.part == "power"]
    assert len(published) >= 15
    for rate in published:
        assert rate.measured is not None
        assert rate.error is not None
        assert rate.tables >= 1_000
        assert abs(rate.measured - rate.expected) <= 0.01 + 2.0 * rate.error, rate.situation
        assert rate.expected == pytest.approx(0.8, abs=0.01)
