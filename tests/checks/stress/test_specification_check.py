"""The specification curve: its grid, its numbers, and its test."""

from dataclasses import replace

import numpy as np
import pytest
from stress_cases import COVARIATES, PLAIN_AIPW, confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.specification import SpecificationCurve
from estimand.checks.stress.specification_grid import grid, size
from estimand.stats.curve import curve_test

KEY = "stress.specification_curve"
DESIGN = {"treatment": "d", "outcome": "y", "covariates": COVARIATES}


@pytest.fixture(scope="module")
def record() -> es.StudyRecord:
    return run(confounded(500), ["difference", "regression", "ipw", PLAIN_AIPW])


def test_the_grid_is_declared_and_bounded() -> None:
    case, estimates = estimated(confounded(200), ["regression", "ipw"])
    whole = grid(case, list(estimates), 99, alone=True)
    assert len(set(whole)) == len(whole) == size(case, list(estimates), alone=True) == 2 + 2 + 2 + 2 + 6 + 6
    assert [item.as_planned for item in whole[:3]] == [True, True, False]
    assert {item.method for item in whole if item.trim} == {"ipw"}
    assert grid(case, list(estimates), 5, alone=True) == whole[:5]


def test_every_number_is_that_of_the_analysis_it_names(record: es.StudyRecord) -> None:
    frame = confounded(500)
    checked = 0
    for row in found(record, KEY).evidence.rows():
        if row["form"] != "linear":
            continue
        kept = {"all": COVARIATES, "none": [], "without": [c for c in COVARIATES if c != row["covariate"]]}
        options = {"trim": row["trim"]} if row["trim"] else {}
        again = es.estimate(frame, {**DESIGN, "covariates": kept[row["covariates"]]}, row["method"], **options)
        assert row["estimate"] == pytest.approx(again.value[0], rel=1e-8)
        assert [row["low"], row["high"]] == pytest.approx(again.interval()[0].tolist(), rel=1e-8)
        checked += 1
    assert checked == 11


def test_squares_are_those_of_the_table(record: es.StudyRecord) -> None:
    frame = confounded(500)
    squares = {f"{name}_2": frame[name] ** 2 for name in COVARIATES}
    design = {**DESIGN, "covariates": [*COVARIATES, *squares]}
    held = {
        (row["method"], row["trim"]): row["estimate"]
        for row in found(record, KEY).evidence.rows()
        if row["form"] == "squares"
    }
    for method in ("regression", "ipw"):
        assert held[method, 0.0] == pytest.approx(
            es.estimate(frame.assign(**squares), design, method).value[0], rel=1e-7
        )


def test_the_finding_says_what_was_found_and_what_was_left_out(record: es.StudyRecord) -> None:
    finding = found(record, KEY)
    assert (finding.grade, finding.about) == (es.Grade.NOTE, "y")
    assert "12 specifications give" in finding.message
    assert "2 more adjust for nearly nothing, and are shown but not counted" in finding.message
    assert "Not fitted again: aipw" in finding.message
    assert list(finding.evidence["estimate"]) == sorted(finding.evidence["estimate"])
    assert finding.statistic == pytest.approx(1 / 1000)


def test_in_an_experiment_a_bare_comparison_counts() -> None:
    frame = confounded(400, pull=0.0)
    finding = found(run(frame, ["regression"], kind="experiment"), KEY)
    assert all(finding.evidence["counted"])


def test_a_full_run_fits_what_is_dear_and_each_covariate_alone() -> None:
    study = es.Study(data=confounded(200), design=DESIGN, methods=["regression", PLAIN_AIPW], stress="full")
    record = study.run(threads=1)
    evidence = found(record, KEY).evidence
    assert set(evidence["method"]) == {"regression", "aipw"}
    assert "only" in evidence["covariates"]
    grades = {f.grade for f in record.findings if f.check.startswith("stress.")}
    assert es.Grade.NOT_RUN not in grades
    assert record.plan["stress"] == "full"


def test_cost_is_known_before() -> None:
    case, estimates = estimated(confounded(200), ["regression"])
    (finding,) = SpecificationCurve(spend=1.0).examine(case, estimates, never)
    assert finding.grade is es.Grade.NOT_RUN
    assert "stress: full" in finding.remedy


def test_without_an_effect_the_test_of_the_curve_holds_its_level() -> None:
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(400):
        psi = rng.normal(size=(200, 6)) @ (np.eye(6) + 0.8)
        joint = (psi - psi.mean(axis=0)) / 200
        p_values.append(curve_test(psi.mean(axis=0), joint, 0.95, 199, rng).median_p)
    assert abs(np.mean(np.array(p_values) <= 0.1) - 0.1) < 4 * np.sqrt(0.09 / 400)


def test_the_null_of_the_curve_is_that_of_permutations_in_an_experiment() -> None:
    """By hand: shuffle the treatment and run the specifications again; the median's spread is the same."""
    rng = np.random.default_rng(5)
    n, draws = 400, 400
    x = rng.normal(size=(n, 2))
    y = x @ [1.0, 0.5] + rng.normal(size=n)
    sets = ([], [0], [1], [0, 1])

    def slopes(d: np.ndarray, *, influence: bool = False) -> np.ndarray:
        out = []
        for columns in sets:
            held = np.column_stack([np.ones(n), x[:, columns]])
            left = d - held @ np.linalg.lstsq(held, d, rcond=None)[0]
            slope = left @ y / (left @ left)
            residual = y - slope * d
            residual = residual - held @ np.linalg.lstsq(held, residual, rcond=None)[0]
            out.append(left * residual / (left @ left) if influence else slope)
        return np.array(out)

    d = rng.permutation(np.arange(n) % 2).astype(float)
    medians = [np.median(slopes(rng.permutation(d))) for _ in range(draws)]
    value = float(np.std(medians)) * 1.2816
    found_p = curve_test(np.full(4, value), slopes(d, influence=True).T, 0.95, 4000, rng).median_p
    assert found_p == pytest.approx(0.2, abs=4 * (np.sqrt(0.16 / 4000) + 0.2 / np.sqrt(2 * draws)))


def test_it_does_not_hang_on_which_estimates_stand_beside_it() -> None:
    case, estimates = estimated(confounded(200), ["regression"])

    def refit(estimate: es.Estimate, changed: object) -> es.Estimate:
        return replace(es.estimate(changed.source, changed.design, estimate.method), id=estimate.id)

    first, second = (SpecificationCurve().examine(case, estimates, refit)[0] for _ in range(2))
    assert first.to_dict() == second.to_dict()
