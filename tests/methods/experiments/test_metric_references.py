"""Metrics of published experiments: values, errors and intervals of references."""

import numpy as np
import pandas as pd
import pytest

import estimand as es
from tests.reference_data import matches, reference, table


def measured(frame: pd.DataFrame, treatment: str, control: str, **metric: object) -> es.Estimate:
    design = {"kind": "experiment", "variant": treatment, "control": control, "metrics": [metric]}
    return es.estimate(frame, design, "cuped" if "covariate" in metric else "difference")


@pytest.mark.parametrize("column", ["visit", "conversion", "spend"])
def test_both_mails_of_hillstrom_against_none(column: str) -> None:
    kind = "revenue" if column == "spend" else "proportion"
    found = measured(table("hillstrom"), "treatment", "No E-Mail", column=column, kind=kind)
    assert [term.label for term in found.terms] == ["Mens E-Mail", "Womens E-Mail"]
    for j, who in enumerate(("mens", "womens")):
        key = f"hillstrom.{who}_{column}"
        matches(key, value=float(found.value[j]), se=float(found.std_error[j]))
        np.testing.assert_allclose(found.interval()[j], reference(key)["ci"], rtol=1e-6)
        assert found.p_value[j] == pytest.approx(reference(key)["p"], rel=1e-5)


@pytest.mark.parametrize("day", [1, 7])
def test_retention_of_cookie_cats(day: int) -> None:
    found = measured(table("cookie_cats"), "version", "gate_30", column=f"retention_{day}", kind="retention")
    matches(f"cookie_cats.retention_{day}", value=float(found.value[0]))
    np.testing.assert_allclose(found.interval()[0], reference(f"cookie_cats.retention_{day}")["ci"], rtol=1e-3)


def test_game_rounds_of_cookie_cats() -> None:
    found = measured(table("cookie_cats"), "version", "gate_30", column="sum_gamerounds", kind="count")
    matches("cookie_cats.gamerounds_welch", value=float(found.value[0]))
    entry = reference("cookie_cats.gamerounds_welch")
    np.testing.assert_allclose(found.interval()[0], entry["ci"], rtol=1e-6)
    assert found.p_value[0] == pytest.approx(entry["p"], rel=1e-6)
    assert found.uncertainty.df[0] == pytest.approx(entry["extra"]["df"], rel=1e-8)


def test_lines_in_each_arm_are_lins() -> None:
    """The reference's error is HC2 at the covariate's average taken for known; ours is of squares pooled by arm."""
    frame = table("alo_star_men")
    found = measured(frame, "ssp", "0", column="GPA_year1", covariate="gpa0")
    matches("alo_star.lin", value=float(found.value[0]))
    assert found.std_error[0] == pytest.approx(reference("alo_star.lin")["se"], rel=0.03)


def test_clusters_are_what_the_tutorial_counts() -> None:
    frame = table("tutorial_cluster")
    design = {
        "kind": "experiment", "variant": "tu", "cluster": "workspace_id", "metrics": ["y"],
    }  # fmt: skip
    found = es.estimate(frame, design, "difference")
    matches("tutorial.cluster_wls", value=float(found.value[0]))
    assert found.std_error[0] == pytest.approx(reference("tutorial.cluster_wls")["se"], rel=0.05)
