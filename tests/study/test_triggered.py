"""Triggered analysis: who it is about, what it comes to over everyone, and whether triggering may be trusted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import estimand as es
from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.data.metric_skewness import with_skewness
from estimand.data.moments_of_design import moments_of_design
from estimand.report.words import answer_sentence
from estimand.stats.dilution import PairMeans, diluted_mean, diluted_ratio, equal_shares_p_value

METRICS: list[dict[str, Any]] = [
    {"column": "y", "covariate": "x"},
    {"name": "rate", "column": "y", "denominator": "d"},
]
DESIGN: dict[str, Any] = {
    "kind": "experiment", "variant": "v", "control": "A", "triggered": "seen", "metrics": METRICS,
}  # fmt: skip


def table(n: int = 4_000, seed: int = 0, lift: float = 0.5) -> pd.DataFrame:
    """A third could see the change; only they are moved."""
    rng = np.random.default_rng(seed)
    v, seen, x = rng.choice(["A", "B", "C"], n), rng.random(n) < 1.0 / 3.0, rng.normal(size=n)
    y = 3.0 + x + seen + rng.normal(size=n) + lift * seen * (v == "B")
    d = rng.poisson(2.0, n) + 1.0 + seen * rng.poisson(0.5, n)
    return pd.DataFrame({"v": v, "seen": seen, "x": x, "y": y, "d": d, "s": rng.choice(["p", "q"], n)})


@pytest.mark.parametrize("method", ["difference", "cuped", "regression", "rank_test", "sequential", "bayesian"])
@pytest.mark.parametrize("strata", [[], ["s"]])
def test_the_estimate_is_that_of_the_triggered_alone(method: str, strata: list[str]) -> None:
    frame = table()
    found = es.estimate(frame, {**DESIGN, "strata": strata}, method)
    alone = {name: part for name, part in DESIGN.items() if name != "triggered"} | {"strata": strata}
    expected = es.estimate(frame[frame["seen"]].reset_index(drop=True), alone, method)
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-9)
    np.testing.assert_allclose(found.interval(), expected.interval(), rtol=1e-7)
    assert found.population.label == "triggered units"
    assert found.population.n == found.n_obs == int(frame["seen"].sum())
    assert found.population.share == pytest.approx(frame["seen"].mean())


@pytest.mark.parametrize("written", [bool, int, float, str, lambda seen: np.where(seen, "Yes", "no")])
def test_a_trigger_may_be_written_in_several_ways(written: Any, tmp_path: Path) -> None:
    frame = table(600)
    expected = es.estimate(frame, DESIGN, "difference").value
    told = frame.assign(seen=written(frame["seen"]) if not isinstance(written, type) else frame["seen"].astype(written))
    told.to_parquet(tmp_path / "told.parquet")
    for data in (told, str(tmp_path / "told.parquet")):
        np.testing.assert_allclose(es.estimate(data, DESIGN, "difference").value, expected, rtol=1e-9)


def test_moments_of_disjoint_units_add_on_either_side() -> None:
    frame, design = table(), as_design({**DESIGN, "took": "took"})
    frame["took"] = (frame["seen"] & (frame["v"] != "A")).astype(int)
    parts = [moments_of_design(half, design, Run()).metrics["y"] for half in (frame[:1500], frame[1500:])]
    joined, whole = parts[0].merge(parts[1]), moments_of_design(frame, design, Run()).metrics["y"]
    for method in ("cuped", "cace"):
        sides = [es.estimate(moments, design, method) for moments in (joined, whole)]
        np.testing.assert_allclose(sides[0].value, sides[1].value, rtol=1e-9)
        np.testing.assert_allclose(sides[0].interval(), sides[1].interval(), rtol=1e-8)
    assert joined.untriggered is not None
    assert joined.untriggered.units.sum() == (~frame["seen"]).sum()


def test_looks_are_held_to_the_skewness_of_the_triggered() -> None:
    frame = table()
    frame["y"] = np.where(frame["seen"], np.exp(2.0 * frame["x"]), frame["y"])
    design = as_design({**DESIGN, "metrics": ["y"]})
    made = with_skewness(moments_of_design(frame, design, Run()), frame, design).metrics["y"]
    left = frame[frame["seen"]]
    left = left["y"] - left.groupby("v")["y"].transform("mean")
    assert made.skewness == pytest.approx((left**3).mean() / (left**2).mean() ** 1.5, rel=0.02)


def test_clusters_are_triggered_whole() -> None:
    frame = table()
    frame["team"] = frame["v"] + "-" + frame["seen"].astype(str) + "-" + (np.arange(len(frame)) // 40).astype(str)
    design = {**DESIGN, "cluster": "team"}
    found = es.estimate(frame, design, "difference")
    alone = {name: part for name, part in design.items() if name != "triggered"}
    expected = es.estimate(frame[frame["seen"]].reset_index(drop=True), alone, "difference")
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-9)
    np.testing.assert_allclose(found.std_error, expected.std_error, rtol=1e-7)
    with pytest.raises(es.IdentificationError, match="arms or strata"):
        es.estimate(frame.assign(team=frame["v"] + (np.arange(len(frame)) // 40).astype(str)), design, "difference")


def test_what_is_no_trigger_is_refused() -> None:
    frame = table(600)
    for values, said in ((3.5, "true or false"), (None, "true or false"), (False, "nobody could have seen")):
        for method in ("difference", "regression"):
            with pytest.raises(es.DataError, match=said if values is False else "who was triggered"):
                es.estimate(frame.assign(seen=values), DESIGN, method)
    with pytest.raises(es.DesignError, match="triggered"):
        es.estimate(frame, {**DESIGN, "triggered": "v"}, "difference")
    with pytest.raises(es.DesignError, match="a stratum"):
        es.estimate(frame, {**DESIGN, "strata": ["seen"]}, "difference")


def test_the_effect_over_everyone_is_by_the_share_and_its_error() -> None:
    frame = table()
    made = es.estimate(frame, DESIGN, "cuped")
    found, p, n = made.details["diluted"], frame["seen"].mean(), len(frame)
    np.testing.assert_allclose(found["value"], p * made.value, rtol=1e-12)
    np.testing.assert_allclose(
        np.square(found["std_error"]), p**2 * made.std_error**2 + made.value**2 * p * (1 - p) / n, rtol=1e-9
    )
    whole = es.estimate(frame, {**DESIGN, "triggered": None}, "cuped")
    assert found["std_error"][0] < 0.75 * whole.std_error[0]


def test_a_ratio_is_diluted_in_both_parts() -> None:
    """Second implementation: the untriggered of all arms as one group, and numerical slopes of the levels."""
    frame = table()
    found = es.estimate(frame, DESIGN, "difference", outcome="rate").details["diluted"]
    p, n = frame["seen"].mean(), len(frame)
    groups = [frame[frame["seen"] & (frame["v"] == arm)] for arm in "ABC"] + [frame[~frame["seen"]]]
    point = np.concatenate([[p], *(group[["y", "d"]].mean() for group in groups)])
    spread = np.zeros((9, 9))
    spread[0, 0] = p * (1 - p) / n
    for j, group in enumerate(groups):
        spread[1 + 2 * j : 3 + 2 * j, 1 + 2 * j : 3 + 2 * j] = group[["y", "d"]].cov() / len(group)

    def effects(at: np.ndarray) -> np.ndarray:
        rest = (1 - at[0]) * at[7:]
        levels = [(at[0] * pair + rest)[0] / (at[0] * pair + rest)[1] for pair in (at[1:3], at[3:5], at[5:7])]
        return np.array(levels[1:]) - levels[0]

    slopes = np.stack([(effects(point + h) - effects(point - h)) / 2e-6 for h in 1e-6 * np.eye(9)], axis=1)
    np.testing.assert_allclose(found["value"], effects(point), rtol=1e-9)
    np.testing.assert_allclose(found["std_error"], np.sqrt(np.diag(slopes @ spread @ slopes.T)), rtol=1e-6)
    assert es.estimate(frame, DESIGN, "regression", outcome="rate").details["diluted"] is None


def test_dilution_leaves_nothing_out_where_all_are_triggered() -> None:
    value, vcov = np.array([0.4, 0.1]), np.array([[0.04, 0.01], [0.01, 0.09]])
    found = diluted_mean(value, vcov, 100.0, 0.0)
    np.testing.assert_allclose(found.value, value)
    np.testing.assert_allclose(found.vcov, vcov)
    pairs = PairMeans(np.array([[1.0, 2.0], [2.0, 2.0]]), np.stack([np.eye(2), 2.0 * np.eye(2)]) / 50.0)
    ratio = diluted_ratio(pairs, PairMeans(np.zeros(2), np.zeros((2, 2))), 100.0, 0.0)
    assert ratio.value[0] == pytest.approx(0.5)
    assert ratio.vcov[0, 0] == pytest.approx((0.25 + 0.0625 + 2.0 * (0.25 + 0.25)) / 50.0)


def test_its_intervals_over_everyone_hold_the_truth_as_often_as_they_say() -> None:
    rng, held, repetitions = np.random.default_rng(4), np.zeros(2), 300
    for _ in range(repetitions):
        frame = table(400, int(rng.integers(2**31)), lift=3.0)
        for j, metric in enumerate(("y", "rate")):
            found = es.estimate(frame, DESIGN, "difference", outcome=metric).details["diluted"]
            truth = (
                1.0 if metric == "y" else (3.0 + 1.0 / 3.0 + 1.0) / (3.0 + 1.0 / 6.0) - (3.0 + 1 / 3) / (3.0 + 1 / 6)
            )
            held[j] += abs(found["value"][0] - truth) <= 1.96 * found["std_error"][0]
    assert (np.abs(held / repetitions - 0.95) <= 4.0 * np.sqrt(0.95 * 0.05 / repetitions)).all()


def test_equal_shares_are_pearsons() -> None:
    seen, others = np.array([30.0, 50.0, 40.0]), np.array([70.0, 60.0, 80.0])
    expected = stats.chi2_contingency(np.stack([seen, others]), correction=False)
    assert equal_shares_p_value(seen, others) == pytest.approx(expected.pvalue, rel=1e-10)
    assert equal_shares_p_value(seen, np.zeros(3)) == 1.0


def graded(frame: pd.DataFrame, **planned: Any) -> list[tuple[str, str, str]]:
    design = {**DESIGN, "metrics": METRICS[:1], **({"planned": planned} if planned else {})}
    record = es.run({"data": frame, "design": design, "methods": ["difference"]})
    found = [f for f in record.findings if f.check == "experiment.triggering"]
    return sorted((f.about, str(f.grade), f.message.split(":")[0][:22]) for f in found)


def test_triggering_that_depends_on_the_arm_is_a_veto() -> None:
    frame = table()
    assert sorted(grade for _, grade, _ in graded(frame)) == ["note", "pass", "pass"]
    assert ("y", "note", "Over everyone assigned") in graded(frame)
    lost = frame["seen"] & ~((frame["v"] == "B") & (frame["y"] < 4.5))
    found = graded(frame.assign(seen=lost), units=4_000)
    assert ("study", "veto", "Share of units trigger") in found
    assert ("study", "veto", "Triggered units by arm") in found
    assert ("study", "warn", "Share of units trigger") in graded(frame.assign(seen=lost), units=9_000)


def test_untriggered_units_that_were_moved_are_a_warning() -> None:
    frame = table(lift=3.0)
    half = frame["seen"] & (np.arange(len(frame)) % 2 == 0)
    assert ("y", "warn", "Units that were not tr") in graded(frame.assign(seen=half))


def test_without_others_there_is_a_note() -> None:
    frame = table()
    assert [grade for _, grade, _ in graded(frame[frame["seen"]])] == ["note"]


def test_the_answer_says_whom_it_is_about() -> None:
    record = es.run({"data": table(), "design": {**DESIGN, "metrics": METRICS[:1]}, "methods": ["cuped"]})
    assert "on average over triggered units" in answer_sentence(record)
