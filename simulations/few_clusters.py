"""Do intervals of metrics over few clusters hold?

Draws experiments without an effect, assigned cluster by cluster, half of them to each arm, and counts how often the
interval of the product covers zero, at 95 %::

    python simulations/few_clusters.py

writes ``few_clusters.csv`` beside this file. Clusters have 50 rows each ("alike"), or a lognormal number with mean 50
and a standard deviation of the logarithm of 1 ("unequal"); a row is normal, and ``shared`` of its variance is its
cluster's. ``cuped`` has a covariate that is correlated by 0.7 with the metric, between clusters and within. ``welch``
is the variance of linearised clusters with a degree of freedom each but one an arm, as where clusters are many.
"""

import csv
from pathlib import Path

import numpy as np
from scipy import stats

from estimand.core.metric import Metric
from estimand.core.metric_estimate import Comparison
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import MetricRows
from estimand.core.run import Run
from estimand.stats.metric_moments import Levels

RUNS, FIRST_SEED, LEVEL = 2_000, 3_000, 0.95
CLUSTERS, SIZES, SHARED = (6, 10, 20, 40), ("alike", "unequal"), (0.0, 0.5)
CORRELATION, ROWS = 0.7, 50
# An arm with fewer clusters is refused by cuped.
FEWEST_ADJUSTED = 4
RESULT = Path(__file__).with_suffix(".csv")


def experiment(seed: int, clusters: int, sizes: str, shared: float) -> MetricMoments:
    """Draw one experiment and sum it up."""
    rng = np.random.Generator(np.random.Philox(seed))
    rows = np.full(clusters, ROWS)
    if sizes == "unequal":
        rows = np.maximum(2, np.round(rng.lognormal(np.log(ROWS) - 0.5, 1.0, clusters))).astype(int)
    home = np.repeat(np.arange(clusters), rows)
    own = np.sqrt([1.0 - shared, shared])
    x, noise = (own[0] * rng.normal(size=home.size) + own[1] * rng.normal(size=clusters)[home] for _ in range(2))
    y = CORRELATION * x + np.sqrt(1.0 - CORRELATION**2) * noise
    arm = rng.permutation(np.arange(clusters) % 2)[home]
    metric = Metric(name="y", column="y", covariate="x")
    return MetricRows(metric, [y, x], arm, ("A", "B"), cluster=home).summed(Run())


def covers(levels: Levels) -> bool:
    """Whether the interval covers zero."""
    error = float(np.sqrt(levels.effect_vcov[0, 0]))
    return bool(abs(levels.effect[0]) <= stats.t.ppf(0.5 + LEVEL / 2.0, levels.effect_df()[0]) * error)


def readings(moments: MetricMoments) -> dict[str, Levels]:
    """What every procedure reads."""
    plain = Comparison.of(moments, [[0]], history=False)
    found = {"welch": Comparison(plain.parts, plain.place).levels(moments), "difference": plain.levels(moments)}
    if moments.units.min() < FEWEST_ADJUSTED:
        return found
    return found | {"cuped": Comparison.of(moments, [[0]], history=True).levels(moments)}


def coverage(clusters: int, sizes: str, shared: float, runs: int = RUNS) -> dict[str, float]:
    """Share of experiments whose interval covers the truth, by procedure."""
    hits: dict[str, int] = {}
    for run in range(runs):
        for name, levels in readings(experiment(FIRST_SEED + run, clusters, sizes, shared)).items():
            hits[name] = hits.get(name, 0) + covers(levels)
    return {name: count / runs for name, count in hits.items()}


def main() -> None:
    """Measure all, and write the table."""
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["clusters", "sizes", "shared", "procedure", "runs", "coverage", "coverage_mc"])
        for clusters in CLUSTERS:
            for sizes in SIZES:
                for shared in SHARED:
                    for name, share in coverage(clusters, sizes, shared).items():
                        error = np.sqrt(share * (1.0 - share) / RUNS)
                        out.writerow([clusters, sizes, shared, name, RUNS, round(share, 4), round(float(error), 5)])


if __name__ == "__main__":
    main()
