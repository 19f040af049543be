"""The opt-in example says what its study finds."""

import re
from pathlib import Path

import pytest
import yaml

import estimand as es
from estimand.figures.numbers import format_interval, format_number

FOLDER = Path(__file__).parents[2] / "examples" / "opt-in"
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
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line[:1] == "|"]
    return {re.search(r"`(\w+)`", row[0])[1]: row[2:] for row in rows if "`" in row[0]}


def without(study, **design):
    return es.run(study | {"design": study["design"] | design, "methods": ["aipw"]})


def test_the_table_is_the_run_s(record):
    found = {
        estimate.id: [format_number(row["value"]), format_number(row["std_error"]), format_interval(row["ci"])]
        for estimate in record.estimates
        for row in estimate.summary()
    }
    assert table() == found


def test_the_adjusted_methods_find_the_truth_and_the_plain_difference_does_not(record):
    naive, *adjusted = (float(estimate.value[0]) for estimate in record.estimates)
    assert naive == pytest.approx(0.21, abs=0.01)
    assert adjusted == pytest.approx([0.08] * 3, abs=0.005)
    assert record.question.benchmarks[0].value == es.datasets.describe("llm_logs").truth["opt_in"]
    assert record.verdict.grade in {es.Grade.PASS, es.Grade.NOTE}


def test_the_checks_are_as_told(record):
    heavy = next(f for f in record.about("study") if f.check == "balance.before")
    assert f"{heavy.statistic:.2f} standard deviations" in WORDS
    weights = next(f for f in record.about("aipw") if f.check == "weights.effective_n")
    assert f"{weights.statistic:.0%} of the smaller group's rows" in WORDS
    assert "are worth 12,062 equal ones" in weights.message
    assert "12,062 equal ones of 18,795" in WORDS


def test_the_strength_of_a_hidden_cause_is_as_told(record):
    said = {finding.check: finding.message for finding in (*record.about("aipw"), *record.about("task_completed"))}
    for check, words in (("stress.omitted_variable", "explains 6.7% of what"), ("stress.e_value", "ratio of 1.60")):
        assert words in said[check]
    assert "explains 6.7% of what" in WORDS
    assert "goes with both by 1.60" in WORDS


def test_without_the_tier_every_number_is_wrong(study):
    left = [name for name in study["design"]["covariates"] if name != "engagement_tier"]
    assert format_number(float(without(study, covariates=left).estimate().value[0])) == "0.201"
    assert "about 0.201" in WORDS


def test_adjusting_for_what_follows_is_vetoed(study):
    spoilt = without(study, covariates=[*study["design"]["covariates"], "thumbs_up"])
    assert spoilt.verdict.grade is es.Grade.VETO
    assert f"`aipw` says {format_number(float(spoilt.estimate().value[0]))}" in WORDS
