"""How often intervals for staggered rollouts hold the truth, and bands all truths at once."""

from typing import Any

import numpy as np
import pytest

import estimand as es
from tests.methods.panel.rollouts import DESIGN, rollout


def held(reps: int, units: int, small: int | None = None, **options: Any) -> tuple[np.ndarray, list[bool], np.ndarray]:
    """Share of intervals that hold the overall and each cohort's truth, which of 300 bands do, and bias in its SD."""
    design = {**DESIGN, "covariates": ["z"] if small is None else []}
    inside, bands, gaps = [], [], []
    for seed in range(reps):
        frame = rollout(50_000 + seed, units=units)
        if small is not None:
            frame = frame[~frame.id.isin(frame[frame.g == 2].id.unique()[small:])]
        estimate = es.estimate(frame, design, "staggered_did", aggregate="group", **options)
        # The effect is 1 + e / 2 + g / 10: over four treated periods of cohort 2, and two of cohort 4.
        truth = np.array([1.0 + 0.75 + 0.2, 1.0 + 0.25 + 0.4])
        share = frame[(frame.t == 0) & (frame.g > 0)].groupby("g").size()
        truth = np.array([np.average(truth, weights=share), *truth])
        bounds = estimate.interval()
        inside.append((bounds[:, 0] < truth) & (truth < bounds[:, 1]))
        if reps == 1000 and seed < 300:
            band = estimate.interval(joint=True)
            bands.append(bool(((band[:, 0] < truth) & (truth < band[:, 1])).all()))
        gaps.append(estimate.value - truth)
    error = np.mean(gaps, axis=0) / (np.std(gaps, axis=0) / np.sqrt(reps))
    return np.mean(inside, axis=0), bands, error


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    share, _, error = held(80, 90)
    assert (np.abs(share - 0.95) < 4.0 * np.sqrt(0.95 * 0.05 / 80)).all()
    assert (np.abs(error) < 4.0).all()


@pytest.mark.nightly
@pytest.mark.parametrize("estimator", ["dr", "ipw", "or"])
@pytest.mark.parametrize("control", ["never", "not_yet"])
def test_coverage_with_many_units(estimator: str, control: str) -> None:
    share, band, error = held(1000, 200, estimator=estimator, control=control)
    assert (share > 0.929).all()
    assert (share < 0.971).all()
    assert np.mean(band) > 0.95 - 4.0 * np.sqrt(0.95 * 0.05 / 300)
    assert (np.abs(error) < 4.0).all()


@pytest.mark.nightly
def test_left_out_in_turn_few_clusters_are_held_at_least() -> None:
    share, band, _ = held(1000, 24)
    assert (share > 0.929).all()
    assert np.mean(band) > 0.95 - 4.0 * np.sqrt(0.95 * 0.05 / 300)


@pytest.mark.nightly
def test_a_small_cohort_is_held_where_the_influence_alone_is_far_too_short() -> None:
    share, _, _ = held(1000, 120, small=3)
    assert (share > 0.9).all()
    short, _, _ = held(300, 120, small=3, covariance="influence")
    assert short[1] < 0.85
