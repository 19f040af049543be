"""Controls to choose from: a warning where pairs take nearly all, a pass where they are many or a caliper bounds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import estimand as es
from estimand.checks.diagnosis.reservoir import shortage

WITHOUT = {"method": "matching", "target": "ATT", "replace": False, "bias_correct": False}


def table(controls: int, treated: int, shift: float = 0.3, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    d = np.repeat([0, 1], [controls, treated])
    x = rng.normal(size=d.shape[0]) + shift * d
    return pd.DataFrame({"d": d, "x": x, "y": x + rng.normal(size=d.shape[0])})


def found(frame: pd.DataFrame, kind: str = "observational", **options: Any) -> list[es.Finding]:
    design = {"kind": kind, "treatment": "d", "outcome": "y", "covariates": ["x"]}
    record = es.run({"data": frame, "design": design, "methods": [WITHOUT | options]})
    return [finding for finding in record.findings if finding.check == "matching.reservoir"]


def test_arms_of_near_equal_size_are_warned_of_with_the_share_taken() -> None:
    (finding,) = found(table(150, 120))
    assert finding.grade is es.Grade.WARN
    assert finding.statistic == pytest.approx(1.25)
    assert finding.threshold == 2.0
    assert "takes 80% of them" in finding.message
    assert "replacement" in str(finding.remedy)


def test_many_controls_of_every_kind_pass() -> None:
    (finding,) = found(table(800, 80))
    assert finding.grade is es.Grade.PASS
    assert finding.statistic == pytest.approx(10.0)
    assert finding.remedy is None


def test_many_controls_that_are_nowhere_near_the_treated_are_noted() -> None:
    (finding,) = found(table(300, 100, shift=2.0))
    assert finding.grade is es.Grade.NOTE
    assert "no control as likely to be treated" in finding.message


def test_two_controls_a_treated_row_ask_for_twice_the_reservoir() -> None:
    (finding,) = found(table(300, 100), ratio=2)
    assert (finding.grade, finding.statistic, finding.threshold) == (es.Grade.WARN, pytest.approx(3.0), 4.0)
    assert "takes 67% of them" in finding.message


def test_a_caliper_passes() -> None:
    (finding,) = found(table(150, 120), caliper=0.2)
    assert finding.grade is es.Grade.PASS
    assert "caliper" in finding.message


def test_a_distance_without_a_propensity_is_judged_by_its_numbers_alone() -> None:
    (finding,) = found(table(150, 120), distance="mahalanobis")
    assert finding.grade is es.Grade.WARN
    assert "likely" not in finding.message


def test_with_replacement_there_is_nothing_to_run_out_of() -> None:
    assert not found(table(150, 120), replace=True)


def test_where_a_regression_corrects_what_sets_differ_in_it_is_a_note() -> None:
    (finding,) = found(table(150, 120), bias_correct=None)
    assert finding.grade is es.Grade.NOTE
    assert "rests on the regression" in finding.message
    assert [f.grade for f in found(table(800, 80), bias_correct=True)] == [es.Grade.PASS]


def test_in_an_experiment_only_the_treated_left_out_matter_and_only_without_correction() -> None:
    (enough,), (short,) = (found(table(*counts, shift=0.0), kind="experiment") for counts in ((150, 120), (120, 150)))
    assert (enough.grade, short.grade) == (es.Grade.PASS, es.Grade.WARN)
    assert short.threshold == 1.0
    assert "pulls the arms apart" in short.message
    assert not found(table(120, 150, shift=0.0), kind="experiment", bias_correct=None)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=8), st.integers(1, 2))
def test_the_shortage_is_what_the_best_matching_upwards_leaves_unmet(rows: list[tuple[int, bool]], ratio: int) -> None:
    """Counted by serving the treated from the highest propensity down, each by any control at least as high left."""
    arm = np.array([treated for _, treated in rows], dtype=np.int64)
    if not arm.any():
        return
    propensity = np.array([level for level, _ in rows], dtype=float)
    free = sorted(propensity[arm == 0])
    unmet = 0
    for level in sorted(propensity[arm == 1], reverse=True):
        for _ in range(ratio):
            if free and free[-1] >= level:
                free.pop()
            else:
                unmet += 1
    assert shortage(propensity, arm, ratio) == pytest.approx(unmet / (ratio * arm.sum()))


def test_the_warning_stands_where_the_bias_does() -> None:
    """The truth is zero and the outcome the covariate: pairs of near-equal arms keep the raw gap, others do not."""

    def bias(controls: int, *, correct: bool = False) -> float:
        frames = (table(controls, 100, shift=0.6, seed=s) for s in range(20))
        design = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x"]}
        options = {"replace": False, "bias_correct": correct}
        return float(np.mean([es.estimate(f, design, "matching", **options).value[0] for f in frames]))

    assert bias(110) > 4 * np.sqrt(2 / 100 / 20)
    assert abs(bias(110, correct=True)) < 4 * np.sqrt(2 / 100 / 20)
    assert abs(bias(1_500)) < 4 * np.sqrt(2 / 100 / 20)
