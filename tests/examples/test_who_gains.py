"""The example of who gains says what its study finds."""

import re
from pathlib import Path

import numpy as np
import pytest

import estimand as es
from estimand.data import datasets, retention
from estimand.figures.numbers import format_interval, format_number, format_share

FOLDER = Path(__file__).parents[2] / "examples" / "who-gains"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
WORDS = " ".join(README.split())


@pytest.fixture(scope="module")
def record():
    return es.run(FOLDER / "study.yaml")


@pytest.fixture(scope="module")
def found(record):
    own = [finding for finding in record.about("causal_forest") if finding.check.startswith("heterogeneity.")]
    return {finding.check.removeprefix("heterogeneity."): finding for finding in own}


def rows(first):
    """Cells of the README's table whose first row starts with a word, by that word."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in README.splitlines() if line[:1] == "|"]
    start = next(k for k, row in enumerate(cells) if row[0] == first)
    return {row[0]: row[1:] for row in cells[start + 2 :]}


def test_the_table_is_the_run_s(record):
    told = {re.search(r"`(\w+)`", name)[1]: cells[1:] for name, cells in rows("method").items() if "`" in name}
    made = {
        estimate.id: [format_number(row["value"]), format_number(row["std_error"]), format_interval(row["ci"])]
        for estimate in record.estimates
        for row in estimate.summary()
    }
    assert told == made


def test_the_forest_s_average_holds_the_truth_and_the_plain_difference_half_of_it(record):
    truth = datasets.describe("retention").truth["ate"]
    low, high = record.estimate("causal_forest").interval()[0]
    assert low < truth < high
    assert record.estimate("difference").value[0] == pytest.approx(truth / 2, abs=0.01)
    assert record.question.benchmarks[0].value == pytest.approx(truth)
    assert record.verdict.grade in {es.Grade.PASS, es.Grade.NOTE}


def test_its_effects_go_with_the_true_ones(record):
    frame = datasets.load("retention")
    plan = frame["plan"].map({name: k for k, name in enumerate(retention.PLANS)}).to_numpy()
    truth = retention.effects(frame["tenure_months"].to_numpy(), plan)
    assert np.corrcoef(record.estimate("causal_forest").details["effects"], truth)[0, 1] > 0.7


def test_the_readings_are_the_checks(found):
    line, order = (next(found[name].evidence.rows()) for name in ("calibration", "rate"))
    slope = f"{format_number(line['slope'])} ({format_interval([line['slope_low'], line['slope_high']])})"
    area = f"AUTOC {format_number(order['autoc'])}, {format_interval([order['autoc_low'], order['autoc_high']])}"
    assert f"the effect is larger by {slope}" in WORDS
    assert area in WORDS
    assert found["usable"].grade is es.Grade.PASS


def test_the_groups_and_who_they_are_are_the_checks(found):
    told = list(found["groups"].evidence.rows())
    for row, which in ((told[-1], "largest predicted effects"), (told[0], "least")):
        amount = (
            f"{format_number(100 * row['value'])} points ({format_interval([100 * row['low'], 100 * row['high']])})"
        )
        assert f"The fifth with the {which}: {amount}." in WORDS
    truth = datasets.describe("retention").truth["ate_first_fifth"]
    assert f"is {format_number(100 * truth)}." in WORDS
    who = {row["covariate"]: row for row in found["profile"].evidence.rows()}
    tenure, basic = who["tenure_months"], who["plan = basic"]
    assert f"({format_number(tenure['most'])} months against {format_number(tenure['least'])})" in WORDS
    assert f"({format_share(basic['most'])} against {format_share(basic['least'])})" in WORDS


def test_the_segments_are_the_check_s_and_hold_the_truth(found):
    told, truth = rows("plan"), datasets.describe("retention").truth
    for row in found["segments"].evidence.rows():
        interval = [row["low"], row["high"]]
        own = truth[f"ate_{row['level']}"]
        assert told[row["level"]] == [format_number(row["value"]), format_interval(interval), format_number(own)]
        assert interval[0] < own < interval[1]


def test_the_cells_of_the_map_are_the_run_s(record):
    pair = record.estimate("causal_forest").details["by_pair"]
    cells = [value for value in pair["value"] if value is not None]
    assert f"finds {format_number(100 * max(cells))} points for basic" in WORDS
    assert f"{format_number(100 * min(cells))} for pro" in WORDS


def test_the_subscribers_are_as_told():
    hours = datasets.load("retention").groupby("offer")["weekly_hours"].mean()
    assert f"({hours[1]:.1f} hours a week against {hours[0]:.1f})" in WORDS
    assert datasets.describe("retention").truth["share_harmed"] == pytest.approx(1 / 7, abs=0.002)
