"""Oster's δ of regressions."""

from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from stress_cases import COVARIATES, confounded, estimated, never, run

import estimand as es
from estimand.checks.stress.oster_delta import OsterDelta
from estimand.stats.selection_ratio import movement, selection_ratio

LINE = {"method": "regression", "id": "line", "interactions": False}


def test_it_is_a_note_about_regressions_only() -> None:
    record = run(confounded(), ["difference", "regression", LINE, "ipw"])
    about = {f.about: f.grade for f in record.findings if f.check == "stress.oster_delta"}
    assert about == {"regression": es.Grade.NOTE, "line": es.Grade.NOTE}
    words = {f.about: f.message for f in record.findings if f.check == "stress.oster_delta"}
    assert "algebra of the regression with one slope" in words["regression"]
    assert "algebra" not in words["line"]


def test_the_movement_is_that_of_the_estimate_and_delta_leaves_nothing() -> None:
    frame = confounded()
    case, (estimate,) = estimated(frame, [LINE])
    (finding,) = OsterDelta().examine(case, (estimate,), never)
    fit = sm.OLS(frame["y"], sm.add_constant(frame[["d", *COVARIATES]])).fit()
    assert finding.evidence["controlled"][0] == pytest.approx(estimate.value[0], rel=1e-9)
    assert finding.evidence["largest_r2"][0] == pytest.approx(min(1.0, 1.3 * fit.rsquared), rel=1e-9)
    seen = movement(frame["d"].to_numpy(float), frame[COVARIATES].to_numpy(), frame["y"].to_numpy())
    assert finding.statistic == pytest.approx(selection_ratio(seen, fit.params["d"], 1.3 * fit.rsquared))
    left = np.interp(finding.statistic, finding.evidence["delta"], finding.evidence["coefficient"])
    assert left == pytest.approx(0.0, abs=1e-6)
    assert f"{finding.statistic:.2f} times" in finding.message


def test_the_curve_starts_at_the_estimate_and_falls_towards_zero() -> None:
    case, (estimate,) = estimated(confounded(), [LINE])
    (finding,) = OsterDelta().examine(case, (estimate,), never)
    left = finding.evidence["coefficient"]
    assert left[0] == pytest.approx(estimate.value[0], rel=1e-9)
    assert all(a > b for a, b in pairwise(left))


def test_covariates_that_move_nothing_measure_nothing() -> None:
    frame = confounded().assign(x0=np.tile([0.0, 1.0], 500), d=np.repeat([0, 1], 500))
    flat, estimates = estimated(frame, [LINE], covariates=["x0"])
    (finding,) = OsterDelta().examine(flat, estimates, never)
    assert finding.grade is es.Grade.NOT_RUN
    assert "do not move the coefficient" in finding.message


def test_an_experiment_is_not_asked() -> None:
    assert not OsterDelta().applies(*estimated(confounded(pull=0.0), [LINE], kind="experiment"))


def test_a_largest_r2_below_the_one_reached_is_refused() -> None:
    with pytest.raises(es.EstimandError):
        OsterDelta(r2_times=0.9)
