"""Moments of an experiment: the same from any source, at any level of the values, and refusals in words."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

import estimand as es
from estimand.core.design import Experiment, as_design
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import moments_of_sample
from estimand.core.run import Run
from estimand.data import experiment_moments, parquet_moments
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.stats import metric_rows

N = 30_000
METRICS: list[Any] = [
    {"name": "large", "column": "y", "covariate": "x"},
    {"name": "per", "column": "y", "denominator": "d", "covariate": "x", "covariate_denominator": "d0"},
    {"column": "b", "kind": "proportion"},
    {"name": "spent", "column": "x", "kind": "revenue", "winsor": 1.5, "missing": "zero"},
    {"name": "back", "column": "d", "kind": "retention", "day": 2},
    "late",
]


def design(**fields: Any) -> Experiment:
    made = as_design({"kind": "experiment", "variant": "v", "control": "A", "metrics": METRICS} | fields)
    assert isinstance(made, Experiment)
    return made


def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "v": rng.choice(list("ABC"), N), "s": rng.choice(["p", "q"], N), "u": rng.integers(0, 3, N),
            "y": rng.normal(1e9, 1.0, N), "x": rng.normal(size=N), "b": rng.random(N) < 0.3,
            "d": rng.integers(0, 4, N), "d0": rng.integers(1, 4, N),
        }
    )  # fmt: skip
    frame.loc[::7, "x"] = np.nan
    frame.loc[::11, "y"] = np.nan
    frame.loc[::500, "v"] = None
    # Nothing in the first rows says where the others lie.
    return frame.assign(late=np.where(np.arange(N) < N // 3, 0.0, rng.normal(1e7, 1.0, N)))


def sources(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    frame.to_parquet(folder / "t.parquet", index=False, row_group_size=3_001)
    frame.to_csv(folder / "t.csv", index=False)
    with duckdb.connect(folder / "t.db") as connection:
        connection.execute(f"CREATE TABLE t AS FROM '{folder / 't.parquet'}'")
    return {
        "polars": pl.from_pandas(frame),
        "arrow": pa.Table.from_pandas(frame),
        "csv": folder / "t.csv",
        "parquet": folder / "t.parquet",
        "sql": {"sql": "FROM t", "database": folder / "t.db"},
        "relation": duckdb.connect().from_df(frame),
    }


def agree(ours: MetricMoments, other: MetricMoments) -> None:
    """Means within 1e-8 standard errors, spreads within 1e-8, counts exactly."""
    assert (ours.strata, ours.stratum, ours.arms, ours.cap) == (other.strata, other.stratum, other.arms, other.cap)
    for name in ("rows", "missing", "odd", "capped"):
        np.testing.assert_array_equal(getattr(ours.counts, name), getattr(other.counts, name))
    for a, b in zip(ours.parts, other.parts, strict=True):
        np.testing.assert_array_equal(a.units, b.units)
        spread = np.sqrt(np.diagonal(a.cross, axis1=1, axis2=2))
        gap = np.abs((a.shift - b.shift) + (a.means - b.means))
        assert (gap <= 1e-8 * spread / a.units[:, None]).all()
        np.testing.assert_allclose(np.sqrt(np.diagonal(b.cross, axis1=1, axis2=2)), spread, rtol=1e-8)
        whole = spread[:, :, None] * spread[:, None, :]
        assert (np.abs(a.cross - b.cross) <= 1e-8 * whole).all()


def moments(data: Any, asked: Experiment, threads: int = 1) -> experiment_moments.ExperimentMoments:
    return experiment_moments.experiment_moments(data, asked, Run(0, threads))


@pytest.mark.parametrize("strata", [[], ["s"], ["s", "u"]])
def test_every_source_gives_the_same_moments(
    strata: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment_moments, "BLOCK", 4_096)
    monkeypatch.setattr(parquet_moments, "FEWEST", 5_000)
    monkeypatch.setattr(parquet_moments, "MOST", 2_000)
    monkeypatch.setattr(metric_rows, "CHUNK", 7_000)
    frame, asked = table(), design(strata=strata)
    ours = moments(frame, asked)
    assert ours.rows_read == N
    assert [drop.to_dict() for drop in ours.drops] == [{"reason": "treatment missing", "column": "v", "rows": N // 500}]
    for data in sources(frame, tmp_path).values():
        other = moments(data, asked)
        assert other.arm_rows == ours.arm_rows
        assert [(f.check, f.about, f.grade, f.message) for f in other.findings] == [
            (f.check, f.about, f.grade, f.message) for f in ours.findings
        ]
        for name in asked.outcome:
            agree(ours.metrics[name], other.metrics[name])


def test_neither_threads_nor_another_run_move_a_digit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_moments, "FEWEST", 1_000)
    monkeypatch.setattr(metric_rows, "CHUNK", 5_000)
    frame, asked = table(), design()
    frame.to_parquet(tmp_path / "t.parquet", index=False, row_group_size=4_096)
    frame.to_parquet(tmp_path / "small.parquet", index=False, row_group_size=512)
    for data in (frame, tmp_path / "t.parquet", tmp_path / "small.parquet", duckdb.connect().from_df(frame)):
        assert len({moments(data, asked, threads).fingerprint for threads in (1, 2, 3, 2)}) == 1


def test_a_mean_of_a_billion_loses_nothing() -> None:
    frame = table().dropna()
    got = moments(frame, design()).metrics["large"].pooled()
    for a, arm in enumerate(got.arms):
        values = (frame.loc[frame["v"] == arm, "y"] - 1e9).to_numpy()
        error = values.std(ddof=1) / np.sqrt(values.shape[0])
        assert abs((got.shift[0] - 1e9) + got.means[a, 0] - values.mean()) <= 1e-8 * error
        assert got.variance("value")[a] == pytest.approx(values.var(ddof=1), rel=1e-12)


def test_the_rows_of_a_sample_give_them_too() -> None:
    frame, asked = table(), design(strata="s")
    sample = build_sample(read_table(frame, asked.columns()), asked)
    for metric in asked.metrics:
        ours, other = moments(frame, asked).metrics[metric.name], moments_of_sample(sample, metric, Run())
        for a, b in zip(ours.parts, other.parts, strict=True):
            np.testing.assert_array_equal(a.units, b.units)
            np.testing.assert_allclose(a.cross, b.cross, rtol=1e-10, atol=1e-7)


def test_moments_of_disjoint_users_add() -> None:
    frame, asked = table(), design()
    whole = moments(frame, asked).metrics["per"]
    merged = moments(frame[:9_000], asked).metrics["per"].merge(moments(frame[9_000:], asked).metrics["per"])
    agree(whole, merged)


def test_users_without_history_are_a_part_of_their_own() -> None:
    frame = table()
    held, bare = moments(frame, design()).metrics["large"].parts
    assert held.columns == ("value", "covariate")
    assert bare.columns == ("value",)
    there = frame["y"].notna() & frame["v"].notna()
    assert held.units.sum() == (there & frame["x"].notna()).sum()
    assert bare.units.sum() == (there & frame["x"].isna()).sum()


def test_a_quantile_as_cap_is_taken_over_all_arms() -> None:
    frame = table()
    asked = design(metrics=[{"name": "m", "column": "x", "winsor": 0.9}])
    found = moments(frame, asked).metrics["m"]
    cap = np.quantile(frame["x"].dropna(), 0.9)
    assert found.cap == pytest.approx(cap, rel=1e-12)
    cut = frame["x"].clip(upper=cap)[frame["v"] == "B"].dropna()
    assert found.pooled().mean("value")[1] == pytest.approx(cut.mean(), rel=1e-10)


def test_not_a_number_in_a_file_is_missing(tmp_path: Path) -> None:
    frame = table()[["v", "x", "y"]].dropna(subset=["v"])
    plain = pa.table({"v": frame["v"].to_list(), "x": frame["x"].to_numpy(), "y": frame["y"].to_numpy()})
    asked = design(metrics=[{"column": "y", "covariate": "x"}])
    pa.parquet.write_table(plain, tmp_path / "nan.parquet")
    agree(moments(frame, asked).metrics["y"], moments(tmp_path / "nan.parquet", asked).metrics["y"])


def test_a_level_of_a_file_that_no_row_has_is_no_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_moments, "FEWEST", 1_000)
    frame = table().assign(v=lambda held: held["v"].astype("category"))
    frame = frame[frame["v"] != "C"]
    frame.to_parquet(tmp_path / "t.parquet", index=False, row_group_size=5_000)
    found = moments(tmp_path / "t.parquet", design())
    assert found.arm_rows == frame["v"].value_counts().loc[["A", "B"]].to_dict()
    agree(moments(frame, design()).metrics["large"], found.metrics["large"])


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64", "float64", "bool"])
def test_arms_are_told_apart_whatever_numbers_they_are(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    v = rng.choice([0, 1] if kind == "bool" else [-127, 0, 127] if kind == "int8" else [3, 7, 200], 4_000).astype(kind)
    y, asked = pa.array(rng.normal(size=4_000)), design(metrics=["y"], control=None)
    for mask in (np.zeros(4_000, dtype=np.bool_), rng.random(4_000) < 0.1):
        held = pa.table({"v": pa.array(v, mask=mask), "y": y})
        pa.parquet.write_table(held, tmp_path / "t.parquet")
        ours, other = moments(held, asked), moments(tmp_path / "t.parquet", asked)
        assert ours.arm_rows == other.arm_rows
        assert len(ours.arm_rows) == len(set(v.tolist()))
        agree(ours.metrics["y"], other.metrics["y"])


def test_numbers_that_are_not_arms_are_said_to_be_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_moments, "COMBINATIONS", 100)
    table().to_parquet(tmp_path / "t.parquet", index=False)
    with pytest.raises(es.EstimandError, match="which are not arms"):
        moments(tmp_path / "t.parquet", design(variant="x", control=None, metrics=["y"]))


@pytest.mark.parametrize("strata", [["x"], ["s", "x"]])
def test_strata_of_many_levels_are_read_another_way(
    strata: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table().assign(x=lambda held: held["x"].round().clip(-1, 1))
    frame.to_parquet(tmp_path / "t.parquet", index=False)
    asked = design(metrics=["y"], strata=strata)
    piecewise = moments(tmp_path / "t.parquet", asked).metrics["y"]
    monkeypatch.setattr(parquet_moments, "COMBINATIONS", 10)
    agree(piecewise, moments(tmp_path / "t.parquet", asked).metrics["y"])


@pytest.mark.parametrize(
    ("change", "fields", "said"),
    [
        ({"m": "a"}, {}, "is text"),
        ({"m": 0.5}, {"metrics": [{"column": "m", "kind": "proportion"}]}, "not zeros and ones"),
        ({"m": -1.0}, {"metrics": [{"column": "m", "kind": "count"}]}, "not counts"),
        ({"m": np.inf}, {}, "infinite"),
        ({}, {"unit": "s"}, "are in two arms"),
        ({}, {"planned": {"allocation": {"A": 1, "B": 1, "D": 1}}}, "has none of it"),
        ({}, {"metrics": ["nothing"]}, "no column 'nothing'"),
        ({}, {"cluster": "s"}, "rows in two arms"),
    ],
)
@pytest.mark.parametrize("file", [False, True])
def test_what_cannot_be_summed_is_refused_in_words(
    change: dict[str, Any], fields: dict[str, Any], said: str, file: bool, tmp_path: Path
) -> None:
    frame = table()[:500].assign(**({"m": 1.0} | change))
    if file:
        frame.to_parquet(tmp_path / "t.parquet", index=False)
    with pytest.raises(es.EstimandError, match=said) as refused:
        moments(tmp_path / "t.parquet" if file else frame, design(**({"metrics": ["m"]} | fields)))
    assert refused.value.remedy
