"""Difference-in-differences: what it compares, what it refuses, and that dummies give the same."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

import estimand as es

DESIGN: dict[str, Any] = {"kind": "panel", "unit": "id", "time": "t", "outcome": "y", "treatment": "d"}


def panel(seed: int = 0, units: int = 60, periods: int = 6, start: int = 3, missing: float = 0.0) -> pd.DataFrame:
    """Half of the units treated from ``start`` on; ``x`` varies, ``z`` does not, ``c`` counts, ``w`` weighs."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.repeat(np.arange(units), periods), "t": np.tile(np.arange(periods), units)})
    level, z = rng.normal(size=units), rng.normal(size=units)
    frame["d"] = ((frame.id % 2 == 0) & (frame.t >= start)).astype(int)
    frame["z"], frame["x"] = z[frame.id], rng.normal(size=len(frame)) + level[frame.id]
    rate = np.exp(0.3 * level[frame.id] + 0.1 * frame.t + 0.4 * frame.d + 0.2 * frame.x)
    frame["c"] = rng.poisson(rate)
    frame["y"] = (
        5.0 + level[frame.id] + 0.3 * frame.t * (1 + frame.z) + 0.5 * frame.x + frame.d + rng.normal(size=len(frame))
    )
    frame["w"] = rng.uniform(0.5, 3.0, len(frame))
    return frame[rng.random(len(frame)) >= missing].reset_index(drop=True)


def did(frame: pd.DataFrame, extra: dict[str, Any] | None = None, **options: Any) -> es.Estimate:
    return es.estimate(frame, DESIGN | (extra or {}), "did", **options)


def checks(estimate: es.Estimate) -> dict[str, str]:
    return {finding.check: str(finding.grade) for finding in estimate.findings}


def coefficient(frame: pd.DataFrame, columns: list[np.ndarray], *levels: str) -> float:
    """Coefficient of the first column beside others and a dummy for every level, by the singular values."""
    made = [frame[name].to_numpy()[:, None] == np.asarray(frame[name].unique()) for name in levels]
    design = np.column_stack([np.asarray(part) for part in (*columns, *made)]).astype(float)
    return float(np.linalg.lstsq(design, frame.y.to_numpy())[0][0])


@pytest.mark.parametrize("weights", [None, "sampling", "precision"])
def test_an_unbalanced_panel_is_least_squares_with_dummies(weights: str | None) -> None:
    frame = panel(units=20, missing=0.15)
    held = {} if weights is None else {"weights": {"column": "w", "kind": weights}}
    found = did(frame, {"covariates": ["x"]} | held, covariance="CR1", counted="all")
    plain = smf.wls("y ~ d + x + C(id) + C(t)", frame, weights=np.ones(len(frame)) if weights is None else frame.w)
    other = plain.fit(cov_type="cluster", cov_kwds={"groups": frame.id})
    assert found.value[0] == pytest.approx(other.params["d"], rel=1e-9)
    assert found.std_error[0] == pytest.approx(other.bse["d"], rel=1e-7)
    assert found.details["coefficients"]["x"] == pytest.approx(other.params["x"], rel=1e-9)


def test_covariates_that_do_not_vary_get_a_slope_for_each_period_and_are_told() -> None:
    frame = panel(missing=0.1)
    found = did(frame, {"covariates": ["z"]})
    slopes = frame.z.to_numpy()[:, None] * (frame.t.to_numpy()[:, None] == np.arange(6))
    assert found.value[0] == pytest.approx(coefficient(frame, [frame.d, slopes], "id", "t"), rel=1e-8)
    assert checks(found)["did.constant_covariates"] == "note"
    assert set(found.details["coefficients"]) == {f"z × {t}" for t in range(1, 6)}
    square = did(frame, {"covariates": ["z"]}, effects="two_by_two")
    frame["g"], frame["after"] = frame.id % 2, (frame.t >= 3).astype(int)
    pooled = smf.ols("y ~ C(g) + after + d + z * after", frame).fit()
    assert square.value[0] == pytest.approx(pooled.params["d"], rel=1e-8)


def test_the_four_means_are_the_two_by_two_and_a_balanced_panel_agrees_with_two_ways() -> None:
    frame = panel()
    square, ways = did(frame, effects="two_by_two"), did(frame)
    means = square.details["means"]
    named = dict(zip(zip(means["group"], means["side"], strict=True), means["mean"], strict=True))
    treated = named["treated from 3", "after"] - named["treated from 3", "before"]
    assert square.value[0] == pytest.approx(
        treated - (named["untreated", "after"] - named["untreated", "before"]), rel=1e-10
    )
    assert square.value[0] == pytest.approx(ways.value[0], rel=1e-10)
    assert means["rows"] == (90, 90, 90, 90)
    level = named["treated from 3", "after"] - square.value[0]
    assert square.baseline.value[0] == pytest.approx(level, rel=1e-10)


def test_relative_effects_agree_with_the_bootstrap_of_their_parts() -> None:
    frame, rng, ratios = panel(units=400), np.random.default_rng(1), []
    sides = frame.assign(side=(frame.t >= 3).astype(int)).groupby(["id", "side"]).y.mean().unstack().to_numpy()
    for _ in range(400):
        treated = sides[rng.integers(0, 200, 200) * 2]
        control = sides[rng.integers(0, 200, 200) * 2 + 1]
        effect = (treated[:, 1] - treated[:, 0]).mean() - (control[:, 1] - control[:, 0]).mean()
        ratios.append(effect / (treated[:, 1].mean() - effect))
    # Of 400 draws a standard deviation is known to 1/sqrt(800); four of these.
    assert did(frame).relative().std_error[0] == pytest.approx(np.std(ratios), rel=0.14)


def test_further_absorbed_effects() -> None:
    frame = panel(missing=0.1)
    frame["region_year"] = (frame.id % 3).astype(str) + "-" + frame.t.astype(str)
    found = did(frame, {"absorb": ["region_year"]})
    assert found.value[0] == pytest.approx(coefficient(frame, [frame.d], "id", "region_year"), rel=1e-8)
    assert found.details["absorbed"] == {"unit": 60, "period": 6, "region_year": 18}


def test_poisson_is_the_likelihood_with_dummies_and_a_ratio() -> None:
    frame = panel(units=24, missing=0.1)
    frame = frame[frame.groupby("id").c.transform("sum") > 0]
    found = did(frame, {"outcome": "c", "covariates": ["x"]}, outcome_model="poisson", covariance="CR0")
    other = smf.glm("c ~ d + x + C(id) + C(t)", frame, family=sm.families.Poisson())
    fitted = other.fit(cov_type="cluster", cov_kwds={"groups": frame.id, "use_correction": False}, tol=1e-12)
    assert np.log(found.value[0]) == pytest.approx(fitted.params["d"], rel=1e-7)
    assert np.sqrt(found.uncertainty.vcov[0, 0]) == pytest.approx(fitted.bse["d"], rel=1e-6)
    assert found.scale == "log"
    assert found.terms[0].unit == "ratio of means"
    assert found.interval()[0, 0] > 0.0


def test_units_without_any_event_are_left_out_of_poisson_and_told() -> None:
    frame = panel()
    frame.loc[frame.id < 4, "c"] = 0
    found = did(frame, {"outcome": "c"}, outcome_model="poisson")
    without = did(frame[frame.id >= 4], {"outcome": "c"}, outcome_model="poisson")
    assert found.value[0] == pytest.approx(without.value[0], rel=1e-9)
    assert checks(found)["did.separated"] == "note"
    assert "above zero" in found.population.label


def test_logarithms() -> None:
    frame = panel().assign(y=lambda rows: np.exp(rows.y / 3.0))
    found = did(frame, outcome_model="log")
    plain = did(frame.assign(y=np.log(frame.y)))
    assert np.log(found.value[0]) == pytest.approx(plain.value[0], rel=1e-10)
    assert found.influence.covariance()[0, 0] == pytest.approx(plain.influence.covariance()[0, 0] * found.value[0] ** 2)
    with pytest.raises(es.DataError, match="zero or below") as caught:
        did(panel(), {"outcome": "c"}, outcome_model="log")
    assert "poisson" in caught.value.remedy


def test_treatment_at_different_times_is_vetoed_by_name() -> None:
    frame = panel()
    frame["d"] = ((frame.id % 3 > 0) & (frame.t >= 1 + frame.id % 3)).astype(int)
    found = did(frame)
    assert found.target is es.Target.VARIANCE_WEIGHTED
    assert checks(found)["panel.staggered_twfe"] == "veto"
    assert found.baseline is None
    with pytest.raises(es.IdentificationError, match="there are 2"):
        did(frame, effects="two_by_two")


def test_units_treated_from_the_start_or_treated_no_longer_are_told() -> None:
    frame = panel()
    always = did(frame.assign(d=np.where(frame.id == 1, 1, frame.d)))
    assert checks(always)["panel.always_treated_controls"] == "veto"
    assert always.target is es.Target.VARIANCE_WEIGHTED
    off = did(frame.assign(d=np.where((frame.id == 0) & (frame.t == 5), 0, frame.d)))
    assert checks(off)["panel.switched_off_controls"] == "warn"
    assert off.target is es.Target.VARIANCE_WEIGHTED


def test_units_missing_when_treatment_starts_are_no_cohort_of_their_own() -> None:
    frame = panel()
    frame = frame[~((frame.id == 0) & (frame.t.isin([3, 4]))) & ~((frame.id == 2) & (frame.t < 4))]
    found = did(frame)
    assert found.target is es.Target.ATT
    assert not {name for name in checks(found) if name.startswith("panel.")}
    assert found.details["means"]["group"] == ("treated from 3", "treated from 3", "untreated", "untreated")
    assert did(frame, effects="two_by_two").target is es.Target.ATT


def test_a_covariate_that_gives_treatment_away_is_refused() -> None:
    frame = panel()
    frame["again"] = 3.0 * frame.d + frame.id - frame.t
    with pytest.raises(es.IdentificationError, match="determine who is treated"):
        did(frame, {"covariates": ["again"]})


def test_few_treated_units_are_warned_of_and_many_are_not() -> None:
    frame = panel()
    few = did(frame.assign(d=((frame.id < 3) & (frame.t >= 3)).astype(int)))
    assert checks(few)["did.few_clusters"] == "warn"
    assert few.uncertainty.correction == "CR2"
    many = did(panel(units=120))
    assert many.uncertainty.correction == "CR1"
    assert "did.few_clusters" not in checks(many)


def test_repeated_cross_sections_compare_cohorts() -> None:
    frame = panel(units=200)
    frame["g"], frame["state"] = np.where(frame.id % 2 == 0, 3, 0), frame.id % 40
    design = {"kind": "panel", "time": "t", "outcome": "y", "cohort": "g", "covariates": ["z"], "cluster": "state"}
    found = es.estimate(frame.drop(columns="id"), design, "did", covariance="CR1", counted="all")
    frame["on"] = ((frame.g > 0) & (frame.t >= frame.g)).astype(int)
    other = smf.ols("y ~ on + z + C(g) + C(t)", frame).fit(cov_type="cluster", cov_kwds={"groups": frame.state})
    assert found.value[0] == pytest.approx(other.params["on"], rel=1e-9)
    assert found.std_error[0] == pytest.approx(other.bse["on"], rel=1e-7)
    assert found.details["absorbed"] == {"cohort": 2, "period": 6}
    alone = es.estimate(frame.drop(columns="id"), {**design, "cluster": None}, "did")
    assert checks(alone)["did.no_cluster"] == "warn"


def test_a_covariance_that_ignores_named_clusters_is_refused() -> None:
    frame = panel().assign(team=lambda rows: rows.id // 6)
    with pytest.raises(es.DesignError, match="ignores the clusters"):
        did(frame, {"cluster": "team"}, covariance="HC1")


@pytest.mark.nightly
@pytest.mark.parametrize("clusters", [8, 12])
def test_bias_reduction_covers_with_few_clusters(clusters: int) -> None:
    hits, draws = 0, 1_500
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({"id": np.repeat(np.arange(clusters), 8), "t": np.tile(np.arange(8), clusters)})
        frame["d"] = ((frame.id < clusters // 2) & (frame.t >= 4)).astype(int)
        drift = rng.normal(size=(clusters, 8)).cumsum(axis=1).ravel()
        frame["y"] = drift + rng.normal(size=clusters)[frame.id] + frame.d + rng.normal(size=len(frame))
        low, high = did(frame, covariance="CR2").interval()[0]
        hits += low <= 1.0 <= high
    assert hits / draws == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / draws))
