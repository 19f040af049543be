"""Tutoring in waves: exact effects by cohort and term, and a regression that has the wrong sign."""

import numpy as np
import pandas as pd
import pytest

from estimand.data import datasets, tutoring

TRUTH = dict(datasets.describe("tutoring").truth or {})


def wide(frame: pd.DataFrame, column: str = "score") -> np.ndarray:
    return frame.pivot(index="school", columns="term", values=column).to_numpy(dtype=float)


def centred(table: np.ndarray) -> np.ndarray:
    return table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()


def twfe(frame: pd.DataFrame) -> float:
    treated = centred(wide(frame, "tutored"))
    return float((treated * wide(frame)).sum() / (treated**2).sum())


def effect_of(frame: pd.DataFrame, adjust: bool) -> float:
    """Change since before the start against schools never tutored, by cohort and term; averaged over treated rows."""
    scores = wide(frame)
    own = frame.drop_duplicates("school").sort_values("school")
    start = own["first_term"].to_numpy()
    meals = np.column_stack([np.ones(len(own)), own["free_meals"] if adjust else np.zeros(len(own))])
    never, found, weight = start == 0, 0.0, 0
    for first in (3, 5, 7, 9):
        mine = start == first
        for term in range(first, 11):
            change = scores[:, term - 1] - scores[:, first - 2]
            slope = np.linalg.lstsq(meals[never], change[never], rcond=None)[0]
            found += (change[mine] - meals[mine] @ slope).sum()
            weight += mine.sum()
    return found / weight


def test_it_is_a_balanced_panel_of_four_cohorts_and_schools_never_tutored() -> None:
    frame = datasets.load("tutoring")
    assert frame.shape == (4_000, 6)
    assert frame.groupby("school").size().eq(10).all()
    assert set(frame["first_term"]) == {0, 3, 5, 7, 9}
    on = (frame["first_term"] > 0) & (frame["term"] >= frame["first_term"])
    assert frame["tutored"].equals(on.astype("int64"))
    assert frame.groupby("school")[["first_term", "free_meals"]].nunique().eq(1).all(axis=None)
    assert frame.groupby("first_term")["school"].nunique().min() > 30


def test_the_truth_is_the_mean_effect_on_treated_rows() -> None:
    table = tutoring.effects()
    assert table[0].tolist() == [0, 0, 0.5, 3.0, 5.5, 8.0, 10.5, 13.0, 15.5, 18.0]
    assert table[4].tolist() == [0] * 10
    frame = datasets.generate("tutoring", rows=3_007, seed=5)
    place = {start: row for row, start in enumerate(tutoring.STARTS)}
    own = np.array([table[place[g], t - 1] for g, t in zip(frame["first_term"], frame["term"], strict=True)])
    treated = frame["tutored"].to_numpy() == 1
    assert frame.attrs["truth"]["sample_att"] == pytest.approx(own[treated].mean(), abs=1e-12)
    since = (frame["term"] - frame["first_term"]).to_numpy()
    for event in range(8):
        cells = treated & (since == event)
        assert frame.attrs["truth"][f"sample_att_event_{event}"] == pytest.approx(own[cells].mean(), abs=1e-12)


def test_the_stated_truths_are_the_population_s() -> None:
    frame = datasets.generate("tutoring", rows=400_000, seed=5)
    for name in ("att", *(f"att_event_{event}" for event in range(8))):
        assert frame.attrs["truth"][f"sample_{name}"] == pytest.approx(TRUTH[name], abs=0.06)
    assert twfe(frame) == pytest.approx(TRUTH["twfe_population"], abs=0.05)


def test_the_regression_has_the_wrong_sign_and_trends_are_parallel_only_given_the_covariate() -> None:
    frame = datasets.generate("tutoring", rows=200_000, seed=4)
    assert TRUTH["att"] > 4
    assert twfe(frame) < -0.6
    assert effect_of(frame, adjust=True) == pytest.approx(frame.attrs["truth"]["sample_att"], abs=0.1)
    assert effect_of(frame, adjust=False) < TRUTH["att"] - 0.8


@pytest.mark.parametrize("rows", [200, 1_003])
def test_it_has_as_many_rows_as_asked_for(rows: int) -> None:
    frame = datasets.generate("tutoring", rows=rows, seed=0)
    assert len(frame) == rows
    pd.testing.assert_frame_equal(frame, datasets.generate("tutoring", rows=rows, seed=0))
