"""An effect that varies with a covariate is told of where the regression has one for all, and nowhere else."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from panel_cases import case_for, estimated, never

import estimand as es
from estimand.checks.panel.varying_effects import CURE, VaryingEffects
from estimand.core.finding import Finding, Grade

DESIGN = {"covariates": ["x"]}


def adopted(slope: float, *, chosen: float = 1.0, seed: int = 0, units: int = 400) -> pd.DataFrame:
    """Units of which some adopt in 2003 by a covariate that untreated outcomes drift with, and the effect may."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=units)
    adopts = rng.random(units) < 1.0 / (1.0 + np.exp(-chosen * x))
    unit, period = np.divmod(np.arange(units * 6), 6)
    on = adopts[unit] & (period >= 3)
    y = rng.normal(size=units)[unit] + 0.3 * period * x[unit] + on * (1.0 + slope * x[unit])
    y += rng.normal(size=unit.size)
    return pd.DataFrame({"unit": unit, "year": 2000 + period, "d": on.astype(int), "x": x[unit], "y": y})


def answered(frame: pd.DataFrame, *methods: Any, **design: Any) -> tuple[Finding, ...]:
    case = case_for(frame, **{**DESIGN, **design})
    estimates, _ = estimated(case, *methods)
    return VaryingEffects().examine(case, estimates, never) if VaryingEffects().applies(case, estimates) else ()


@pytest.mark.parametrize("method", ["did", "event_study", "sun_abraham"])
def test_it_warns_where_the_effect_varies_and_the_answer_misses(method: str) -> None:
    frame = adopted(0.8)
    (finding,) = answered(frame, method)
    assert (finding.grade, finding.about, finding.subject, finding.remedy) == (Grade.WARN, method, "x", CURE)
    assert finding.statistic is not None
    assert finding.statistic < 1e-6
    assert "The effect varies with the covariates at 0.01" in finding.message


def test_what_it_says_it_would_move_is_where_the_saturated_regression_is() -> None:
    frame = adopted(0.8)
    case = case_for(frame, **DESIGN)
    (one, full), _ = estimated(case, "did", {"method": "extended_twfe", "control": "not_yet"})
    (finding,) = answered(frame, "did")
    moved = float(finding.message.split("treated by ")[1].split(",")[0])
    assert moved == pytest.approx(float(full.value[0] - one.value[0]), abs=0.02)
    slope, error = finding.evidence["slope"][0], finding.evidence["std_error"][0]
    spread = float(frame["x"].std(ddof=0))
    assert slope == pytest.approx(0.8 * spread, abs=4 * error)
    assert float(full.value[0]) == pytest.approx(1.0 + 0.8 * frame.loc[frame["d"] == 1, "x"].mean(), abs=0.3)


def test_it_passes_where_the_effect_is_one() -> None:
    (finding,) = answered(adopted(0.0, seed=1), "did")
    assert (finding.grade, finding.remedy, finding.threshold) == (Grade.PASS, None, 0.01)
    assert "does not vary" in finding.message
    assert "F(1, 399)" in finding.message


def test_variation_that_the_answer_does_not_feel_is_a_note() -> None:
    grades = [answered(adopted(0.4, chosen=0.0, seed=seed), "did")[0].grade for seed in range(6)]
    assert Grade.NOTE in grades
    assert grades.count(Grade.WARN) <= 2


def test_without_a_standard_error_what_is_sure_is_enough() -> None:
    frame = adopted(0.8)
    frame["region"] = np.where(frame.groupby("unit")["d"].transform("max") == 1, 0, frame["unit"] % 30 + 1)
    (finding,) = answered(frame, "did", cluster="region")
    assert finding.grade in {Grade.WARN, Grade.NOT_RUN}
    assert "standard error" not in finding.message


def test_it_keeps_to_averages_over_those_treated_by_one_effect() -> None:
    frame = adopted(0.8)
    several = frame.assign(d=frame["d"] * ~((frame["unit"] % 2 == 0) & (frame["year"] == 2003)))
    logged = frame.assign(y=np.exp(0.1 * frame["y"]))
    assert answered(frame, "extended_twfe", "imputation_did", "staggered_did") == ()
    assert answered(frame, "did", covariates=[]) == ()
    assert answered(several, "did") == ()
    assert answered(logged, {"method": "did", "outcome_model": "log"}) == ()
    assert [finding.about for finding in answered(several, "sun_abraham", "extended_twfe")] == ["sun_abraham"]


def test_a_covariate_alike_among_the_treated_leaves_nothing_to_say() -> None:
    frame = adopted(0.0)
    frame["x"] = np.where(frame.groupby("unit")["d"].transform("max") == 1, 0.0, frame["x"])
    (finding,) = answered(frame, "did")
    assert finding.grade is Grade.NOT_RUN


def test_sections_and_weights_are_taken() -> None:
    frame = adopted(0.8).assign(w=np.random.default_rng(3).uniform(0.5, 2.0, 2_400))
    frame["g"] = np.where(frame.groupby("unit")["d"].transform("max") == 1, 2003, 0)
    weights = {"column": "w", "kind": "sampling"}
    assert answered(frame, "did", weights=weights)[0].grade is Grade.WARN
    (finding,) = answered(frame, "did", unit=None, treatment=None, cohort="g")
    assert finding.grade is Grade.WARN
    spread = float(frame["x"].std(ddof=0))
    assert finding.evidence["slope"][0] == pytest.approx(0.8 * spread, abs=4 * finding.evidence["std_error"][0])


def test_a_study_asks_it() -> None:
    design = {"kind": "panel", "unit": "unit", "time": "year", "outcome": "y", "treatment": "d", **DESIGN}
    record = es.run({"data": adopted(0.8), "design": design, "methods": ["did"]})
    assert [f.grade for f in record.findings if f.check == "panel.varying_effects"] == [Grade.WARN]
