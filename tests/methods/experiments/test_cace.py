"""Effect on compliers: against two-stage least squares, in simulation, where the first stage is weak, and refusals."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import estimand as es
from estimand.stats.metric_moments import joint_means
from estimand.stats.moments import arm_moments
from estimand.stats.wald_ratio import wald_ratios

DESIGN: dict[str, Any] = {"kind": "experiment", "variant": "v", "control": "A", "took": "took", "metrics": ["y"]}
ADJUSTED = {**DESIGN, "metrics": [{"column": "y", "covariate": "x"}], "strata": "s"}


def table(n: int = 4_000, seed: int = 0, follow: float = 0.6, always: float = 0.1, gain: float = 2.0) -> pd.DataFrame:
    """Compliers gain; those who always take the treatment have more to begin with."""
    rng = np.random.default_rng(seed)
    v, kind, x = rng.choice(["A", "B", "C"], n), rng.random(n), rng.normal(size=n)
    eager, complier = kind < always, (kind >= always) & (kind < always + follow)
    took = eager | (complier & (v != "A"))
    y = 10.0 + x + 3.0 * eager + rng.normal(size=n) + gain * took
    return pd.DataFrame({"v": v, "took": took.astype(int), "x": x, "y": y, "s": rng.choice(["p", "q"], n)})


def ratio(frame: pd.DataFrame, columns: np.ndarray | None = None) -> tuple[float, float, float]:
    """Wald's ratio of B against A, its delta error with HC-like residuals by arm, and the first stage's F."""
    two = frame[frame["v"] != "C"]
    means = two.groupby("v")[["y", "took"]].mean()
    spread = sum(rows[["y", "took"]].cov() / len(rows) for _, rows in two.groupby("v"))
    y, d = (means.loc["B"] - means.loc["A"]).to_numpy()
    slope = np.array([1.0 / d, -y / d**2])
    return y / d, float(np.sqrt(slope @ spread.to_numpy() @ slope)), d**2 / spread.loc["took", "took"]


def test_it_is_the_ratio_of_both_effects_with_its_delta_error() -> None:
    frame = table()
    found = es.estimate(frame, DESIGN, "cace")
    value, error, strength = ratio(frame)
    assert found.value[0] == pytest.approx(value, rel=1e-10)
    assert found.details["std_error"][0] == pytest.approx(error, rel=1e-10)
    assert found.details["first_stage_f"][0] == pytest.approx(strength, rel=1e-10)
    assert found.target is es.Target.LATE
    assert found.population.label == "everyone"
    np.testing.assert_allclose(found.details["uptake"], frame.groupby("v")["took"].mean(), rtol=1e-10)
    plain = es.estimate(frame, DESIGN, "difference")
    np.testing.assert_allclose(found.details["intention_to_treat"][:, 0], plain.value, rtol=1e-10)
    np.testing.assert_allclose(found.details["intention_to_treat"][:, 1], plain.std_error, rtol=1e-10)
    np.testing.assert_allclose(found.p_value, plain.p_value, rtol=1e-8)


def test_its_error_is_that_of_two_stage_least_squares() -> None:
    """Residuals of the second stage at the treatment received, with HC0 of the instrument."""
    frame = table()
    two = frame[frame["v"] != "C"].reset_index(drop=True)
    z, d, y = (two["v"] == "B").to_numpy(dtype=float), two["took"].to_numpy(dtype=float), two["y"].to_numpy()
    first = sm.OLS(d, sm.add_constant(z)).fit()
    second = sm.OLS(y, sm.add_constant(first.fittedvalues)).fit()
    left = y - sm.add_constant(d) @ second.params
    off = z - z.mean()
    error = np.sqrt(np.square(off * left).sum()) / (off @ d)
    found = es.estimate(two, {**DESIGN}, "cace")
    assert found.value[0] == pytest.approx(second.params[1], rel=1e-8)
    assert found.details["std_error"][0] == pytest.approx(error, rel=2e-3)


def test_adjusted_it_divides_effects_that_cuped_gives() -> None:
    frame = table()
    found = es.estimate(frame, ADJUSTED, "cace")
    above = es.estimate(frame, ADJUSTED, "cuped")
    taken = {**ADJUSTED, "took": None, "metrics": [{"column": "took", "covariate": "x"}]}
    below = es.estimate(frame, taken, "cuped")
    np.testing.assert_allclose(found.value, above.value / below.value, rtol=1e-9)
    np.testing.assert_allclose(found.details["intention_to_treat"][:, 1], above.std_error, rtol=1e-9)
    np.testing.assert_allclose(found.details["first_stage"][:, 1], below.std_error, rtol=1e-9)
    assert (
        found.details["std_error"][0] < es.estimate(frame, {**ADJUSTED}, "cace", adjust=False).details["std_error"][0]
    )


def test_the_set_is_where_the_difference_at_an_effect_is_not_rejected() -> None:
    """Anderson and Rubin by hand: Welch of y - τ·took between the arms, at the ends of the set."""
    for follow in (0.6, 0.08):
        frame = table(900, follow=follow)
        found = es.estimate(frame, DESIGN, "cace", level=0.9)
        segments = found.uncertainty.at(0.9)[0]
        for low, high in segments:
            for end in (low, high):
                if not np.isfinite(end):
                    continue
                left = frame["y"] - end * frame["took"]
                b, a = left[frame["v"] == "B"], left[frame["v"] == "A"]
                z = (b.mean() - a.mean()) / np.sqrt(b.var() / len(b) + a.var() / len(a))
                assert abs(z) == pytest.approx(1.6474, abs=0.002)


def test_compliers_effect_is_held_as_often_as_said_weak_or_strong() -> None:
    rng, repetitions = np.random.default_rng(8), 2_000
    for follow in (0.5, 0.05):
        held = count = 0
        for _ in range(repetitions):
            n = 300
            v, kind = rng.integers(0, 2, n), rng.random(n)
            eager, complier = kind < 0.2, (kind >= 0.2) & (kind < 0.2 + follow)
            took = (eager | (complier & (v == 1))).astype(float)
            y = 3.0 * eager + 2.0 * took + rng.normal(size=n)
            joint = joint_means([arm_moments(np.stack([y, took], axis=1), v, 2)], 2)
            if joint.mean[0, 1] == joint.mean[1, 1]:
                continue
            count += 1
            held += any(low <= 2.0 <= high for low, high in wald_ratios(joint).sets(0.95)[0])
        assert count > 0.95 * repetitions
        assert abs(held / count - 0.95) <= 4.0 * np.sqrt(0.95 * 0.05 / count)


def test_a_weak_first_stage_is_a_warning_and_its_set_may_be_unbounded() -> None:
    frame = table(400, follow=0.02)
    found = es.estimate(frame, DESIGN, "cace")
    weak = [finding for finding in found.findings if finding.check == "cace.first_stage"]
    assert {finding.subject for finding in weak} == {"B", "C"}
    assert all(finding.statistic < 23.1 == finding.threshold for finding in weak)
    assert not np.isfinite(found.interval()).all()
    assert not [f for f in es.estimate(table(), DESIGN, "cace").findings if f.check == "cace.first_stage"]


def test_it_says_whom_the_effect_is_about() -> None:
    def told(frame: pd.DataFrame) -> tuple[str, str]:
        (finding,) = (f for f in es.estimate(frame, DESIGN, "cace").findings if f.check == "cace.compliance")
        return str(finding.grade), finding.message

    assert "nobody did in control" in told(table(always=0.0))[1]
    assert "some did in control" in told(table())[1]
    frame = table()
    grade, message = told(frame.assign(took=1 - frame["took"]))
    assert grade == "warn"
    assert "fewer took it" in message


def test_all_who_comply_give_the_effect_of_assignment() -> None:
    frame = table(600).assign(took=lambda rows: (rows["v"] != "A").astype(int))
    found, plain = es.estimate(frame, DESIGN, "cace"), es.estimate(frame, DESIGN, "difference")
    np.testing.assert_allclose(found.value, plain.value, rtol=1e-10)
    np.testing.assert_allclose(found.interval(), plain.interval(), rtol=1e-8)
    assert list(found.details["first_stage_f"]) == [None, None]
    np.testing.assert_allclose(found.details["uptake"], [0.0, 1.0, 1.0])


@pytest.mark.parametrize("gaps", [False, True])
def test_files_and_rows_say_the_same(gaps: bool, tmp_path: Path) -> None:
    frame = table()
    if gaps:
        frame.loc[::7, "x"] = np.nan
        frame["took"] = frame["took"].astype("Int64")
        frame.loc[::11, "took"] = pd.NA
    frame.to_parquet(tmp_path / "t.parquet")
    files = es.estimate(str(tmp_path / "t.parquet"), ADJUSTED, "cace")
    memory = es.estimate(frame, ADJUSTED, "cace")
    np.testing.assert_allclose(files.value, memory.value, rtol=1e-9)
    np.testing.assert_allclose(files.interval(), memory.interval(), rtol=1e-8)
    known = frame[frame["took"].notna()]
    assert memory.n_obs == len(known)
    np.testing.assert_allclose(es.estimate(known, ADJUSTED, "cace").value, memory.value, rtol=1e-9)


def test_among_the_triggered_it_is_theirs() -> None:
    frame = table().assign(seen=lambda rows: rows["x"] > 0.0)
    found = es.estimate(frame, {**DESIGN, "triggered": "seen"}, "cace")
    expected = es.estimate(frame[frame["seen"]].reset_index(drop=True), DESIGN, "cace")
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-9)
    assert found.population.label == "triggered units"
    assert found.details["diluted"] is None


def test_a_study_puts_it_beside_the_effect_of_assignment() -> None:
    record = es.run({"data": table(900), "design": DESIGN, "methods": ["difference", "cace"]})
    assert [(one.method, one.target) for one in record.estimates] == [("difference", "ATE"), ("cace", "LATE")]
    assert record.headline == "difference"
    every = es.run({"data": table(900), "design": DESIGN, "methods": "all"})
    assert "cace" in {one.method for one in every.estimates}
    plain = {name: part for name, part in DESIGN.items() if name != "took"}
    without = es.run({"data": table(900), "design": plain, "methods": "all"})
    assert not [finding for finding in without.findings if finding.check.startswith("cace")]


def test_units_of_whom_nobody_knows_are_told() -> None:
    frame = table(900).astype({"took": float})
    frame.loc[:9, "took"] = np.nan
    record = es.run({"data": frame, "design": DESIGN, "methods": ["difference", "cace"]})
    (finding,) = (f for f in record.findings if f.check == "sample.missing_took")
    assert finding.statistic == 10.0
    assert record.estimates[1].n_obs == 890


@pytest.mark.parametrize(
    ("frame", "design", "said"),
    [
        (table(600), {**DESIGN, "took": None}, "does not say which units took"),
        (table(600).assign(took=1), DESIGN, "nobody's treatment was decided"),
        (table(600).assign(took=2.5), DESIGN, "not zeros and ones"),
        (table(600).assign(took="B"), DESIGN, "took"),
        (table(600).assign(d=1.0), {**DESIGN, "metrics": [{"column": "y", "denominator": "d"}]}, "of kind ratio"),
        (
            table(600).assign(took=lambda rows: rows["took"].where(rows.index > 5)),
            {**DESIGN, "metrics": [{"column": "y", "missing": "zero"}]},
            "is missing for some units",
        ),
    ],
)
def test_what_has_no_compliers_is_refused(frame: pd.DataFrame, design: dict[str, Any], said: str) -> None:
    with pytest.raises(es.EstimandError, match=said) as refused:
        es.estimate(frame, design, "cace")
    assert refused.value.remedy


def test_clusters_are_refused() -> None:
    frame = table(600)
    frame["team"] = frame["v"] + (np.arange(600) // 10).astype(str)
    with pytest.raises(es.UnsupportedError, match="clustered"):
        es.estimate(frame, {**DESIGN, "cluster": "team"}, "cace")
