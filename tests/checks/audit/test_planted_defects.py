"""Each audit fires on a planted defect, naming the column, and is silent on the same table without it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.finding import Grade

N = 3_000
DESIGN = {"treatment": "d", "outcome": "y", "covariates": ["x", "z", "region"]}


def clean(seed: int = 1, rows: int = N) -> pd.DataFrame:
    """As-if-random arms, two numbers, a category, a continuous outcome."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=rows), rng.normal(50.0, 10.0, size=rows)
    d = rng.integers(0, 2, rows)
    region = rng.choice(["north", "south", "east"], rows)
    return pd.DataFrame({"d": d, "y": x + 0.5 * d + rng.normal(size=rows), "x": x, "z": z, "region": region})


def audited(frame: pd.DataFrame, **more: Any) -> es.AuditRecord:
    return es.audit(frame, {**DESIGN, **more})


def only(record: es.AuditRecord, check: str) -> es.Finding:
    (finding,) = record.of(check)
    return finding


def fired(record: es.AuditRecord) -> set[str]:
    return {finding.check for finding in record.findings if finding.grade is not Grade.PASS}


def test_a_clean_table_passes_every_check() -> None:
    record = audited(clean())
    assert fired(record) == set()
    assert record.verdict.grade is Grade.PASS
    assert record.verdict.summary == "Every check that ran passed."
    assert {finding.check for finding in record.findings} == {
        f"audit.{name}"
        for name in (
            "arms", "missing", "attrition", "treatment_leak", "outcome_leak", "identifier", "overlap", "balance",
            "cells", "duplicates", "outliers", "influence", "outcome",
        )
    }  # fmt: skip


def test_missing_values_that_depend_on_the_arm_are_warned_of() -> None:
    frame = clean()
    lost = (frame["d"] == 1) & (np.arange(N) % 6 == 0)
    frame.loc[lost, "z"] = None
    finding = only(audited(frame), "audit.missing")
    assert (finding.grade, finding.subject) == (Grade.WARN, "z")
    assert finding.statistic == pytest.approx(lost.mean())
    by_column = {row["column"]: row for row in finding.evidence.rows()}
    assert by_column["z"]["arm 1"] == pytest.approx(lost.sum() / (frame["d"] == 1).sum())
    assert by_column["z"]["arm 0"] == 0.0
    assert by_column["x"]["missing"] == 0.0


def test_missing_values_at_random_are_noted_and_not_warned_of() -> None:
    frame = clean()
    frame.loc[np.random.default_rng(3).random(N) < 0.1, "region"] = None
    finding = only(audited(frame), "audit.missing")
    assert (finding.grade, finding.subject) == (Grade.NOTE, "region")


def test_missingness_is_counted_before_rows_are_dropped() -> None:
    frame = clean()
    frame.loc[::3, "z"] = None
    for missing in ("complete_case", "impute+indicator"):
        assert only(audited(frame, missing=missing), "audit.missing").statistic == pytest.approx(1 / 3)


def test_uneven_attrition_is_warned_of_and_even_attrition_noted() -> None:
    frame, rng = clean(), np.random.default_rng(4)
    even = frame.assign(y=frame["y"].where(rng.random(N) > 0.1))
    assert only(audited(even), "audit.attrition").grade is Grade.NOTE
    uneven = frame.assign(y=frame["y"].where((rng.random(N) > 0.1) | (frame["d"] == 0)))
    finding = only(audited(uneven), "audit.attrition")
    assert (finding.grade, finding.subject) == (Grade.WARN, "y")
    assert finding.statistic == pytest.approx(0.1, abs=0.02)
    assert "p = " in finding.message


def test_attrition_by_whole_clusters_is_not_taken_for_uneven() -> None:
    """Ten of sixty clusters lost: by rows the gap is far beyond chance, by clusters it is not."""
    frame = clean().assign(team=np.arange(N) % 60)
    frame["d"] = (frame["team"] % 2 == 0).astype(int)
    frame.loc[frame["team"].isin([0, 2, 4, 6, 8, 10, 1, 3, 5]), "y"] = None
    assert only(audited(frame), "audit.attrition").grade is Grade.WARN
    assert only(audited(frame, cluster="team"), "audit.attrition").grade is Grade.NOTE


def test_an_arm_without_outcomes_is_a_veto() -> None:
    frame = clean()
    frame.loc[frame["d"] == 1, "y"] = None
    record = audited(frame)
    assert only(record, "audit.attrition").grade is Grade.VETO
    assert record.verdict.grade is Grade.VETO


@pytest.mark.parametrize(("share", "grade"), [(0.3, Grade.PASS), (0.04, Grade.NOTE), (0.015, Grade.WARN)])
def test_a_thin_arm_is_noted_or_warned_of(share: float, grade: Grade) -> None:
    frame = clean().assign(d=(np.random.default_rng(8).random(N) < share).astype(int))
    finding = only(audited(frame), "audit.arms")
    assert (finding.grade, finding.subject) == (grade, "1" if share < 0.5 else "0")
    assert sum(finding.evidence["rows"]) == N


def test_few_clusters_of_constant_treatment_are_warned_of() -> None:
    frame = clean()
    for teams, constant, grade in ((20, True, Grade.WARN), (100, True, Grade.PASS), (20, False, Grade.NOTE)):
        team = np.arange(N) % teams
        changed = frame.assign(team=team, d=(team % 2) if constant else frame["d"])
        finding = only(audited(changed, cluster="team"), "audit.clusters")
        assert (finding.grade, finding.subject, finding.statistic) == (grade, "team", pytest.approx(teams, rel=0.01))


def test_one_huge_cluster_is_worth_few() -> None:
    team = np.where(np.arange(N) < 0.8 * N, 0, np.arange(N) % 200)
    finding = only(audited(clean().assign(team=team), cluster="team"), "audit.clusters")
    assert finding.statistic < 2.0


def test_arms_recorded_at_different_times_are_a_veto_and_drift_a_warning() -> None:
    frame, rng = clean(), np.random.default_rng(5)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, N), unit="D")
    roles = {"timestamp": "when"}
    assert only(audited(frame.assign(when=day), roles=roles), "audit.timing").grade is Grade.PASS
    apart = frame.assign(when=day + pd.to_timedelta(400 * frame["d"], unit="D"))
    finding = only(audited(apart, roles=roles), "audit.timing")
    assert (finding.grade, finding.subject) == (Grade.VETO, "when")
    drifting = frame.assign(when=day + pd.to_timedelta(120 * frame["d"], unit="D"))
    finding = only(audited(drifting, roles=roles), "audit.timing")
    assert finding.grade is Grade.WARN
    assert finding.evidence["share 1"][0] < 0.1
    assert finding.evidence["share 1"][-1] > 0.9


def test_a_timestamp_of_text_is_not_run() -> None:
    record = audited(clean().assign(when=["soon", "late", "now"] * (N // 3)), roles={"timestamp": "when"})
    assert only(record, "audit.timing").grade is Grade.NOT_RUN
    assert record.verdict.grade is Grade.NOTE
    assert "could not be run" in record.verdict.summary


def test_copies_are_warned_of_and_chance_is_not() -> None:
    frame = pd.concat([clean(), clean().head(25)], ignore_index=True)
    finding = only(audited(frame), "audit.duplicates")
    assert (finding.grade, finding.statistic) == (Grade.WARN, 25.0)
    assert finding.evidence["rows_used"][0] == "1, 3001"
    rounded = clean().assign(x=lambda f: f["x"].round(), z=lambda f: f["z"].round(-1), y=lambda f: f["y"].round())
    finding = only(audited(rounded), "audit.duplicates")
    assert finding.grade is Grade.PASS
    assert "are alike in values that many rows share" in finding.message


def test_copies_of_rounded_numbers_are_found_by_their_rare_values() -> None:
    tidy = clean().round({"x": 2, "y": 2, "z": 1})
    assert only(audited(tidy), "audit.duplicates").grade is Grade.PASS
    copied = pd.concat([tidy, tidy.head(300)], ignore_index=True)
    assert only(audited(copied), "audit.duplicates").grade is Grade.WARN


@pytest.mark.parametrize(
    ("made", "grade"),
    [
        (lambda f, rng: 3.0 * f["d"] - 1.0, Grade.VETO),
        (lambda f, rng: f["d"] + rng.uniform(0.0, 0.9, len(f)), Grade.VETO),
        (lambda f, rng: f["d"].map({0: "web", 1: "app"}), Grade.VETO),
        (lambda f, rng: np.where(f["d"] == 1, rng.choice([-2.0, 2.0], len(f)), 0.0) + rng.normal(size=len(f)) / 9,
         Grade.WARN),
        (lambda f, rng: 4.0 * f["d"] + rng.normal(size=len(f)), Grade.WARN),
    ],
)  # fmt: skip
def test_a_covariate_that_determines_treatment_is_named(made: Any, grade: Grade) -> None:
    frame = clean()
    frame["leak"] = made(frame, np.random.default_rng(6))
    record = audited(frame, covariates=["x", "leak"])
    finding = only(record, "audit.treatment_leak")
    assert (finding.grade, finding.subject) == (grade, "leak")
    assert finding.evidence["covariate"][0] == "leak"
    assert record.verdict.grade is grade


@pytest.mark.parametrize(
    ("made", "grade"),
    [
        (lambda y, rng: 2.0 - 5.0 * y, Grade.VETO),
        (lambda y, rng: y + 0.1 * rng.normal(size=len(y)), Grade.WARN),
        (lambda y, rng: np.exp(2.0 * y), Grade.VETO),
        (lambda y, rng: y + 0.5 * rng.normal(size=len(y)), Grade.PASS),
    ],
)
def test_a_covariate_that_restates_the_outcome_is_named(made: Any, grade: Grade) -> None:
    frame = clean()
    frame["leak"] = made(frame["y"], np.random.default_rng(7))
    finding = only(audited(frame, covariates=["x", "leak"]), "audit.outcome_leak")
    assert (finding.grade, finding.subject) == (grade, "leak")


def test_a_covariate_that_restates_a_binary_outcome_is_named() -> None:
    frame = clean().assign(y=lambda f: (f["y"] > 0.0).astype(int))
    frame["score"] = frame["y"] + np.random.default_rng(9).normal(0.0, 0.25, N)
    finding = only(audited(frame, covariates=["x", "score"]), "audit.outcome_leak")
    assert (finding.grade, finding.subject) == (Grade.WARN, "score")
    frame["closed"] = frame["y"].map({0: "no", 1: "yes"})
    assert only(audited(frame, covariates=["x", "closed"]), "audit.outcome_leak").grade is Grade.VETO


def test_identifiers_among_the_covariates_are_named() -> None:
    rng = np.random.default_rng(10)
    frame = clean().assign(
        account=rng.permutation(N) + 7,
        user_id=rng.choice(10**9, N, replace=False),
        income=rng.integers(10_000, 90_000, N),
        salary=rng.choice(10**9, N, replace=False),
    )
    record = audited(frame, covariates=["x", "account", "user_id", "income", "salary"])
    assert [finding.subject for finding in record.of("audit.identifier")] == ["account", "user_id"]
    few = clean(rows=100).assign(who=[f"p{j % 50}" for j in range(100)])
    assert only(audited(few, covariates=["x", "who"]), "audit.identifier").subject == "who"


def test_categories_without_rows_in_an_arm_are_warned_of_and_thin_ones_noted() -> None:
    frame = clean()
    frame.loc[np.flatnonzero(frame["d"] == 1)[:40], "region"] = "west"
    finding = only(audited(frame), "audit.cells")
    assert (finding.grade, finding.subject) == (Grade.WARN, "region")
    assert "'region = west' has 40 rows, none of them in arm '0'" in finding.message
    rare = clean()
    rare.loc[:5, "region"] = "west"
    finding = only(audited(rare), "audit.cells")
    assert (finding.grade, finding.subject) == (Grade.NOTE, "region")


def test_a_code_for_missing_is_warned_of_and_a_typing_error_noted() -> None:
    frame = clean()
    frame.loc[::100, "z"] = -999.0
    finding = only(audited(frame), "audit.outliers")
    assert (finding.grade, finding.subject) == (Grade.WARN, "z")
    assert "-999, 30 times over" in finding.message
    frame = clean()
    frame.loc[5, "x"] = 400.0
    assert only(audited(frame), "audit.outliers").grade is Grade.NOTE


def test_a_row_that_carries_the_difference_is_named() -> None:
    frame = clean()
    frame.loc[17, "y"] = 900.0
    finding = only(audited(frame), "audit.influence")
    assert (finding.grade, finding.subject) == (Grade.WARN, "y")
    assert finding.evidence["row_used"][0] == 18
    assert finding.statistic == pytest.approx(1.0, abs=0.02)


def test_imbalance_is_noted_in_a_study_and_warned_of_in_an_experiment() -> None:
    frame = clean()
    frame["x"] += 0.4 * frame["d"]
    for kind, grade in (("observational", Grade.NOTE), ("experiment", Grade.WARN)):
        finding = only(audited(frame, kind=kind), "audit.balance")
        assert (finding.grade, finding.subject) == (grade, "x")
        assert finding.evidence["feature"][0] == "x"
    skewed = clean()
    skewed.loc[(skewed["d"] == 1) & (np.arange(N) % 3 == 0), "region"] = "north"
    assert only(audited(skewed), "audit.balance").subject == "region = north"


def test_poor_overlap_is_warned_of_and_none_is_a_veto() -> None:
    rng = np.random.default_rng(12)
    frame = clean()
    frame["d"] = (rng.random(N) < 1.0 / (1.0 + np.exp(-3.0 * frame["x"]))).astype(int)
    finding = only(audited(frame), "audit.overlap")
    assert finding.grade is Grade.WARN
    assert sum(finding.evidence["arm 0"]) + sum(finding.evidence["arm 1"]) == N
    frame["d"] = (frame["x"] + (frame["z"] - 50.0) / 10.0 > 0.0).astype(int)
    record = audited(frame)
    assert only(record, "audit.treatment_leak").grade is Grade.PASS
    assert only(record, "audit.overlap").grade is Grade.VETO


def test_partial_separation_is_said_and_ridged() -> None:
    frame = clean()
    frame.loc[np.flatnonzero(frame["d"] == 1)[:60], "region"] = "west"
    finding = only(audited(frame), "audit.overlap")
    assert finding.grade is Grade.WARN
    assert "a ridge was added" in finding.message


def test_declared_and_derived_post_treatment_covariates_are_vetoed() -> None:
    frame = clean()
    frame["clicks"] = frame["d"] + np.random.default_rng(13).normal(size=N)
    frame["clicks_scaled"] = 10.0 * frame["clicks"] + 3.0
    roles = {"post_treatment": ["clicks"]}
    for column in ("clicks", "clicks_scaled"):
        finding = only(audited(frame, covariates=["x", column], roles=roles), "audit.post_treatment")
        assert (finding.grade, finding.subject) == (Grade.VETO, column)
    assert only(audited(frame, roles=roles), "audit.post_treatment").grade is Grade.PASS


@pytest.mark.parametrize(
    ("name", "grade", "make"),
    [
        ("binary,", Grade.PASS, lambda rng: rng.integers(0, 2, N)),
        ("binary and rare", Grade.NOTE, lambda rng: (np.arange(N) < 8).astype(int)),
        ("a count", Grade.PASS, lambda rng: rng.poisson(3.0, N)),
        ("a count", Grade.PASS, lambda rng: rng.poisson(0.5, N)),
        ("zero-inflated", Grade.NOTE, lambda rng: rng.poisson(3.0, N) * rng.integers(0, 2, N)),
        ("zero-inflated", Grade.NOTE, lambda rng: rng.exponential(3.0, N) * rng.integers(0, 2, N)),
        ("heavily skewed", Grade.NOTE, lambda rng: rng.lognormal(0.0, 1.2, N)),
        ("continuous", Grade.PASS, lambda rng: rng.normal(size=N)),
    ],
)
def test_the_kind_of_the_outcome_is_named(name: str, grade: Grade, make: Any) -> None:
    finding = only(audited(clean().assign(y=make(np.random.default_rng(14)))), "audit.outcome")
    assert finding.grade is grade
    assert f"is {name}" in finding.message


def test_several_arms_and_outcomes_are_audited_once_each() -> None:
    rng = np.random.default_rng(15)
    frame = clean().assign(d=rng.choice(["a", "b", "c"], N), y2=rng.normal(size=N))
    record = audited(frame, outcome=["y", "y2"], control="a")
    assert fired(record) == set()
    assert [finding.about for finding in record.of("audit.outcome")] == ["y", "y2"]
    assert [finding.subject for finding in record.of("audit.overlap")] == ["b", "c"]
    assert len(record.of("audit.balance")) == 1


def test_a_design_without_covariates_is_audited_too() -> None:
    assert fired(audited(clean(), covariates=[])) == set()


def test_the_gates_move_the_lines() -> None:
    frame = clean()
    frame["leak"] = 2.0 * frame["d"] + np.random.default_rng(16).normal(size=N)
    design = {**DESIGN, "covariates": ["leak"]}
    strict = es.audit(frame, design, gates=es.GatePolicy(leak=0.9))
    assert only(strict, "audit.treatment_leak").grade is Grade.WARN
    assert only(es.audit(frame, design), "audit.treatment_leak").grade is Grade.PASS


def test_the_record_survives_json_and_its_digest_does_not_know_the_time() -> None:
    frame = clean()
    frame.loc[::9, "z"] = None
    record = audited(frame)
    again = es.AuditRecord.from_dict(record.to_dict())
    assert again.to_dict() == record.to_dict()
    assert again.digest() == record.digest() == audited(frame).digest()
    with pytest.raises(es.DataError, match="no audit of schema"):
        es.AuditRecord.from_dict({"schema": 1})


@pytest.mark.parametrize("nothing", ["", None])
def test_an_outcome_without_a_value_is_an_error(nothing: Any) -> None:
    with pytest.raises(es.DataError, match="missing in every row"):
        audited(clean().assign(y=[nothing] * N))


def test_small_odd_tables_are_audited_or_refused_and_never_crash() -> None:
    answers = set()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        rows = int(rng.choice([4, 8, 30, 120]))
        odd = pd.DataFrame({name: odd_column(rng, rows) for name in ("y", "x", "z", "clicks", "when")})
        odd["d"], odd["team"] = rng.integers(0, 1 + rng.integers(1, 3), rows), rng.integers(0, max(1, rows // 6), rows)
        roles = {"timestamp": "when", "post_treatment": ["clicks"]}
        missing = ("complete_case", "impute+indicator")[seed % 2]
        try:
            record = audited(odd, covariates=["x", "z"], roles=roles, missing=missing, cluster="team")
        except es.EstimandError:
            answers.add("refused")
        else:
            answers.add(str(record.verdict.grade))
            assert es.AuditRecord.from_dict(record.to_dict()).digest() == record.digest()
            assert not [f for f in record.findings if "nan" in f.message]
    assert answers >= {"refused", "warn", "veto"}


def odd_column(rng: np.random.Generator, rows: int) -> pd.Series:
    made = (
        lambda: rng.normal(size=rows),
        lambda: rng.integers(0, 2, rows),
        lambda: np.ones(rows),
        lambda: np.arange(rows) * 1e6,
        lambda: rng.choice(["a", "b", "c"], rows),
        lambda: rng.lognormal(0.0, 4.0, rows),
    )[rng.integers(0, 6)]()
    column = pd.Series(made)
    return column.where(rng.random(rows) < rng.choice([0.0, 0.6, 0.95, 1.0, 1.0, 1.0]))


def test_one_arm_is_an_error() -> None:
    with pytest.raises(es.DataError, match="one value only"):
        audited(clean().assign(d=1))
