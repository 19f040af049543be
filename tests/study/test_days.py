"""Moments day by day: the effect by day and the looks at an experiment, without rows and without strata of days."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.catalog import resolve
from estimand.core.finding import Finding
from estimand.core.table import Table
from estimand.figures.chart import Points
from estimand.figures.static import to_svg
from estimand.stats.effect_by_day import effect_by_day

METRICS = [{"column": "y", "covariate": "x"}, {"column": "y", "denominator": "w", "name": "ratio"}]
PLAN = {"units": 4_000, "sequential": "confidence_sequence", "burn_in": 300}
SECONDS = 14 * 24 * 3_600


def table(rows: int = 4_000) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    seen = pd.Timestamp("2025-03-01") + pd.to_timedelta(rng.integers(0, SECONDS, rows), unit="s")
    frame = pd.DataFrame({"v": rng.choice(["A", "B", "C"], rows), "seen": seen, "day": rng.integers(0, 7, rows)})
    frame["x"], frame["w"] = rng.normal(size=rows), rng.integers(1, 4, rows)
    frame.loc[:300, "x"] = np.nan
    frame["site"] = rng.choice(["N", "S"], rows)
    frame["y"] = frame["x"].fillna(0.0) + rng.normal(size=rows) + (frame["v"] == "B") * (0.2 + 0.05 * frame["day"])
    return frame


def record(data: object, methods: tuple[str, ...] = ("difference",), **design: object) -> es.StudyRecord:
    named = {"kind": "experiment", "variant": "v", "metrics": METRICS, "planned": PLAN} | design
    return es.run({"data": data, "design": named, "methods": list(methods)})


def novelty(made: es.StudyRecord, metric: str = "y") -> Finding:
    return next(item for item in made.findings if (item.check, item.about) == ("experiment.novelty", metric))


def second_pass(made: es.StudyRecord) -> bool:
    return any(finding.check == "experiment.second_pass" for finding in made.findings)


@pytest.mark.parametrize("source", ["frame", "file", "relation"])
def test_effects_by_day_are_those_of_the_rows_and_need_none(source: str, tmp_path: Path) -> None:
    frame = table()
    frame.to_parquet(tmp_path / "t.parquet")
    sources = {"frame": frame, "file": tmp_path / "t.parquet", "relation": duckdb.from_df(frame)}
    made = record(sources[source], day="day")
    assert not second_pass(made)
    for metric, below in (("y", np.ones(len(frame))), ("ratio", frame["w"].to_numpy(float))):
        rows = [row for row in novelty(made, metric).evidence.rows() if row["arm"] == "B"]
        pair = (frame["v"] != "C").to_numpy()
        own = effect_by_day(
            (frame["y"].to_numpy()[pair], below[pair]),
            (frame["v"] == "B").to_numpy()[pair],
            frame["day"].to_numpy(float)[pair],
            np.flatnonzero(pair),
        )
        np.testing.assert_allclose([row["value"] for row in rows], own.value, rtol=1e-8)
        errors = [(row["high"] - row["low"]) / (2.0 * 1.959963984540054) for row in rows]
        np.testing.assert_allclose(errors, own.std_error, rtol=1e-8)
        assert [row["day"] for row in rows] == list(range(7))


def test_times_of_exposure_are_cut_to_dates(tmp_path: Path) -> None:
    frame = table()
    frame.to_parquet(tmp_path / "t.parquet")
    for data in (frame, tmp_path / "t.parquet"):
        found = novelty(record(data, exposed="seen"))
        assert "by day of exposure" in found.message
        rows = [row for row in found.evidence.rows() if row["arm"] == "B"]
        assert [row["date"] for row in rows] == [f"2025-03-{day:02d}" for day in range(1, 15)]
        there = frame["seen"].dt.day == 3
        means = frame[there].groupby("v")["y"].mean()
        assert rows[2]["value"] == pytest.approx(means["B"] - means["A"], rel=1e-8)
        chart = resolve("figures", "effect_by_day")(found)
        points = next(mark for mark in chart.panels[0].marks if isinstance(mark, Points))
        assert points.x == tuple(map(float, range(14)))
        assert "2025-03-04" in to_svg(chart)


@pytest.mark.parametrize("strata", [[], ["site"]])
def test_each_look_is_the_study_of_who_had_come_by_then(strata: list[str]) -> None:
    frame = table()
    made = record(frame, ("sequential",), exposed="seen", strata=strata)
    path = Table(made.estimate("sequential:y").details["path"])
    looks = [row for row in path.rows() if row["term"] == "B"]
    assert [row["look"] for row in looks][-2:] == ["2025-03-13", ""]
    for row in (looks[0], looks[5]):
        part = frame[frame["seen"] < pd.Timestamp(row["look"]) + pd.Timedelta(days=1)]
        alone = record(part.reset_index(drop=True), ("sequential",), strata=strata).estimate("sequential:y")
        assert row["units"] == len(part)
        assert row["value"] == pytest.approx(alone.value[0], rel=1e-8)
        assert row["std_error"] == pytest.approx(alone.details["std_error"][0], rel=1e-8)


def test_days_of_clusters_are_read_from_rows() -> None:
    frame = table()
    frame["user"] = np.arange(len(frame)) // 4
    frame["v"] = frame.groupby("user")["v"].transform("first")
    made = record(frame, day="day", cluster="user")
    assert second_pass(made)
    assert novelty(made).evidence["day"][0] == 0.0


def test_who_has_no_day_is_on_none_and_other_columns_are_no_days() -> None:
    frame = table()
    frame.loc[::9, "seen"] = pd.NaT
    rows = [row for row in novelty(record(frame, exposed="seen")).evidence.rows() if row["arm"] == "B"]
    kept = frame[(frame["v"] != "C") & frame["seen"].notna()]
    assert sum(row["rows"] for row in rows) == len(kept)
    made = record(frame, exposed="site")
    assert not [finding for finding in made.findings if finding.check == "experiment.novelty"]
