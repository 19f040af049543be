"""Published and recomputed difference-in-differences, met to their digits."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import estimand as es
from estimand.stats.absorb import absorber
from estimand.stats.absorbed import absorbed_least_squares, clustered_covariance
from tests.reference_data import matches, reference, table


def fitted(frame: pd.DataFrame, design: dict[str, Any], **options: Any) -> es.Estimate:
    return es.estimate(frame, {"kind": "panel"} | design, "did", **options)


def met(key: str, estimate: es.Estimate) -> None:
    matches(key, value=float(estimate.value[0]), se=float(estimate.std_error[0]))


def counties() -> pd.DataFrame:
    frame = table("mpdta")
    first = frame["first.treat"]
    return frame.assign(raised=((first > 0) & (frame["year"] >= first)).astype(int))


def test_minimum_wage_counties() -> None:
    design = {"unit": "countyreal", "time": "year", "outcome": "lemp", "treatment": "raised"}
    found = fitted(counties(), design, covariance="CR1", counted="none")
    met("mpdta.twfe", found)
    assert found.std_error[0] == pytest.approx(reference("mpdta.twfe")["se"], rel=1e-9)
    assert found.target is es.Target.VARIANCE_WEIGHTED
    by_cohort = fitted(counties(), {**design, "cohort": "first.treat", "treatment": "first.treat"}, covariance="CR1")
    assert by_cohort.value[0] == pytest.approx(found.value[0], rel=1e-12)


def test_one_cohort_with_a_covariate_that_varies() -> None:
    frame = table("fixest_base_did")
    frame["on"] = frame["treat"] * frame["post"]
    design = {"unit": "id", "time": "period", "outcome": "y", "treatment": "on", "covariates": ["x1"]}
    found = fitted(frame, design, covariance="CR1", counted="none")
    met("fixest.base_did_2x2", found)
    assert found.target is es.Target.ATT


@pytest.mark.parametrize(("key", "weights"), [("castle.twfe", None), ("castle.twfe_popwt", "popwt")])
def test_castle_doctrine(key: str, weights: str | None) -> None:
    design = {"unit": "state", "time": "year", "outcome": "l_homicide", "treatment": "post"}
    found = fitted(
        table("castle_bacon"), design | ({"weights": weights} if weights else {}), covariance="CR1", counted="all"
    )
    met(key, found)


def test_new_jersey_and_pennsylvania() -> None:
    frame = table("njmin3")
    frame["first"] = frame["nj"]
    design = {"time": "d", "outcome": "fte", "cohort": "first"}
    found = fitted(frame, design, covariance="classical")
    met("njmin.did", found)
    assert found.n_obs == reference("njmin.did")["extra"]["n"]
    means = dict(
        zip(
            zip(found.details["means"]["group"], found.details["means"]["side"], strict=True),
            found.details["means"]["mean"],
            strict=True,
        )
    )
    change = {group: means[group, "after"] - means[group, "before"] for group in ("treated from 1", "untreated")}
    assert change["treated from 1"] - change["untreated"] == pytest.approx(found.value[0], rel=1e-12)
    covariates = ["kfc", "roys", "wendys", "co_owned"]
    met("njmin.did_cov", fitted(frame, design | {"covariates": covariates}, covariance="classical"))


def test_stores_seen_twice_as_a_panel() -> None:
    frame = table("njmin3")
    after = frame[(frame["d"] == 1) & frame["demp"].notna()].reset_index(drop=True)
    both = pd.concat([after.assign(d=0, fte=after["fte"] - after["demp"]), after], keys=[0, 1], names=["d2", "store"])
    both = both.reset_index("store")
    design = {"unit": "store", "time": "d", "outcome": "fte", "treatment": "d_nj"}
    both["d_nj"] = both["nj"] * both["d"]
    found = fitted(both, design, covariance="classical")
    met("njmin.did_fd", found)
    assert found.n_obs == 2 * reference("njmin.did_fd")["extra"]["n"]
    clustered = fitted(both, design, covariance="CR2")
    assert clustered.std_error[0] == pytest.approx(reference("njmin.did_fd")["extra"]["welch_se"], rel=2e-4)


def test_one_treated_state_has_a_value_and_claims_no_error() -> None:
    design = {"unit": "State", "time": "Year", "outcome": "PacksPerCapita", "treatment": "treated"}
    for effects in ("two_way", "two_by_two"):
        found = fitted(table("california_prop99_synthdid"), design, effects=effects)
        matches("prop99.did", value=float(found.value[0]))
        assert found.uncertainty.kind == "unknown"
        assert "one cluster is treated" in found.uncertainty.reason
        assert "did.few_clusters" in {finding.check for finding in found.findings}


def test_the_tutorials_four_means() -> None:
    frame = table("tutorial_llm_logs")
    frame = frame[frame["signup_week"] < 30].assign(first=lambda rows: np.where(rows["wave"] == 1, 20, 0))
    design = {"time": "signup_week", "outcome": "task_completed", "cohort": "first", "cluster": "workspace_id"}
    found = fitted(frame, design, effects="two_by_two")
    matches("tutorial.did_means", value=float(found.value[0]))


def test_the_tutorials_slopes_before_the_first_wave() -> None:
    frame = table("tutorial_llm_logs")
    frame = frame[frame["signup_week"] < 20]
    wave, week = (frame["wave"] == 1).to_numpy(dtype=float), frame["signup_week"].to_numpy(dtype=float)
    tier, workspace = (pd.factorize(frame[name])[0] for name in ("engagement_tier", "workspace_id"))
    columns = np.column_stack([wave, week, wave * week])
    fit = absorbed_least_squares(frame["task_completed"].to_numpy(dtype=float), columns, absorber([tier]))
    error = float(np.sqrt(clustered_covariance(fit, workspace, "CR1")[2, 2]))
    slope = float(fit.coefficients[2])
    matches("tutorial.did_pretrend", value=slope)
    assert 2.0 * norm.sf(abs(slope) / error) == pytest.approx(reference("tutorial.did_pretrend")["p"], rel=2e-3)


def test_a_placebo_among_lalondes_comparisons() -> None:
    frame = table("nsw_drdid")
    frame = frame[(frame["treated"] == 0) | (frame["sample"] == 2)].reset_index(drop=True)
    long = frame[["experimental", "re75", "re78"]].reset_index(names="person")
    long = long.melt(id_vars=["person", "experimental"], var_name="year", value_name="earnings")
    long["year"] = long["year"].str[2:].astype(int) + 1900
    long["first"] = 1978 * long["experimental"]
    design = {"unit": "person", "time": "year", "outcome": "earnings", "cohort": "first"}
    matches("lalonde_cps.did_2x2", value=float(fitted(long, design).value[0]))
