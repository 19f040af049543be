"""Random common cause, random subsets, one covariate left out: quiet where all is well, heard where it is not."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest
from stress_cases import COVARIATES, PLAIN_AIPW, altered, confounded, estimated, found, never, run

import estimand as es
from estimand.checks.stress.altered import subset, with_squares
from estimand.checks.stress.leave_one_out import LeaveOneCovariateOut
from estimand.checks.stress.random_cause import RandomCommonCause, with_noise
from estimand.checks.stress.subsets import SubsetStability
from estimand.core.compare import difference_between
from estimand.core.uncertainty import Normal
from estimand.errors import DataError
from estimand.methods.adjustment.regression import Regression

CAUSE, PARTS, LEFT = "stress.random_common_cause", "stress.subset_stability", "stress.leave_one_covariate_out"
DESIGN = {"treatment": "d", "outcome": "y", "covariates": COVARIATES}


def refit(estimate: es.Estimate, case: object) -> es.Estimate:
    return replace(es.estimate(case.source, case.design, estimate.method), id=estimate.id)


@pytest.fixture(scope="module")
def record() -> es.StudyRecord:
    return run(confounded(600), ["difference", "regression", "ipw", PLAIN_AIPW])


def test_a_sound_study_is_quiet_and_what_is_dear_is_not_run(record: es.StudyRecord) -> None:
    for key in (CAUSE, PARTS):
        grades = {f.about: f.grade for f in record.findings if f.check == key}
        assert grades == {"regression": es.Grade.PASS, "ipw": es.Grade.PASS, "aipw": es.Grade.NOT_RUN}
        assert "stress: full" in found(record, key, "aipw").remedy
    assert found(record, LEFT, "regression").grade is es.Grade.NOTE


def test_the_random_cause_is_a_covariate_of_the_refit() -> None:
    """By hand: the same column in the table."""
    frame = confounded(300)
    evidence = found(run(frame, ["ipw"]), CAUSE, "ipw").evidence
    case, _ = estimated(frame, ["ipw"])
    for draw in range(3):
        column = with_noise(case, CAUSE, draw).sample().features.values[:, -1]
        again = es.estimate(frame.assign(w=column), {**DESIGN, "covariates": [*COVARIATES, "w"]}, "ipw")
        assert evidence["estimate"][draw] == pytest.approx(again.value[0], rel=1e-9)
    assert abs(column.mean()) < 0.25


def test_a_random_cause_moves_least_squares_by_the_product_of_two_normals() -> None:
    """σ z₁z₂/(n s), over the standard error σ/(√n s): root mean square 1/√n."""
    case, estimates = estimated(confounded(400), [{"method": "regression", "interactions": False}])

    def one_slope(estimate: es.Estimate, changed: object) -> es.Estimate:
        return es.estimate(changed.source, changed.design, "regression", interactions=False)

    finding = RandomCommonCause(draws=200).examine(case, estimates, one_slope)[0]
    assert finding.statistic == pytest.approx(1 / np.sqrt(400), rel=4 * np.sqrt(8 / 200) / 2)


def test_a_fit_with_hardly_more_rows_than_coefficients_moves() -> None:
    rng = np.random.default_rng(4)
    frame = confounded(34, 3)
    more = {f"n{j}": rng.normal(size=34) for j in range(9)}
    frame = frame.assign(d=np.arange(34) % 2, **more)
    finding = found(run(frame, ["regression"], covariates=[*COVARIATES, *more]), CAUSE, "regression")
    assert finding.grade is es.Grade.WARN
    assert finding.statistic > 0.5
    assert "fewer covariates" in finding.remedy


def test_a_move_that_is_the_splits_own_is_a_note() -> None:
    case, estimates = estimated(confounded(300), [PLAIN_AIPW])

    def restless(estimate: es.Estimate, changed: object) -> es.Estimate:
        key = f"{changed.source.fingerprint} {changed.run.seed}"
        step = np.random.default_rng(crc32(key.encode())).normal()
        return replace(estimate, value=estimate.value + step * estimate.std_error)

    full = replace(case, stress="full")
    (finding,) = RandomCommonCause().examine(full, estimates, restless)
    assert finding.grade is es.Grade.NOTE
    assert "repeats=5" in finding.remedy


def test_matching_that_moves_is_a_note() -> None:
    case, (estimate,) = estimated(confounded(200), ["ipw"])
    matched = replace(estimate, inference="matching")
    moved = altered(lambda estimate, changed: replace(estimate, value=estimate.value + estimate.std_error))
    (finding,) = RandomCommonCause().examine(case, (matched,), moved)
    assert (finding.grade, finding.statistic) == (es.Grade.NOTE, pytest.approx(1.0))
    assert "matched with whom" in finding.remedy


def test_subsets_are_refits_on_those_rows_and_spread_as_theory_says() -> None:
    frame = confounded(400)
    finding = found(run(frame, ["regression"]), PARTS, "regression")
    case, (full,) = estimated(frame, ["regression"])
    for draw in range(10):
        rows = subset(case, 0.8, (PARTS, "y", draw)).sample().index
        assert rows.shape == (320,)
        again = es.estimate(frame.iloc[rows], DESIGN, "regression")
        assert finding.evidence["estimate"][draw] == pytest.approx(again.value[0], rel=1e-9)
    expected = full.std_error[0] * np.sqrt(1 / 0.8 - 1)
    assert finding.evidence["expected"][0] == pytest.approx(expected)
    distance = np.array(finding.evidence["estimate"]) - full.value[0]
    assert finding.statistic == pytest.approx(np.sqrt(np.mean(distance**2)) / expected)


def test_many_subsets_have_the_variance_that_sampling_theory_gives() -> None:
    """Of a mean difference in equal-sized arms the ratio's square has mean one; its Monte Carlo error is √(2/b)."""
    case, estimates = estimated(confounded(800), ["regression"])
    finding = SubsetStability(draws=300, spend=1e9).examine(case, estimates, refit)[0]
    assert finding.statistic**2 == pytest.approx(1.0, abs=4 * np.sqrt(2 / 300) + 0.05)


def test_a_standard_error_that_is_too_small_is_seen_in_subsets() -> None:
    case, (estimate,) = estimated(confounded(400), ["regression"])
    small = replace(estimate, uncertainty=Normal(estimate.uncertainty.vcov / 16.0))
    (finding,) = SubsetStability().examine(case, (small,), refit)
    assert finding.grade is es.Grade.WARN
    assert finding.statistic > finding.threshold
    assert "most influential unit carries" in finding.remedy


def test_clusters_are_kept_or_left_as_a_whole() -> None:
    frame = confounded(600).assign(team=np.arange(600) % 60)
    case, _ = estimated(frame, ["regression"], cluster="team")
    part = subset(case, 0.8, ("key",)).sample()
    teams, counts = np.unique(part.cluster, return_counts=True)
    assert teams.shape == (48,)
    assert set(counts) == {10}
    assert "of the clusters" in found(run(frame, ["regression"], cluster="team"), PARTS).message


def test_subsets_that_fail_are_counted_and_too_many_are_no_answer() -> None:
    case, estimates = estimated(confounded(300), ["regression"])
    seen: list[int] = []

    def fragile(estimate: es.Estimate, changed: object) -> es.Estimate:
        seen.append(1)
        if len(seen) % 4 < 3:
            raise DataError("Nothing varies.", remedy="None.")
        return refit(estimate, changed)

    (finding,) = SubsetStability().examine(case, estimates, fragile)
    assert finding.grade is es.Grade.NOT_RUN
    assert "of 10 subsets" in finding.message


def test_leaving_out_a_covariate_is_the_study_without_it(record: es.StudyRecord) -> None:
    frame = confounded(600)
    for method in ("regression", "ipw"):
        finding = found(record, LEFT, method)
        assert finding.evidence["covariate"][0] == "x0"
        for name, value in zip(finding.evidence["covariate"], finding.evidence["estimate"], strict=True):
            kept = {**DESIGN, "covariates": [other for other in COVARIATES if other != name]}
            assert value == pytest.approx(es.estimate(frame, kept, method).value[0], rel=1e-9)
        assert "it keeps its sign" in finding.message


def test_the_error_of_a_move_is_that_of_the_difference() -> None:
    frame = confounded(500)
    finding = found(run(frame, ["regression"]), LEFT, "regression")
    case, (full,) = estimated(frame, ["regression"])
    bare = refit(full, replace(case, source=case.sample().without("x0")))
    assert finding.evidence["move_error"][0] == pytest.approx(difference_between(bare, full).std_error[0])


def test_a_covariate_on_which_the_sign_rests_is_named_and_counts_with_all_its_levels() -> None:
    rng = np.random.default_rng(1)
    site = rng.integers(0, 3, 900)
    d = (rng.random(900) < 0.2 + 0.3 * site).astype(int)
    y = -0.5 * d + 2.0 * site + rng.normal(size=900)
    frame = confounded(900).assign(d=d, y=y, site=np.array(["a", "b", "c"])[site])
    finding = found(run(frame, ["regression"], covariates=["x1", "site"]), LEFT)
    assert finding.evidence["covariate"] == ("site", "x1")
    assert "Without 'site' its sign turns" in finding.message
    assert finding.grade is es.Grade.NOTE


def test_cost_is_known_before_and_full_lifts_it() -> None:
    case, estimates = estimated(confounded(300), ["regression", PLAIN_AIPW])
    for check in (RandomCommonCause(spend=1.0), SubsetStability(spend=1.0, limit=1.0), LeaveOneCovariateOut(spend=1.0)):
        assert [f.grade for f in check.examine(case, estimates, never)] == [es.Grade.NOT_RUN] * 2
    same = altered(lambda estimate, changed: estimate)
    whole = replace(case, stress="full")
    assert [f.about for f in LeaveOneCovariateOut(spend=1.0).examine(whole, estimates, same)] == ["regression", "aipw"]


def test_ratios_are_not_run_and_say_why() -> None:
    frame = confounded(400)
    frame["y"] = (frame["y"] > 0.5).astype(int)
    ratio = {"method": "gcomputation", "contrast": "ratio", "id": "ratio"}
    record = run(frame, ["regression", ratio])
    for key in (CAUSE, PARTS, LEFT):
        finding = found(record, key, "ratio")
        assert finding.grade is es.Grade.NOT_RUN
        assert "ratio" in finding.message


def test_several_arms_are_all_examined() -> None:
    frame = confounded(600)
    frame["d"] = np.where(np.arange(600) % 3 == 0, 2, frame["d"])
    record = run(frame, ["regression"])
    assert {f.subject for f in record.findings if f.check == LEFT} == {"1", "2"}
    assert found(record, CAUSE).subject in {"1", "2"}


def test_rows_without_the_outcome_change_with_the_others() -> None:
    frame = confounded(400)
    frame.loc[::7, "y"] = np.nan
    case, _ = estimated(frame, ["regression"])
    for change in (with_squares(case), with_noise(case, "k", 0), subset(case, 0.8, ("k",))):
        assert change.unobserved.features.names == change.sample().features.names
    assert subset(case, 0.5, ("k",)).unobserved.n == round(0.5 * case.unobserved.n)


def test_squares_are_of_what_takes_more_than_two_values() -> None:
    frame = confounded(200).assign(yes=np.arange(200) % 2)
    case, _ = estimated(frame, ["regression"], covariates=["x0", "yes"])
    squared = with_squares(case).sample()
    assert squared.features.names == ("x0", "yes", "x0²")
    x = case.sample().features.values[:, 0]
    assert squared.features.values[:, 2] == pytest.approx(((x - x.mean()) / x.std()) ** 2)
    assert not any(feature.source == "x0" for feature in squared.without("x0").features.features)


def test_threads_do_not_matter() -> None:
    frame = confounded(200)
    assert len({run(frame, ["regression", "ipw"], threads=threads).digest() for threads in (1, 3)}) == 1


def test_half_the_subsets_are_drawn_where_all_would_cost_too_much() -> None:
    case, estimates = estimated(confounded(300), ["regression"])
    cost = 300 * 4
    counts = [
        len(SubsetStability(spend=spend).examine(case, estimates, refit)[0].evidence) for spend in (10 * cost, 9 * cost)
    ]
    assert counts == [10, 5]


def test_a_refit_that_two_checks_ask_for_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    estimate = Regression.estimate

    def counted(self: Regression, case: object) -> es.Estimate:
        seen.append(case.source.fingerprint)
        return estimate(self, case)

    monkeypatch.setattr(Regression, "estimate", counted)
    run(confounded(200), ["regression"])
    assert len(set(seen)) == len(seen)
