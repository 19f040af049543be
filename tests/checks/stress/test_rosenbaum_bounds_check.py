"""Rosenbaum's Γ for matched estimates: what is tested, where it turns, and when it is not asked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from stress_cases import confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.rosenbaum_bounds import RosenbaumBounds
from estimand.core.frozen import FrozenMap
from estimand.stats.rosenbaum import SignedRanks

PAIRS = {"method": "matching", "id": "pairs", "replace": False, "target": "ATT"}
SETS = PAIRS | {"id": "sets", "ratio": 2, "caliper": 0.5}


def few_treated(rows: int = 500, seed: int = 2) -> pd.DataFrame:
    frame = confounded(rows, seed)
    spared = (frame["d"] == 0) | (np.random.default_rng(seed).random(rows) < 0.4)
    return frame[spared].reset_index(drop=True)


def test_it_is_a_note_about_matching_without_replacement_only() -> None:
    record = run(few_treated(), ["regression", "matching", PAIRS, SETS])
    about = {f.about: f.grade for f in record.findings if f.check == "stress.rosenbaum_bounds"}
    assert about == {"pairs": es.Grade.NOTE, "sets": es.Grade.NOTE}


def test_an_experiment_is_not_asked() -> None:
    record = run(few_treated(), [PAIRS], kind="experiment")
    assert not [f for f in record.findings if f.check == "stress.rosenbaum_bounds"]


def test_pairs_turn_where_the_signed_rank_test_does_and_the_interval_meets_zero() -> None:
    case, (estimate,) = estimated(few_treated(), [PAIRS])
    (finding,) = RosenbaumBounds().examine(case, (estimate,), never)
    y, pairs = case.values(), estimate.details["pairs"]
    ranks = SignedRanks.of(y[pairs[:, 0]] - y[pairs[:, 1]])
    assert ranks.p_bounds(finding.statistic)[1] == pytest.approx(0.025, abs=1e-8)
    at_turn = next(row for row in finding.evidence.rows() if row["gamma"] == finding.statistic)
    assert at_turn["ci_low"] == pytest.approx(0.0, abs=0.01)
    assert at_turn["largest_p"] == pytest.approx(0.025, abs=1e-8)
    assert f"Γ = {finding.statistic:.2f}" in finding.message
    for low, high, wider_low, wider_high in zip(
        *(finding.evidence[name] for name in ("low", "high", "ci_low", "ci_high")), strict=True
    ):
        assert wider_low <= low <= high <= wider_high


def test_turning_the_outcome_turns_the_effect_and_leaves_gamma() -> None:
    frame = few_treated()
    answers = []
    for sign in (1.0, -1.0):
        case, (pairs, sets) = estimated(frame.assign(y=sign * frame["y"]), [PAIRS, SETS])
        answers.append(RosenbaumBounds().examine(case, (pairs, sets), never))
    for up, down in zip(*answers, strict=True):
        assert up.statistic == pytest.approx(down.statistic, rel=1e-6)
        assert up.evidence["low"] == pytest.approx([-value for value in down.evidence["high"]], abs=1e-4)
        assert "higher" in up.message
        assert "lower" in down.message


def test_a_yes_or_no_outcome_is_tested_by_its_discordant_pairs() -> None:
    frame = few_treated()
    case, (estimate,) = estimated(frame.assign(y=(frame["y"] > 1.0).astype(int)), [PAIRS])
    (finding,) = RosenbaumBounds().examine(case, (estimate,), never)
    y, pairs = case.values(), estimate.details["pairs"]
    gaps = y[pairs[:, 0]] - y[pairs[:, 1]]
    more, fewer = (gaps > 0).sum(), (gaps < 0).sum()
    share = finding.statistic / (1.0 + finding.statistic)
    assert binom.sf(more - 1, more + fewer, share) == pytest.approx(0.025, abs=1e-7)
    assert set(finding.evidence["low"]) == {None}
    assert "McNemar" in finding.message


def test_without_an_effect_nothing_is_needed_to_take_it_away() -> None:
    frame = few_treated()
    case, (estimate,) = estimated(frame.assign(y=np.random.default_rng(4).normal(size=len(frame))), [PAIRS])
    (finding,) = RosenbaumBounds().examine(case, (estimate,), never)
    assert finding.statistic == 1.0
    assert finding.message.startswith("Even without hidden confounding")


def test_what_it_cannot_say_is_said() -> None:
    case, (estimate,) = estimated(few_treated(), [PAIRS])
    ratio = replace(estimate, options=FrozenMap({**estimate.options, "contrast": "ratio"}))
    (finding,) = RosenbaumBounds().examine(case, (ratio,), never)
    assert finding.grade is es.Grade.NOT_RUN
    weighted = replace(case, source=replace(case.sample(), weights=np.ones(case.sample().n)))
    (finding,) = RosenbaumBounds().examine(weighted, (estimate,), never)
    assert "neither weights nor clusters" in finding.message


def test_many_sets_keep_the_p_value_and_leave_the_effect_out() -> None:
    case, (estimate,) = estimated(few_treated(), [SETS])
    (finding,) = RosenbaumBounds(limit=10).examine(case, (estimate,), never)
    assert set(finding.evidence["ci_low"]) == {None}
    assert finding.statistic > 1.0


def test_the_study_record_carries_it_through_json() -> None:
    record = run(few_treated(), [PAIRS])
    again = es.StudyRecord.from_dict(record.to_dict())
    assert found(again, "stress.rosenbaum_bounds").evidence["gamma"][0] == 1.0
