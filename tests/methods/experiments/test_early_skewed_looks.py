"""Skewed metrics, read early in arms of unequal size: what sequential says of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.finding import Finding

DRAWS = {
    "normal": lambda rng, n: 5.0 + rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(0.0, 1.0, n),
    "rare": lambda rng, n: (rng.random(n) < 0.05).astype(int),
}


def table(data: str, n: int, treated: float) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame({"v": (rng.random(n) < treated).astype(int), "y": DRAWS[data](rng, n), "d": 1.0})


def found(frame: Any, kind: str = "mean", burn_in: int = 0, **fields: Any) -> list[Finding]:
    metric = {"name": "y", "column": "y", "kind": kind}
    design = {"kind": "experiment", "variant": "v", "metrics": [metric | fields.pop("metric", {})], **fields}
    options = {"burn_in": burn_in, "units": 10_000}
    made = es.estimate(frame, design, "sequential", kind="confidence_sequence", **options)
    return [finding for finding in made.findings if finding.check == "sequential.skewness"]


@pytest.mark.parametrize(
    ("data", "kind", "n", "treated", "warns"),
    [
        ("normal", "mean", 500, 0.1, False),
        ("lognormal", "mean", 500, 0.1, True),
        ("lognormal", "mean", 500, 0.5, False),
        ("lognormal", "mean", 100_000, 0.1, False),
        ("rare", "proportion", 1_000, 0.1, True),
        ("rare", "proportion", 20_000, 0.1, False),
        ("rare", "proportion", 1_000, 0.5, False),
    ],
)
def test_it_warns_where_simulations_erred(data: str, kind: str, n: int, treated: float, warns: bool) -> None:
    assert bool(found(table(data, n, treated), kind)) is warns


def test_a_burn_in_too_short_is_told_of_later_too() -> None:
    frame = table("lognormal", 50_000, 0.1)
    assert not found(frame)
    (finding,) = found(frame, burn_in=500)
    assert "at 500 units" in finding.message
    assert not found(frame, burn_in=20_000)


def test_it_is_the_same_from_a_file_from_rows_and_of_a_ratio(tmp_path: Path) -> None:
    frame = table("lognormal", 500, 0.1)
    (plain,) = found(frame)
    frame.to_parquet(tmp_path / "t.parquet")
    (file,) = found(str(tmp_path / "t.parquet"))
    assert file.statistic == pytest.approx(plain.statistic, rel=1e-9)
    (ratio,) = found(frame, metric={"denominator": "d", "kind": "ratio"})
    assert ratio.statistic == pytest.approx(plain.statistic, rel=1e-9)
    (capped, *_), none = found(frame), found(frame, metric={"winsor": 2.0})
    assert not none or none[0].statistic < capped.statistic


def test_clusters_are_the_units_that_are_skewed() -> None:
    frame = table("lognormal", 500, 0.1).assign(home=np.arange(500))
    (plain,), (clustered,) = found(frame), found(frame, cluster="home")
    assert clustered.statistic == pytest.approx(plain.statistic, rel=0.02)


def test_a_study_reads_it_for_every_metric() -> None:
    frame = table("lognormal", 500, 0.1)
    design = {"kind": "experiment", "variant": "v", "metrics": ["y", {"name": "z", "column": "y", "winsor": 1.0}]}
    record = es.run({"data": frame, "design": design, "methods": ["sequential"], "headline": "sequential"})
    told = [finding for finding in record.findings if finding.check == "sequential.skewness"]
    assert told[0].about == "sequential:y"
