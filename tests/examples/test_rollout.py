"""The rollout example says what its study finds."""

import re
from pathlib import Path

import pytest
import yaml

import estimand as es
from estimand.data import datasets
from estimand.figures.numbers import format_interval, format_number

FOLDER = Path(__file__).parents[2] / "examples" / "rollout"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
WORDS = " ".join(README.split())


@pytest.fixture(scope="module")
def study():
    return yaml.safe_load((FOLDER / "study.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def record():
    return es.run(FOLDER / "study.yaml")


@pytest.fixture(scope="module")
def window():
    frame = datasets.load("llm_logs")
    return frame[frame["signup_week"] < 30].assign(after=lambda rows: rows["signup_week"] >= 20)


def table():
    """Numbers of the README's table by method."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line[:3] == "| `"]
    return {re.search(r"`(\w+)`", row[0])[1]: row[2:] for row in rows}


def test_the_table_is_the_run_s(record):
    found = {}
    for estimate in record.estimates:
        first = estimate.summary()[0]
        found[estimate.id] = [
            format_number(first["value"]), format_number(first["std_error"]), format_interval(first["ci"])
        ]  # fmt: skip
    assert table() == found


def test_the_truth_is_inside_and_the_naive_number_is_not(record):
    truth = es.datasets.describe("llm_logs").truth["wave"]
    assert record.question.benchmarks[0].value == truth
    assert (record.headline, record.estimate().target) == ("did", es.Target.ATT)
    low, high = record.estimate().interval()[0]
    assert low < truth < high < 0.080
    assert record.verdict.grade in {es.Grade.PASS, es.Grade.NOTE}


def test_the_means_are_those_of_the_table(window, record):
    means = window.groupby(["wave", "after"])["task_completed"].mean()
    for wave in (1, 2):
        cells = [f"{means[wave, False]:.3f}", f"{means[wave, True]:.3f}"]
        cells.append(f"+{means[wave, True] - means[wave, False]:.4f}")
        assert f"| {' | '.join(cells)} |" in WORDS
    gaps = [means[1, after] - means[2, after] for after in (False, True)]
    assert f"| +{gaps[0]:.4f} | +{gaps[1]:.4f} | **+{gaps[1] - gaps[0]:.4f}** |" in WORDS
    assert float(record.estimate("four_means").value[0]) == pytest.approx(gaps[1] - gaps[0], abs=1e-10)


def test_the_slide_is_the_difference_of_rows_with_and_without(window):
    share = window.groupby("treated_post")["task_completed"].mean()
    assert f"completed {share[1]:.1%} of their tasks, all others up to then {share[0]:.1%}" in WORDS
    assert f"+{share[1] - share[0]:.3f}" == "+0.080"


def test_the_evidence_on_trends_is_as_told(record):
    (trends,) = [finding for finding in record.findings if finding.check == "panel.pretrends"]
    joint = re.search(r"F\(18, 49\) = [\d.]+, p = [\d.]+", trends.message)[0]
    slope = re.search(r"A line of ([\d.]+) a period", trends.message)[1]
    off = re.search(r"off by ([\d.]+) on average", trends.message)[1]
    assert f"jointly, {joint}" in WORDS
    assert f"drifted apart by {slope} a week" in WORDS
    assert f"off by {off}, half of the effect" in WORDS
    assert trends.grade is es.Grade.NOTE


def test_rows_outside_the_window_are_counted(record):
    (drop,) = record.sample.drops
    assert (drop.reason, f"{drop.rows:,} later rows are left out" in " ".join(README.split())) == (
        "outside the window", True
    )  # fmt: skip


def test_all_weeks_in_one_regression_are_vetoed(study):
    changed = study | {"design": study["design"] | {"window": None}, "methods": ["did"], "headline": "did"}
    spoilt = es.run(changed)
    assert spoilt.verdict.grade is es.Grade.VETO
    assert f"`did` says {format_number(float(spoilt.estimate().value[0]))}" in WORDS
