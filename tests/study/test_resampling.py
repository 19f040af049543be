"""Estimates whose uncertainty is drawn again: what every such estimate promises, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.design import as_design
from estimand.core.jsonable import ArrayStore
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.stats.resampling import batches, exponential_weights, multinomial_counts
from tests.methods.simulated import confounded, design

QUICK = ["difference", "regression", "ipw", "balancing", "gcomputation"]
FOLDED: dict[str, Any] = {"learner": "linear", "folds": 2}


def clustered(seed: int = 2, n: int = 360, groups: int = 30) -> pd.DataFrame:
    frame = confounded(seed, n=n)
    code = np.arange(n) % groups
    return frame.assign(g=code, y=frame["y"] + np.random.default_rng(seed).normal(size=groups)[code])


@pytest.mark.parametrize("kind", ["pairs", "bayesian", "multiplier"])
@pytest.mark.parametrize("key", [*QUICK, "aipw", "dml"])
def test_draws_are_spread_as_the_methods_own_standard_error(key: str, kind: str) -> None:
    options = FOLDED if key in {"aipw", "dml"} else {}
    frame, draws = confounded(1, n=300), 100 if options else 300
    made = es.estimate(frame, design(), key, resample={"kind": kind, "draws": draws}, **options)
    plain = es.estimate(frame, design(), key, **options)
    assert made.value == pytest.approx(plain.value, rel=1e-12)
    assert made.std_error[0] == pytest.approx(plain.std_error[0], rel=0.3)
    assert made.inference == "resampling"
    assert made.options["resample"]["kind"] == kind
    low, high = made.interval()[0]
    assert low < made.value[0] < high


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("ipw", {}),
        ("ipw", {"target": "ATT"}),
        ("ipw", {"target": "ATC"}),
        ("ipw", {"target": "ATO"}),
        ("regression", {}),
        ("regression", {"target": "ATT"}),
        ("regression", {"interactions": False}),
    ],
)
@pytest.mark.parametrize("kind", ["pairs", "cluster", "bayesian"])
def test_the_quick_way_is_a_loop_of_refits(key: str, options: dict[str, Any], kind: str) -> None:
    frame = clustered()
    plan = design(cluster="g") if kind == "cluster" else design()
    made = es.estimate(frame, plan, key, resample={"kind": kind, "draws": 100}, seed=4, **options)
    groups = 30 if kind == "cluster" else 360
    draw = exponential_weights if kind == "bayesian" else multinomial_counts
    number, size = batches(100, groups)[0]
    weights = draw(Run(4).rng("resample", kind, number), size, groups)[:5]
    for found, held in zip(made.uncertainty.values, weights, strict=False):
        rows = held[frame["g"]] if kind == "cluster" else held
        if kind == "bayesian":
            alone = es.estimate(frame.assign(v=rows), design(weights="v"), key, **options)
        else:
            alone = es.estimate(frame.loc[np.repeat(frame.index, rows.astype(int))], design(), key, **options)
        assert found == pytest.approx(alone.value, abs=1e-8)


def test_folds_keep_copies_of_a_row_together_and_refit_its_nuisances() -> None:
    made = es.estimate(confounded(3, n=200), design(), "aipw", resample={"kind": "pairs", "draws": 100}, **FOLDED)
    assert made.uncertainty.values.shape == (100, 1)
    assert np.unique(made.uncertainty.values).size == 100


@pytest.mark.parametrize("kind", ["pairs", "bayesian", "multiplier"])
def test_same_seed_same_bytes_at_any_number_of_threads(kind: str) -> None:
    scheme = {"kind": kind, "draws": 300}
    one, two = (
        es.estimate(confounded(1, n=30_000), design(), "ipw", resample=scheme, threads=threads) for threads in (1, 2)
    )
    assert one.uncertainty.values.tobytes() == two.uncertainty.values.tobytes()
    other = es.estimate(confounded(1, n=30_000), design(), "ipw", resample=scheme, seed=1)
    assert (other.uncertainty.values != one.uncertainty.values).any()


@pytest.mark.parametrize("interval", ["percentile", "basic", "bca"])
def test_intervals_are_read_off_the_draws_by_the_rule(interval: str) -> None:
    scheme = {"kind": "pairs", "draws": 400, "interval": interval}
    made = es.estimate(confounded(6, n=250), design(), "regression", resample=scheme)
    percentile = np.quantile(made.uncertainty.values[:, 0], [0.025, 0.975])
    low, high = made.interval()[0]
    if interval == "percentile":
        assert [low, high] == pytest.approx(percentile)
    if interval == "basic":
        assert [low, high] == pytest.approx(2 * made.value[0] - percentile[::-1])
    assert low < made.value[0] < high
    store = ArrayStore()
    again = es.Estimate.from_dict(json.loads(json.dumps(made.to_dict(store))), store.arrays)
    assert again.interval() == pytest.approx(made.interval(), abs=0.0)


def test_ratios_are_tested_against_one() -> None:
    frame = confounded(7, n=400).assign(b=lambda f: f["b"].sample(frac=1, random_state=1).to_numpy())
    scheme = {"kind": "pairs", "draws": 300}
    made = es.estimate(frame, design(outcome="b"), "gcomputation", contrast="ratio", resample=scheme)
    assert made.uncertainty.scale == "log"
    assert made.p_value[0] > 0.02
    low, high = made.interval()[0]
    assert low < 1.0 < high


def test_bands_by_multipliers_agree_with_the_normal_ones() -> None:
    frame = confounded(8, n=900, arms=4)
    made = es.estimate(frame, design(), "regression", resample={"kind": "multiplier", "draws": 20_000})
    plain = es.estimate(frame, design(), "regression", covariance="HC0")
    joint, normal = made.interval(joint=True), plain.interval(joint=True)
    assert (joint[:, 0] < made.interval()[:, 0]).all()
    assert np.diff(joint) == pytest.approx(np.diff(normal), rel=0.03)


@pytest.mark.parametrize(
    ("key", "scheme", "plan", "words"),
    [
        ("matching", "pairs", {}, "does not take resampling of kind 'pairs'.*Abadie & Imbens 2008"),
        ("stratification", "pairs", {}, "does not take resampling.*draws"),
        ("ipw", "wild_cluster", {"cluster": "g"}, "does not take resampling of kind 'wild_cluster'"),
        ("ipw", "pairs", {"cluster": "g"}, "break them up.*kind: cluster"),
        ("ipw", "cluster", {}, "needs clusters"),
        ("difference", "randomisation", {}, "nobody did"),
        ("ipw", {"kind": "pairs", "null": "restricted"}, {}, "has no 'null'"),
        ("ipw", {"kind": "jackknife"}, {}, "does not take 'jackknife'"),
        ("ipw", {"kind": "pairs", "draws": 10}, {}, "greater than or equal to 100"),
        ("ipw", 3, {}, "is a kind or a mapping"),
    ],
)
def test_what_is_not_right_is_refused_by_name_with_a_remedy(
    key: str, scheme: Any, plan: dict[str, Any], words: str
) -> None:
    with pytest.raises(es.EstimandError, match=words):
        es.estimate(clustered(), design(**plan), key, resample=scheme)


def test_draws_that_fail_are_counted_and_too_many_are_an_error() -> None:
    frame = confounded(9, n=60)
    rare = np.zeros(60)
    treated = np.flatnonzero(frame["d"] == 1)
    rare[[treated[0], treated[1], np.flatnonzero(frame["d"] == 0)[0]]] = 1.0
    plan = design(covariates=("x", "z", "rare"))
    with pytest.raises(es.ConvergenceError, match="of 200 draws could not be fitted"):
        es.estimate(frame.assign(rare=rare), plan, "ipw", resample={"kind": "pairs", "draws": 200, "tolerated": 0.0})
    scheme = {"kind": "pairs", "draws": 200, "tolerated": 0.49}
    made = es.estimate(frame.assign(rare=rare), plan, "ipw", resample=scheme)
    (found,) = [finding for finding in made.findings if finding.check == "resampling.failed"]
    assert round(200 * found.statistic) == 200 - made.uncertainty.values.shape[0]
    assert found.grade == "warn"


def test_randomisation_goes_by_strata_and_by_clusters() -> None:
    rng = np.random.default_rng(10)
    frame = pd.DataFrame({"s": np.repeat(["a", "b"], 4), "d": [1, 0, 0, 0, 1, 1, 0, 0], "y": rng.normal(size=8)})
    plan = {"kind": "experiment", "treatment": "d", "outcome": "y", "covariates": ["s"], "roles": {"exact": ["s"]}}
    made = es.estimate(frame, plan, "difference", resample="randomisation")
    assert "24 possible assignments" in made.findings[-1].message
    assert made.p_value[0] * 24 == pytest.approx(round(made.p_value[0] * 24))
    by_class = pd.concat([frame] * 3, ignore_index=True).assign(c=np.tile(np.arange(8), 3))
    by_class["y"] += rng.normal(size=24)
    grouped = {"kind": "experiment", "treatment": "d", "outcome": "y", "cluster": "c"}
    made = es.estimate(by_class, grouped, "difference", resample="randomisation")
    assert "56 possible assignments" in made.findings[-1].message
    with pytest.raises(es.DesignError, match="treatment varies within them"):
        es.estimate(by_class.assign(c=np.arange(24) // 8), grouped, "difference", resample="randomisation")


def test_a_level_out_of_reach_is_a_warning() -> None:
    frame = pd.DataFrame({"d": [1, 1, 0, 0, 0], "y": [3.0, 4.0, 1.0, 0.0, 2.0]})
    plan = {"kind": "experiment", "treatment": "d", "outcome": "y"}
    made = es.estimate(frame, plan, "difference", resample="randomisation")
    assert made.findings[-1].grade == "warn"
    assert made.findings[-1].statistic == pytest.approx(0.1, rel=1e-12)
    assert made.uncertainty.at(0.95)[0] == ((-np.inf, np.inf),)


def test_a_study_resamples_what_allows_it_and_says_so_in_its_plan(tmp_path: Path) -> None:
    scheme = {"kind": "cluster", "draws": 100}
    record = es.run(
        {
            "data": clustered(),
            "design": design(cluster="g"),
            "methods": ["difference", "ipw", {"method": "regression", "resample": "wild_cluster"}],
            "resample": scheme,
        }
    )
    kinds = {item.id: item.options["resample"]["kind"] for item in record.estimates}
    assert kinds == {"difference": "cluster", "ipw": "cluster", "regression": "wild_cluster"}
    declared = {entry["id"]: entry["resample"]["kind"] for entry in record.plan["methods"]}
    assert declared == kinds
    assert es.StudyRecord.load(record.save(tmp_path)).digest() == record.digest()


def test_few_clusters_bring_the_wild_bootstrap_and_very_few_the_randomisation_test() -> None:
    frame = clustered(n=84, groups=7).assign(d=lambda f: (f["g"] < 3).astype(int))
    for kind, grade in (("experiment", {"pass", "note"}), ("observational", {"not_run"})):
        record = es.run({"data": frame, "design": design(cluster="g", kind=kind), "methods": ["difference"]})
        found = {finding.check: finding for finding in record.findings}
        wild = found["inference.wild_cluster"]
        plain = es.estimate(frame, design(cluster="g", kind=kind), "difference")
        assert wild.evidence["low"][0] == pytest.approx(plain.interval()[0, 0])
        scheme = {"kind": "wild_cluster", "draws": 1999}
        tested = es.estimate(frame, design(cluster="g", kind=kind), "difference", resample=scheme)
        assert wild.statistic == tested.p_value[0]
        assert found["inference.randomisation"].grade in grade


def test_a_sample_built_once_serves_many_schemes() -> None:
    plan = as_design(design())
    sample = build_sample(read_table(confounded(1, n=200), plan.columns()), plan)
    for kind in ("pairs", "bayesian"):
        assert es.estimate(sample, plan, "ipw", resample=es.Resampling(kind=kind, draws=100)).n_obs == 200
