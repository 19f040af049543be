"""The assistant product: three effects that are exact, and a plain comparison that is not."""

import numpy as np
import pandas as pd
import pytest

from estimand.core.design import as_design
from estimand.core.question import Question
from estimand.data import datasets, llm_logs
from estimand.data.build import build_sample
from estimand.data.source import read_table

TREATMENT, OUTCOME = "opt_in_agent_mode", "task_completed"


def drawn(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: frame[name].to_numpy() for name in frame}


def test_it_has_its_columns_waves_and_cutoff():
    frame = datasets.load("llm_logs")
    assert frame.shape == (50_000, 16)
    assert tuple(frame.columns) == llm_logs.COLUMNS
    assert frame["user_id"].is_unique
    assert frame["workspace_id"].nunique() == 50
    assert frame.groupby("wave")["treatment_week"].unique().map(list).to_dict() == {1: [20], 2: [30]}
    assert frame.groupby("workspace_id")["wave"].nunique().eq(1).all()
    assert frame["treated_post"].equals((frame["signup_week"] >= frame["treatment_week"]).astype("int64"))
    assert frame["routed_to_premium"].equals((frame["query_confidence"] < 0.85).astype("int64"))
    assert set(frame["engagement_tier"]) == {"light", "medium", "heavy"}
    assert not frame.isna().any().any()


def test_each_truth_is_what_its_cause_adds_to_the_probability():
    frame = datasets.generate("llm_logs", rows=3_000, seed=2)
    users, truth = drawn(frame), frame.attrs["truth"]
    assert set(truth) == {"wave", "opt_in", "premium", "naive_opt_in"}
    chance = llm_logs.completion(users, users[TREATMENT])
    for cause, key in ((TREATMENT, "opt_in"), ("treated_post", "wave"), ("routed_to_premium", "premium")):
        without = llm_logs.completion(users | {cause: 0 * users[cause]}, 0 if cause == TREATMENT else users[TREATMENT])
        np.testing.assert_allclose(chance - without, truth[key] * users[cause], atol=1e-12)


def test_probabilities_stay_inside_their_bounds_at_every_corner():
    corners = pd.MultiIndex.from_product(
        [range(1, 51), llm_logs.TIERS, (1, 20, 30, 40), (0.51, 0.8499, 0.85, 0.99)],
        names=["workspace_id", "engagement_tier", "signup_week", "query_confidence"],
    ).to_frame(index=False)
    users = drawn(corners) | {"wave": 2 - corners["workspace_id"].to_numpy() % 2}
    users["treated_post"] = users["signup_week"] >= np.where(users["wave"] == 1, 20, 30)
    users["routed_to_premium"] = users["query_confidence"] < llm_logs.CUTOFF
    assert llm_logs.completion(users, 0).min() > 0.2
    assert llm_logs.completion(users, 1).max() < 0.9
    assert 0.05 < llm_logs.propensity(users).min() < llm_logs.propensity(users).max() < 0.85


def test_the_naive_truth_is_the_population_s():
    found = []
    for seed in range(4):
        users = drawn(datasets.generate("llm_logs", rows=100_000, seed=seed))
        score, untreated = llm_logs.propensity(users), llm_logs.completion(users, 0)
        found.append(np.average(untreated + llm_logs.OPT_IN, weights=score) - np.average(untreated, weights=1 - score))
    assert np.mean(found) == pytest.approx(llm_logs.CARD.truth["naive_opt_in"], abs=1e-3)


def adjusted(frame: pd.DataFrame, *extra: str) -> float:
    """Effect of agent mode by least squares on the covariates of the card."""
    columns = [*llm_logs.COVARIATES, *extra]
    encoded = pd.get_dummies(frame[columns], drop_first=True).to_numpy(dtype=float)
    design = np.column_stack([frame[TREATMENT], np.ones(len(frame)), encoded - encoded.mean(axis=0)])
    return np.linalg.lstsq(design, frame[OUTCOME].to_numpy(dtype=float), rcond=None)[0][0]


def test_adjusting_recovers_the_truth_and_what_follows_the_task_spoils_it():
    frame = datasets.generate("llm_logs", rows=200_000, seed=3)
    means = frame.groupby(TREATMENT)[OUTCOME].mean()
    assert means[1] - means[0] == pytest.approx(0.2105, abs=0.01)
    assert adjusted(frame) == pytest.approx(0.08, abs=0.01)
    assert adjusted(frame, "thumbs_up", "retained_7d") < 0.06


def test_the_release_is_found_within_workspaces_and_weeks_and_the_prompt_does_nothing():
    frame = datasets.generate("llm_logs", rows=200_000, seed=4)
    encoded = pd.get_dummies(frame[["workspace_id", "signup_week"]].astype(str), drop_first=True).to_numpy(dtype=float)
    design = np.column_stack([frame["treated_post"], frame["prompt_variant"] == "B", np.ones(len(frame)), encoded])
    wave, prompt = np.linalg.lstsq(design.astype(float), frame[OUTCOME].to_numpy(dtype=float), rcond=None)[0][:2]
    assert wave == pytest.approx(0.05, abs=0.02)
    assert prompt == pytest.approx(0.0, abs=0.01)


def test_the_premium_model_shows_as_a_jump_at_the_cutoff():
    frame = datasets.generate("llm_logs", rows=400_000, seed=5)
    near = frame[(frame["query_confidence"] - llm_logs.CUTOFF).abs() < 0.08]
    distance = near["query_confidence"] - llm_logs.CUTOFF
    below = near["routed_to_premium"]
    tiers = pd.get_dummies(near["engagement_tier"], drop_first=True)
    design = np.column_stack([below, distance, below * distance, np.ones(len(near)), tiers]).astype(float)
    assert np.linalg.lstsq(design, near[OUTCOME].to_numpy(dtype=float), rcond=None)[0][0] == pytest.approx(
        0.06, abs=0.02
    )


def test_the_same_seed_gives_the_same_users():
    pd.testing.assert_frame_equal(
        datasets.generate("llm_logs", rows=300, seed=9), datasets.generate("llm_logs", rows=300, seed=9)
    )


def test_the_release_has_a_panel_design_whose_cohort_is_the_first_wave():
    frame = datasets.load("llm_logs")
    other = frame.attrs["others"]["wave"]
    design = as_design(other["design"])
    sample = build_sample(read_table(frame, design.columns()), design)
    assert sample.timeline is not None
    assert sample.timeline.labels == tuple(str(week) for week in range(1, 30))
    assert sample.timeline.cohorts().tolist() == [19]
    assert sample.timeline.never.mean() == pytest.approx(0.5, abs=0.01)
    assert Question(**other["question"]).benchmarks[0].value == llm_logs.WAVE
