"""Linearity of the outcome model and form of the propensity: they speak where a bend is felt, and only there."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import estimand as es
from estimand.checks.diagnosis.linearity import Linearity
from estimand.checks.diagnosis.propensity_form import PropensityForm
from estimand.core.case import Case
from estimand.core.design import as_design
from estimand.core.estimate import Estimate
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.laboratory.cells import Setting
from estimand.laboratory.repetition import drawn_case, estimated
from estimand.laboratory.worlds.catalog import world
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.examine import run_method
from estimand.study.plan import plan_methods

LINEARITY, FORM = "nuisance.linearity", "nuisance.propensity_form"


def made(rows: int = 1_000, seed: int = 1, *, outcome: float = 0.0, treatment: float = 0.0) -> pd.DataFrame:
    """A linear outcome and a logistic propensity but for the bends asked for."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    bend = x[:, 0] ** 2 - 1.0 - x[:, 0] * x[:, 1]
    lean = -0.5 + 0.8 * x[:, 0] - 0.3 * x[:, 1] + treatment * bend
    d = (rng.random(rows) < 1 / (1 + np.exp(-lean))).astype(int)
    y = 1.0 + d + x[:, 0] + x[:, 2] + outcome * bend + rng.normal(size=rows)
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(d=d, y=y, team=np.arange(rows) // 5)


def answered(
    frame: pd.DataFrame, entries: list[Any], **more: Any
) -> tuple[Case, list[Estimate], dict[str, es.Finding]]:
    """A case, its estimates, and what both checks say of them, by check and id."""
    design = as_design(
        {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["a", "b", "c"], **more}
    )
    sample = build_sample(read_table(frame, design.columns()), design)
    case = case_of(design, sample, "y", Run(0), Cache())
    planned = plan_methods(entries, {}, None, design)
    estimates = [run_method(item, case, item.id) for item in planned]
    found = [
        finding
        for check in (Linearity(), PropensityForm())
        if check.applies(case, tuple(estimates))
        for finding in check.examine(case, tuple(estimates), never)
    ]
    return case, estimates, {f"{f.check} {f.about}": f for f in found}


def never(estimate: Estimate, case: Case, resample: object = None) -> Estimate:
    raise AssertionError("no refit was needed")


def bent_design(frame: pd.DataFrame) -> np.ndarray:
    """Covariates with every square and product of them."""
    x = frame[["a", "b", "c"]].to_numpy()
    more = [x[:, i] * x[:, j] for i in range(3) for j in range(i + 1)]
    return np.column_stack([x, *more])


@pytest.mark.parametrize("target", ["ATE", "ATT"])
def test_the_change_of_a_regression_is_what_adding_the_terms_does_to_it(target: str) -> None:
    frame = made(outcome=0.4)
    entry = {"method": "regression", "target": target}
    _, (estimate,), found = answered(frame, [entry])
    finding = found[f"{LINEARITY} regression"]
    arm, y, full = frame["d"].to_numpy(), frame["y"].to_numpy(), sm.add_constant(bent_design(frame))
    asked = np.ones(len(frame)) if target == "ATE" else (arm == 1).astype(float)
    one, zero = (full @ np.linalg.lstsq(full[arm == a], y[arm == a], rcond=None)[0] for a in (1, 0))
    moved = np.average(one - zero, weights=asked) - estimate.value[0]
    assert finding.statistic == pytest.approx(moved / estimate.std_error[0], rel=1e-6)
    assert finding.grade is es.Grade.WARN
    assert finding.threshold == 0.25
    assert "aipw" in str(finding.remedy)
    assert finding.subject in {"a squared", "a × b", "b × a"}


def test_the_change_of_one_slope_for_all_is_that_of_its_coefficient() -> None:
    frame = made(outcome=0.4)
    _, (estimate,), found = answered(frame, [{"method": "regression", "interactions": False}])
    d = frame["d"].to_numpy()[:, None]
    full = sm.OLS(frame["y"].to_numpy(), sm.add_constant(np.hstack([d, bent_design(frame)]))).fit()
    moved = (full.params[1] - estimate.value[0]) / estimate.std_error[0]
    assert found[f"{LINEARITY} regression"].statistic == pytest.approx(moved, rel=1e-6)


def test_the_change_of_balanced_weights_is_what_they_leave_unlike() -> None:
    frame = made(outcome=0.4)
    _, (estimate,), found = answered(frame, ["balancing"])
    arm, y, full = frame["d"].to_numpy(), frame["y"].to_numpy(), sm.add_constant(bent_design(frame))
    weights, shifts = estimate.details["weights"], []
    for a in (1, 0):
        fitted = full @ np.linalg.lstsq(full[arm == a], y[arm == a], rcond=None)[0]
        shifts.append(fitted.mean() - np.average(fitted[arm == a], weights=weights[arm == a]))
    moved = (shifts[0] - shifts[1]) / estimate.std_error[0]
    finding = found[f"{LINEARITY} balancing"]
    assert finding.statistic == pytest.approx(moved, abs=1e-5)
    assert "moments: 2" in str(finding.remedy or "moments: 2")


def test_where_squares_are_balanced_already_less_is_left() -> None:
    frame = made(2_000, outcome=0.5)
    once = answered(frame, ["balancing"])[2][f"{LINEARITY} balancing"]
    twice = answered(frame, [{"method": "balancing", "moments": 2}])[2][f"{LINEARITY} balancing"]
    assert abs(twice.statistic) < abs(once.statistic)
    assert "moments: 2" not in str(twice.remedy)


def test_logistic_means_are_moved_about_as_a_refit_moves_them() -> None:
    rng = np.random.default_rng(5)
    frame = made(20_000, outcome=0.0)
    index = -0.5 + 0.5 * frame["d"] + 0.5 * frame["a"] + 0.25 * frame["a"] ** 2
    frame["y"] = (rng.random(len(frame)) < 1 / (1 + np.exp(-index))).astype(int)
    _, (estimate,), found = answered(frame, ["gcomputation"])
    full, arm = sm.add_constant(bent_design(frame)), frame["d"].to_numpy()
    fits = [sm.GLM(frame["y"][arm == a], full[arm == a], family=sm.families.Binomial()).fit() for a in (1, 0)]
    moved = (fits[0].predict(full).mean() - fits[1].predict(full).mean() - estimate.value[0]) / estimate.std_error[0]
    finding = found[f"{LINEARITY} gcomputation"]
    assert finding.statistic == pytest.approx(moved, rel=0.3)
    assert finding.grade is es.Grade.WARN


def test_a_bend_of_no_consequence_does_not_warn_however_many_rows() -> None:
    frame = made(60_000)
    frame["y"] += 0.03 * (frame["c"] ** 2 - 1.0)
    finding = answered(frame, ["regression"])[2][f"{LINEARITY} regression"]
    assert finding.grade is es.Grade.PASS
    assert "p = 0.0" in finding.message or "e-" in finding.message


def test_an_experiment_is_only_told() -> None:
    frame = made(outcome=0.6)
    found = answered(frame, ["regression"], kind="experiment")[2]
    assert found[f"{LINEARITY} regression"].grade is es.Grade.NOTE


def test_the_propensity_test_is_the_score_test_of_the_terms() -> None:
    frame = made(treatment=0.5)
    _, (estimate,), found = answered(frame, ["ipw"])
    finding = found[f"{FORM} ipw"]
    arm, weights = frame["d"].to_numpy(), estimate.details["weights"]
    square = frame["a"].to_numpy() ** 2
    columns = dict(zip(finding.evidence["term"], finding.evidence["after"], strict=True))
    centred = (frame["a"] - frame["a"].mean()).to_numpy() ** 2
    assert square.shape == centred.shape
    gap = np.average(centred[arm == 1], weights=weights[arm == 1]) - np.average(
        centred[arm == 0], weights=weights[arm == 0]
    )
    assert columns["a squared"] == pytest.approx(gap / centred.std(), rel=1e-8)
    assert finding.grade is es.Grade.WARN
    assert abs(finding.statistic) == max(abs(value) for value in columns.values()) > finding.threshold == 0.1
    straight = answered(made(), ["ipw"])[2][f"{FORM} ipw"]
    assert straight.grade is es.Grade.PASS


def test_only_what_rests_on_a_model_is_answered_for() -> None:
    entries = [
        "difference", "ipw", "regression", "stratification",
        {"method": "matching", "id": "near", "distance": "mahalanobis"},
        {"method": "matching", "id": "scored"},
        {"method": "balancing", "id": "overlap", "target": "ATO"},
    ]  # fmt: skip
    found = answered(made(400), entries)[2]
    assert {key.split()[1] for key in found if key.startswith(LINEARITY)} == {"regression", "near"}
    assert {key.split()[1] for key in found if key.startswith(FORM)} == {"ipw", "stratification", "scored", "overlap"}


def test_slopes_that_differ_in_part_are_not_judged() -> None:
    found = answered(made(400), [{"method": "gcomputation", "interactions": ["a"]}])[2]
    assert found[f"{LINEARITY} gcomputation"].grade is es.Grade.NOT_RUN


def test_several_arms_weights_and_clusters() -> None:
    frame = made(3_000, outcome=0.4, treatment=0.5)
    rng = np.random.default_rng(6)
    frame["w"] = rng.uniform(0.5, 2.0, len(frame))
    frame["d"] = np.where(rng.random(len(frame)) < 0.3, 2, frame["d"])
    more = {"weights": {"column": "w", "kind": "sampling"}, "cluster": "team"}
    found = answered(frame, ["regression", "ipw"], **more)[2]
    assert found[f"{LINEARITY} regression"].grade is es.Grade.WARN
    assert found[f"{FORM} ipw"].grade is es.Grade.WARN
    assert set(found[f"{LINEARITY} regression"].evidence["model"]) == {"0", "1", "2"}


def test_indicators_alone_leave_nothing_to_square() -> None:
    frame = made(500).assign(a=lambda f: (f["a"] > 0).astype(int))
    found = answered(frame, ["regression", "ipw"], covariates=["a"])[2]
    assert found == {}


@pytest.mark.parametrize(
    ("key", "check", "alarmed", "least", "most"),
    [
        ("misspecified_outcome", LINEARITY, ("regression", "regression_att", "gcomputation_att"), 0.7, 1.0),
        ("misspecified_outcome", FORM, ("ipw", "ipw_att"), 0.0, 0.1),
        ("misspecified_propensity", FORM, ("ipw", "ipw_att", "quantile_effects"), 0.8, 1.0),
        ("misspecified_propensity", LINEARITY, ("regression", "regression_att"), 0.0, 0.1),
        ("well_specified", LINEARITY, ("regression", "gcomputation_att"), 0.0, 0.1),
        ("well_specified", FORM, ("ipw", "quantile_effects"), 0.0, 0.1),
    ],
)
def test_they_speak_in_the_worlds_made_for_them_and_not_in_others(
    key: str, check: str, alarmed: tuple[str, ...], least: float, most: float
) -> None:
    options = {"regression_att": {"target": "ATT"}, "gcomputation_att": {"target": "ATT"}, "ipw_att": {"target": "ATT"}}
    asked = [Setting(name, name.removesuffix("_att"), options.get(name, {})) for name in alarmed]
    warned, tables = dict.fromkeys(alarmed, 0), 40
    for repetition in range(tables):
        case = drawn_case(11, world(key), repetition)[1]
        estimates = tuple(estimate for _, estimate in estimated(case, asked))
        examiner = Linearity() if check == LINEARITY else PropensityForm()
        for finding in examiner.examine(case, estimates, never):
            warned[finding.about] += finding.grade is es.Grade.WARN
    assert all(least <= count / tables <= most for count in warned.values()), warned


def test_arms_without_room_for_a_term_are_said_to_be_so() -> None:
    frame = made(200)
    frame["team"] = np.arange(200) % 6
    found = answered(frame, ["regression", "ipw"], cluster="team")[2]
    assert found[f"{LINEARITY} regression"].grade is es.Grade.PASS
    frame["team"] = np.arange(200) % 4
    found = answered(frame, ["regression", "ipw"], cluster="team")[2]
    assert {finding.grade for finding in found.values()} == {es.Grade.NOT_RUN}
    assert len(found) == 2


def test_a_very_large_sample_is_thinned_by_identity_not_by_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("estimand.checks.diagnosis.bends.MOST_ROWS", 1_000)
    frame = made(4_000, outcome=0.4, treatment=0.4).assign(who=lambda f: f.index)
    turned = frame.sample(frac=1.0, random_state=0).reset_index(drop=True)
    first, second = (answered(f, ["regression", "ipw"], unit="who")[2] for f in (frame, turned))
    for key, finding in first.items():
        assert finding.grade is es.Grade.WARN
        assert second[key].statistic == pytest.approx(finding.statistic, rel=1e-6)
