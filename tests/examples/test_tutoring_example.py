"""The tutoring example says what its study finds."""

import re
from pathlib import Path

import pytest
import yaml

import estimand as es
from estimand.data import datasets
from estimand.figures.numbers import format_interval, format_number

FOLDER = Path(__file__).parents[2] / "examples" / "tutoring"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
WORDS = " ".join(README.split())


@pytest.fixture(scope="module")
def study():
    return yaml.safe_load((FOLDER / "study.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def record():
    return es.run(FOLDER / "study.yaml")


def table():
    """Numbers of the README's table by method."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line[:3] == "| `"]
    return {re.search(r"`(\w+)`", row[0])[1]: row[2:] for row in rows}


def test_the_table_is_the_run_s(record):
    found = {}
    for estimate in record.estimates:
        first = estimate.summary()[0]
        numbers = [format_number(first["value"]), format_number(first["std_error"]), format_interval(first["ci"])]
        found[estimate.id] = [str(estimate.target), *numbers]
    assert table() == found


def test_the_regression_is_vetoed_and_the_others_hold_the_truth(record):
    truth = es.datasets.describe("tutoring").truth
    assert record.question.benchmarks[0].value == pytest.approx(truth["att"], abs=0.005)
    assert record.estimate("did").interval()[0, 1] < 0
    assert any(f.grade is es.Grade.VETO for f in record.about("did"))
    assert record.verdict.grade in {es.Grade.PASS, es.Grade.NOTE}
    for key in ("staggered_did", "imputation_did", "sun_abraham"):
        low, high = record.estimate(key).interval()[0]
        assert low < truth["att"] < high


def test_effects_by_time_since_the_start_hold_theirs(record):
    truth = datasets.load("tutoring").attrs["truth"]
    estimate = record.estimate("by_event")
    inside = []
    for term, (low, high) in zip(estimate.terms, estimate.interval(), strict=True):
        if term.at.get("event_time", -1) >= 0:
            inside.append(low < truth[f"sample_att_event_{term.at['event_time']}"] < high)
    assert len(inside) == 8
    assert sum(inside) >= 7


def test_the_comparisons_of_the_regression_are_as_told(record):
    said = {finding.check: finding.message for finding in record.about("did")}
    told = (r"([\d.]+%) of the weight is on 6", r"already, which average (−[\d.]+):", r"alone average ([\d.]+)\.")
    weight, already, others = (re.search(pattern, said["panel.bacon"])[1] for pattern in told)
    without = re.search(r"cohorts make (−[\d.]+)\.", said["panel.bacon"])[1]
    assert f"without the covariate, {without}, apart" in WORDS
    assert f"of which 6, with {weight} of the weight" in WORDS
    assert f"those average {already}, the others {others}." in WORDS
    assert "Of 20 treated cohorts in periods, 6 have a negative weight" in said["panel.negative_weights"]


def test_without_the_covariate_the_answer_is_a_point_too_small(study):
    design = study["design"] | {"covariates": []}
    found = [
        format_number(float(es.estimate("tutoring", design, key).value[0]))
        for key in ("staggered_did", "imputation_did")
    ]
    assert f"`staggered_did` says {found[0]}, `imputation_did` {found[1]}" in WORDS


def test_the_schools_are_as_told():
    frame = datasets.load("tutoring").drop_duplicates("school")
    meals = frame.groupby("first_term")["free_meals"].mean()
    assert f"({meals[3]:.0f}% of pupils in those who began in term 3, {meals[0]:.0f}% in those who never did)" in WORDS
    assert f"{(frame['first_term'] == 0).sum()} of {len(frame)} carry the comparison" in WORDS
