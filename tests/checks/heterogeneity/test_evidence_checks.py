"""What the checks say where effects vary, where they do not, and where nothing can be said; and their tables."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from effect_cases import (
    CHECKS,
    COVARIATES,
    LINES,
    asked,
    case_of,
    constant,
    line_effect,
    never,
    random_effect,
    step_effect,
    table,
)

from estimand.checks.heterogeneity.calibration import EffectCalibration
from estimand.checks.heterogeneity.groups import SortedGroups
from estimand.checks.heterogeneity.profile import GroupProfile
from estimand.checks.heterogeneity.projection import EffectProjection
from estimand.checks.heterogeneity.rate import RankAverageEffect
from estimand.checks.heterogeneity.scores import effect_scores
from estimand.checks.heterogeneity.segments import SegmentEffects
from estimand.checks.heterogeneity.usable import UsableHeterogeneity
from estimand.core.finding import Grade
from estimand.core.frozen import FrozenMap

BOOSTED = {"name": "boosting", "params": {"rounds": 20}}


def test_a_step_is_found_and_told_as_large_as_it_is() -> None:
    case, estimates = case_of(table(step_effect, 1_000))
    calibration, rate, groups, profile, projection, usable = (asked(kind(), case, estimates) for kind in CHECKS)
    assert {f.grade for f in (calibration, rate, groups, usable)} == {Grade.PASS}
    assert usable.message.startswith("Usable heterogeneity")
    assert constant(groups, "difference_low") < 2.0 < constant(groups, "difference_high")
    assert groups.evidence is not None
    assert groups.evidence["value"][-1] > 1.0 > groups.evidence["value"][0]
    assert profile.evidence is not None
    first = next(profile.evidence.rows())
    assert first["covariate"] == "x0"
    assert first["most"] > first["least"]
    assert first["adjusted"] < 0.001
    assert projection.evidence is not None
    assert dict(zip(projection.evidence["covariate"], projection.evidence["adjusted"], strict=True))["x0"] < 0.001
    assert rate.evidence is not None
    assert rate.evidence["value"][0] == pytest.approx(1.0, abs=4 * rate.evidence["std_error"][0])


def test_effects_that_no_covariate_moves_are_told_as_no_usable_heterogeneity() -> None:
    """Rows differ at random: slopes are near zero on average, and one study in twenty at most says otherwise."""
    usable, slopes, grades, reps = 0, [], set(), 40
    for seed in range(reps):
        case, estimates = case_of(table(random_effect, 400, seed=seed + 100))
        reading = asked(UsableHeterogeneity(), case, estimates)
        slopes.append(asked(EffectCalibration(), case, estimates).statistic)
        grades.add(reading.grade)
        usable += reading.grade is Grade.PASS
        if reading.grade is Grade.NOTE:
            assert reading.message.startswith("No usable heterogeneity")
            assert reading.remedy is not None
    assert grades <= {Grade.PASS, Grade.NOTE}
    assert usable <= reps * 0.05 + 4 * np.sqrt(reps * 0.05 * 0.95)
    assert abs(np.mean(slopes)) < 4 * np.std(slopes) / np.sqrt(reps)


def test_lines_told_by_lines_have_a_slope_of_one() -> None:
    case, estimates = case_of(table(line_effect, 6_000))
    found = asked(EffectCalibration(), case, estimates)
    assert constant(found, "slope_low") < 1.0 < constant(found, "slope_high")
    assert found.statistic == constant(found, "slope")
    assert found.evidence is not None
    apart = np.array(found.evidence["value"]) - np.array(found.evidence["predicted"])
    assert (np.abs(apart) < 4 * np.array(found.evidence["std_error"])).all()


EXPECTED = {
    EffectCalibration: "bin rows predicted value std_error low high slope slope_low slope_high p_value mean "
    "predicted_mean",
    RankAverageEffect: "share value std_error low high band_low band_high autoc autoc_low autoc_high autoc_p qini "
    "qini_low qini_high qini_p",
    SortedGroups: "group rows predicted value low high monotone monotone_low monotone_high difference difference_low "
    "difference_high p_value average average_low average_high splits",
    GroupProfile: "covariate least most difference low high standardised p_value adjusted splits",
    EffectProjection: "covariate slope std_error low high standardised p_value adjusted",
    UsableHeterogeneity: "test value low high p_value adjusted",
}


@pytest.mark.parametrize("kind", CHECKS, ids=lambda kind: kind.spec.key)
def test_tables_have_the_columns_that_figures_read_and_only_numbers_that_are(kind: type) -> None:
    case, estimates = case_of(table(line_effect))
    found = asked(kind(), case, estimates)
    assert found.evidence is not None
    assert list(found.evidence.columns) == EXPECTED[kind].split()
    numbers = [value for column in found.evidence.columns.values() for value in column if not isinstance(value, str)]
    assert np.isfinite(numbers).all()
    assert (found.about, found.subject) == ("t_learner", "d")


def test_the_curve_ends_at_nothing_inside_a_band_that_is_wider_than_its_intervals() -> None:
    case, estimates = case_of(table(line_effect))
    rows = asked(RankAverageEffect(), case, estimates).evidence
    assert rows is not None
    assert (rows["share"][-1], rows["value"][-1], rows["std_error"][-1]) == (1.0, 0.0, 0.0)
    assert all(row["band_low"] <= row["low"] <= row["value"] <= row["high"] <= row["band_high"] for row in rows.rows())


def test_every_arm_has_an_answer_and_the_tests_share_the_level() -> None:
    case, estimates = case_of(table(line_effect, 900, arms=3))
    found = UsableHeterogeneity().examine(case, estimates, never)
    assert [finding.subject for finding in found] == ["1", "2"]
    assert found[0].evidence is not None
    for row in found[0].evidence.rows():
        assert row["adjusted"] == pytest.approx(min(1.0, 4 * row["p_value"]))


def test_one_prediction_for_all_is_no_heterogeneity() -> None:
    case, estimates = case_of(table(line_effect), {"method": "s_learner", "learner": "linear"})
    for kind in (EffectCalibration, RankAverageEffect, UsableHeterogeneity):
        found = asked(kind(), case, estimates)
        assert (found.grade, found.evidence) == (Grade.NOTE, None)
    assert asked(UsableHeterogeneity(), case, estimates).message.startswith("No usable heterogeneity")


def test_too_few_rows_are_reported_and_not_guessed_from() -> None:
    case, estimates = case_of(table(line_effect, 60))
    for kind in (EffectCalibration, RankAverageEffect, UsableHeterogeneity):
        assert asked(kind(), case, estimates).grade is Grade.NOT_RUN


def test_a_method_that_cannot_be_learned_again_is_reported() -> None:
    case, (estimate,) = case_of(table(line_effect))
    other = replace(estimate, method="theirs")
    assert "theirs" in asked(UsableHeterogeneity(), case, (other,)).message
    held = replace(estimate, options=FrozenMap({**estimate.options, "learner": "python:their.Model"}))
    assert asked(UsableHeterogeneity(), case, (held,)).grade is Grade.NOT_RUN


def test_methods_without_effects_are_not_asked() -> None:
    case, estimates = case_of(table(line_effect), "regression")
    assert not any(kind().applies(case, estimates) for kind in (*CHECKS, SegmentEffects))


@pytest.mark.parametrize("key", ["s_learner", "x_learner", "r_learner", "dr_learner", "causal_forest"])
def test_every_method_of_effects_is_judged(key: str) -> None:
    more = {"trees": 60} if key == "causal_forest" else {}
    case, estimates = case_of(table(step_effect, 800), {"method": key, "learner": BOOSTED, **more})
    assert asked(UsableHeterogeneity(), case, estimates).grade is Grade.PASS


def segmented(rows: int = 1_200) -> pd.DataFrame:
    """Effects of 2 in the north and 0 elsewhere; a size of many values, some missing."""
    rng = np.random.default_rng(4)
    region = rng.choice(["north", "south", "west"], rows)
    x = rng.normal(size=(rows, 4))
    d = rng.integers(0, 2, rows)
    y = 2.0 * d * (region == "north") + x[:, 0] + rng.normal(size=rows)
    size = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
    return pd.DataFrame(x, columns=COVARIATES).assign(d=d, y=y, region=region, size=size, rank=rng.integers(0, 3, rows))


def test_named_segments_have_the_mean_score_of_their_rows() -> None:
    roles = {"segments": ["region", "size", "rank"]}
    frame = segmented()
    case, estimates = case_of(frame, roles=roles)
    found = asked(SegmentEffects(), case, estimates)
    assert found.evidence is not None
    rows = {(row["segment"], row["level"]): row for row in found.evidence.rows()}
    assert len(rows) == 9
    north, member = rows["region", "north"], (frame["region"] == "north").to_numpy()
    scores = effect_scores(case, estimates[0])[:, 0]
    assert north["value"] == pytest.approx(scores[member].mean(), rel=1e-9)
    assert north["difference"] == pytest.approx(scores[member].mean() - scores[~member].mean(), rel=1e-9)
    assert north["std_error"] == pytest.approx(scores[member].std() / np.sqrt(member.sum()), rel=1e-9)
    assert abs(north["value"] - 2.0) < 4 * north["std_error"]
    assert sum(row["rows"] for (name, _), row in rows.items() if name == "size") == frame["size"].notna().sum()
    assert {name for (name, _), row in rows.items() if row["adjusted"] < 0.05} == {"region"}
    assert "region north" in found.message


def test_segments_too_small_for_both_arms_are_left_out_and_said_to_be() -> None:
    frame = segmented(300).assign(region=["rare"] * 5 + ["usual"] * 295)
    case, estimates = case_of(frame, roles={"segments": ["region"]})
    found = asked(SegmentEffects(), case, estimates)
    assert found.grade is Grade.NOT_RUN
    case, estimates = case_of(frame.assign(half=np.arange(300) % 2), roles={"segments": ["region", "half"]})
    assert "2 more have too few rows" in asked(SegmentEffects(), case, estimates).message


def test_projection_intervals_hold_the_truth() -> None:
    truth, held, reps = np.array([1.0, -0.5, 0.0, 0.0]), [], 40
    for seed in range(reps):
        case, estimates = case_of(table(line_effect, 400, seed=seed + 500))
        found = asked(EffectProjection(), case, estimates).evidence
        assert found is not None
        held.append((np.array(found["low"]) < truth) & (truth < np.array(found["high"])))
    assert abs(np.mean(held) - 0.95) < 4 * np.sqrt(0.95 * 0.05 / (reps * 4))


@pytest.mark.nightly
@pytest.mark.parametrize(
    "method", [LINES, {"method": "causal_forest", "trees": 200, "learner": BOOSTED}], ids=["t", "cf"]
)
def test_the_size_is_as_stated(method: dict[str, object]) -> None:
    reps, p_values, usable = 400, [], 0
    for seed in range(reps):
        case, estimates = case_of(table(random_effect, 600, seed=seed), method)
        p_values.append(
            [
                constant(asked(EffectCalibration(), case, estimates), "p_value"),
                constant(asked(RankAverageEffect(), case, estimates), "autoc_p"),
                constant(asked(SortedGroups(), case, estimates), "p_value"),
            ]
        )
        usable += asked(UsableHeterogeneity(), case, estimates).grade is Grade.PASS
    line = 0.05 + 4 * np.sqrt(0.05 * 0.95 / reps)
    assert (np.mean(np.array(p_values) <= 0.05, axis=0) <= line).all()
    assert usable / reps <= line
