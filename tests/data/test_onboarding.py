"""The onboarding test: its stated effects, and what the filter takes from its first week."""

import numpy as np
import pandas as pd
import pytest

from estimand.data import datasets, onboarding

TRUTH = dict(datasets.describe("onboarding").truth or {})


def test_it_has_a_row_for_every_user() -> None:
    frame = datasets.load("onboarding")
    assert frame["user"].is_unique
    assert frame.groupby("signed_up").size().tolist() == [600] * 14
    assert str(frame["signed_up"].iloc[0].date()) == "2025-03-03"
    assert frame["visits_before"].between(0, 8).all()
    assert not frame.isna().any().any()


def test_the_stated_effects_are_those_of_many_users() -> None:
    frame = datasets.generate("onboarding", rows=400_000, seed=1)
    frame["sessions"] -= 0.6 * frame["visits_before"]
    means = frame.groupby("onboarding")[list(TRUTH)].mean()
    errors = frame[list(TRUTH)].std() / np.sqrt(100_000)
    found = means.loc["guided"] - means.loc["current"]
    assert (abs(found - pd.Series(TRUTH)) < 4 * errors).all()
    assert means.loc["current", "sessions"] == pytest.approx(0.6, abs=4 * errors["sessions"])
    assert means.loc["current", "activated"] == pytest.approx(0.42, abs=4 * errors["activated"])


def test_the_log_is_the_first_week_without_those_taken_for_bots() -> None:
    whole, log = datasets.load("onboarding"), datasets.load("onboarding_log")
    week = whole[whole["signed_up"] < "2025-03-10"]
    lost = week[~week["user"].isin(log["user"])]
    assert (lost["onboarding"] == "guided").all()
    assert (lost["platform"] == "android").all()
    assert (lost["sessions"] >= 3).all()
    kept = week[week["user"].isin(log["user"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, log)
    left = log[(log["onboarding"] == "guided") & (log["platform"] == "android")]
    assert left["sessions"].max() < 3
    assert len(lost) > 300


def test_nobody_was_guided_before_the_test() -> None:
    frame = datasets.load("onboarding_history")
    assert "onboarding" not in frame
    assert str(frame["signed_up"].max().date()) == "2025-03-02"
    assert frame["sessions"].mean() == pytest.approx(3.0, abs=4 * frame["sessions"].std() / np.sqrt(len(frame)))


@pytest.mark.parametrize("name", ["onboarding", "onboarding_log", "onboarding_history"])
def test_the_same_seed_gives_the_same_rows_and_the_first_are_the_same_however_many(name: str) -> None:
    frame = datasets.generate(name, rows=1_003, seed=5)
    assert len(frame) == 1_003
    pd.testing.assert_frame_equal(frame, datasets.generate(name, rows=1_003, seed=5))
    more = datasets.generate(name, rows=1_300, seed=5).drop(columns="signed_up")
    pd.testing.assert_frame_equal(frame.drop(columns="signed_up"), more.iloc[:1_003], check_exact=True)
    assert onboarding.FEWEST_ROWS < 1_003
