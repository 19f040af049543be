"""Group-time effects and their averages against published and independently computed results."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from tests.reference_data import matches, reference, table

MPDTA = {"kind": "panel", "unit": "countyreal", "time": "year", "outcome": "lemp", "cohort": "first.treat"}
# What the references call a specification, and the options that mean the same.
SPECIFICATIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "nox_dr_never": ((), {"estimator": "dr"}),
    "x_dr_never": (("lpop",), {"estimator": "dr"}),
    "x_dr_notye": (("lpop",), {"estimator": "dr", "control": "not_yet"}),
    "x_reg_never": (("lpop",), {"estimator": "or"}),
    "x_reg_notye": (("lpop",), {"estimator": "or", "control": "not_yet"}),
    "x_ipw_never": (("lpop",), {"estimator": "ipw"}),
}
AGGREGATES = {"simple": "simple", "group": "group", "dynamic": "event", "calendar": "calendar"}


def made(specification: str, aggregate: str) -> es.Estimate:
    covariates, options = SPECIFICATIONS[specification]
    design = {**MPDTA, "covariates": list(covariates)}
    return es.estimate(table("mpdta"), design, "staggered_did", aggregate=aggregate, **options)


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_every_group_time_effect_on_county_employment(specification: str) -> None:
    key = f"mpdta.cs_{specification}.gt"
    estimate = made(specification, "group_time")
    matches(key, value=estimate.value[0], se=estimate.std_error[0])
    expected = np.array(reference(key)["extra"]["gt"])
    places = [(int(term.at["cohort"]), int(term.at["period"])) for term in estimate.terms]
    assert places == [(int(g), int(t)) for g, t in expected[:, :2]]
    assert estimate.value == pytest.approx(expected[:, 2], rel=1e-6)
    assert estimate.std_error == pytest.approx(expected[:, 3], rel=1e-6)
    detail = estimate.details["group_time"]
    assert detail["value"] == pytest.approx(expected[:, 2], rel=1e-6)
    assert detail["std_error"] == pytest.approx(expected[:, 3], rel=1e-6)


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_every_average_of_them(specification: str, aggregate: str) -> None:
    key = f"mpdta.cs_{specification}.{aggregate}"
    estimate = made(specification, AGGREGATES[aggregate])
    matches(key, value=estimate.value[0], se=estimate.std_error[0])
    assert estimate.terms[0].at == {}
    extra = reference(key)["extra"]
    assert [float(next(iter(term.at.values()))) for term in estimate.terms[1:]] == extra["egt"]
    if extra["egt"]:
        assert estimate.value[1:] == pytest.approx(np.array(extra["att"]), rel=1e-6)
        assert estimate.std_error[1:] == pytest.approx(np.array(extra["se"]), rel=1e-6)


def test_doubly_robust_on_lalonde_against_the_current_population_survey() -> None:
    frame = table("nsw_drdid")
    frame = frame[(frame["treated"] == 0) | (frame["sample"] == 2)].reset_index(drop=True)
    wide = frame.assign(man=np.arange(len(frame)), g=np.where(frame["experimental"] == 1, 1978, 0))
    both = pd.concat([wide.assign(t=1975, y=wide["re75"]), wide.assign(t=1978, y=wide["re78"])], ignore_index=True)
    covariates = ["age", "educ", "black", "married", "nodegree", "hisp", "re74"]
    design = {"kind": "panel", "unit": "man", "time": "t", "outcome": "y", "cohort": "g", "covariates": covariates}
    estimate = es.estimate(both, design, "staggered_did")
    matches("lalonde_cps.drdid_panel", value=estimate.value[0], se=estimate.std_error[0])
    plain = es.estimate(both, {**design, "covariates": []}, "staggered_did")
    matches("lalonde_cps.did_2x2", value=plain.value[0])
