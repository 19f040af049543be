"""CR2 of a level over few clusters, against least squares on rows and matrices written out."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import estimand as es
from estimand.core.design import as_design
from estimand.core.metric import Metric
from estimand.core.metric_estimate import Comparison
from estimand.core.metric_rows import MetricRows
from estimand.core.run import Run
from estimand.data.experiment_moments import experiment_moments
from estimand.stats.few_clusters import effective_units, satterthwaite

DESIGN: dict[str, Any] = {
    "kind": "experiment", "variant": "v", "control": "A", "cluster": "team",
    "metrics": [
        {"name": "y", "column": "y"},
        {"name": "per", "column": "y", "denominator": "d"},
        {"name": "adjusted", "column": "y", "covariate": "x"},
    ],
}  # fmt: skip


def table(clusters: int = 14, most: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    home = np.repeat(np.arange(clusters), rng.integers(3, most, clusters))
    n = home.size
    frame = pd.DataFrame({"team": home, "v": np.where(home % 2, "B", "A"), "d": 1.0 + rng.poisson(2.0, n)})
    frame["x"] = rng.normal(size=clusters)[home] + rng.normal(size=n)
    frame["y"] = 3.0 + frame["x"] + rng.normal(size=clusters)[home] + rng.normal(size=n)
    return frame


def estimate(frame: pd.DataFrame, name: str, method: str = "difference") -> es.Estimate:
    metrics = [metric for metric in DESIGN["metrics"] if metric["name"] == name]
    return es.estimate(frame, DESIGN | {"metrics": metrics}, method)


def test_the_error_of_a_mean_is_that_of_least_squares_on_rows() -> None:
    frame = table()
    plain = {name: field for name, field in DESIGN.items() if name != "metrics"} | {"outcome": "y"}
    on_rows = es.estimate(frame, plain, "difference")
    found = estimate(frame, "y")
    assert on_rows.uncertainty.correction == "CR2"
    assert found.uncertainty.correction.endswith("CR2")
    assert found.std_error[0] == pytest.approx(on_rows.std_error[0], rel=1e-10)


def by_matrices(sums: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Variance and degrees of freedom of a ratio of totals, by weighted least squares and its hat matrix."""
    share = below / below.sum()
    annihilator = np.eye(share.size) - np.outer(np.ones(share.size), share)
    working = np.diag(1.0 / below)
    left = annihilator @ working @ annihilator.T
    lift = np.sqrt(np.diag(working) / np.diag(left))
    weights = np.diag(share * lift) @ annihilator
    spread = weights @ working @ weights.T
    residual = weights @ (sums / below)
    return float(residual @ residual), float(np.trace(spread) ** 2 / np.trace(spread @ spread))


@pytest.mark.parametrize(("name", "below"), [("y", "rows"), ("per", "d")])
def test_variance_and_freedom_are_those_of_the_hat_matrix(name: str, below: str) -> None:
    frame = table().assign(rows=1.0)
    sums = frame.groupby("team").agg(y=("y", "sum"), d=(below, "sum"), v=("v", "first"))
    (v0, f0), (v1, f1) = (by_matrices(rows["y"].to_numpy(), rows["d"].to_numpy()) for _, rows in sums.groupby("v"))
    found = estimate(frame, name)
    assert found.std_error[0] == pytest.approx(np.sqrt(v0 + v1), rel=1e-10)
    assert found.uncertainty.df[0] == pytest.approx((v0 + v1) ** 2 / (v0**2 / f0 + v1**2 / f1), rel=1e-10)


def test_clusters_alike_have_all_but_one_degree_of_freedom() -> None:
    assert satterthwaite(np.full(7, 1 / 7)) == pytest.approx(6.0, rel=1e-12)
    assert satterthwaite(np.array([0.9, 0.1])) == pytest.approx(1.0, rel=1e-12)
    assert satterthwaite(np.array([0.7, 0.1, 0.1, 0.1])) < 3.0
    assert effective_units(np.array([4.0]), np.array([2.0]), np.zeros(1)) == pytest.approx([4.0])
    assert effective_units(np.array([0.0]), np.zeros(1), np.zeros(1)) == pytest.approx([0.0])


def test_clusters_alike_change_neither_error_nor_freedom() -> None:
    """CR2 of equal clusters is Welch on their means."""
    rng = np.random.default_rng(1)
    home = np.repeat(np.arange(12), 9)
    frame = pd.DataFrame({"team": home, "v": np.where(home % 2, "B", "A"), "y": rng.normal(size=108)})
    means = frame.groupby("team")["y"].mean()
    b, a = means[1::2], means[::2]
    error = b.var() / 6 + a.var() / 6
    found = estimate(frame.assign(d=1.0, x=0.0), "y")
    assert found.std_error[0] == pytest.approx(np.sqrt(error), rel=1e-10)
    assert found.uncertainty.df[0] == pytest.approx(error**2 / ((b.var() / 6) ** 2 / 5 + (a.var() / 6) ** 2 / 5))


def test_many_clusters_are_read_from_moments_alone() -> None:
    assert not estimate(table(200, 12), "y").uncertainty.correction.endswith("CR2")


def test_one_large_cluster_among_many_counts_as_few() -> None:
    frame = table(200, 12)
    big = pd.concat([frame, frame[frame["team"] == 7].sample(3_000, replace=True, random_state=0)])
    found = estimate(big, "y")
    assert found.uncertainty.correction.endswith("CR2")
    assert found.uncertainty.df[0] < 10.0


def test_history_adds_its_leverage_and_takes_its_degrees_of_freedom() -> None:
    """Clusters alike: HC2 of the lines in each arm, at the average of everyone's history."""
    rng = np.random.default_rng(4)
    home = np.repeat(np.arange(30), 8)
    x = rng.normal(size=30)[home] + rng.normal(size=240)
    frame = pd.DataFrame({"team": home, "v": np.where(home % 2, "B", "A"), "x": x, "y": x + rng.normal(size=240)})
    found = estimate(frame.assign(d=1.0), "adjusted", "cuped")
    sums = frame.groupby("team").agg(x=("x", "mean"), y=("y", "mean"), v=("v", "first"))
    variance, slopes = 0.0, []
    for _, rows in sums.groupby("v"):
        basis = np.column_stack([np.ones(15), rows["x"] - rows["x"].mean()])
        slope = np.linalg.lstsq(basis, rows["y"].to_numpy(), rcond=None)[0]
        residual = rows["y"].to_numpy() - basis @ slope
        hat = np.einsum("ij,jk,ik->i", basis, np.linalg.inv(basis.T @ basis), basis)
        gap = rows["x"].mean() - sums["x"].mean()
        factor = 1.0 + 15.0 * gap**2 / np.square(basis[:, 1]).sum()
        variance += np.square(residual / 15.0) @ (1.0 / (1.0 - hat)) * factor
        slopes.append(slope[1])
    variance += (slopes[1] - slopes[0]) ** 2 * sums["x"].var() / 30
    assert found.std_error[0] == pytest.approx(np.sqrt(variance), rel=1e-8)


def test_one_cluster_that_is_all_of_an_arm_is_refused() -> None:
    frame = table()
    frame["d"] = np.where((frame["v"] == "A") & (frame["team"] != 0), 0.0, frame["d"])
    with pytest.raises(es.IdentificationError, match="nothing tells how clusters vary"):
        estimate(frame, "per")


def test_moments_of_disjoint_clusters_keep_their_clusters_when_added() -> None:
    frame, design = table(20), DESIGN | {"metrics": DESIGN["metrics"][1:2]}
    parts = [experiment_moments(frame[at], as_design(design), Run()) for at in (frame.team < 8, frame.team >= 8)]
    merged = parts[0].metrics["per"].merge(parts[1].metrics["per"])
    whole, again = es.estimate(frame, design, "difference"), es.estimate(merged, design, "difference")
    assert again.uncertainty.correction.endswith("CR2")
    assert again.std_error[0] == pytest.approx(whole.std_error[0], rel=1e-10)
    assert again.uncertainty.df[0] == pytest.approx(whole.uncertainty.df[0], rel=1e-10)


@pytest.mark.nightly
@pytest.mark.parametrize("clusters", [6, 10, 20, 40])
@pytest.mark.parametrize("alike", [True, False])
def test_intervals_hold_over_few_clusters(clusters: int, alike: bool) -> None:
    """95 to 96.5 % where clusters are alike, and 94 to 97.5 where they are not, but for four Monte-Carlo errors."""
    runs, hits = 2_000, 0
    for run in range(runs):
        rng = np.random.default_rng([clusters, run])
        rows = np.full(clusters, 20) if alike else 2 + rng.lognormal(2.5, 1.0, clusters).astype(int)
        home = np.repeat(np.arange(clusters), rows)
        y = 0.3 * rng.normal(size=clusters)[home] + rng.normal(size=home.size)
        moments = MetricRows(Metric(name="y", column="y"), [y], home % 2, ("A", "B"), cluster=home).summed(Run())
        levels = Comparison.of(moments, [[0]], history=False).levels(moments)
        error = np.sqrt(levels.effect_vcov[0, 0])
        hits += bool(abs(levels.effect[0]) <= stats.t.ppf(0.975, levels.effect_df()[0]) * error)
    share, slack = hits / runs, 4.0 * np.sqrt(0.95 * 0.05 / runs)
    assert share > (0.95 if alike else 0.94) - slack
    assert share < (0.965 if alike else 0.975) + slack
