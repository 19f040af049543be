"""An experiment of two metrics with history, whose numbers can be trusted, and ways to spoil it."""

from typing import Any

import numpy as np
import pandas as pd

import estimand as es
from estimand.core.finding import Finding
from estimand.core.record import StudyRecord

METRICS = [
    {"name": "spend", "kind": "revenue", "column": "spend", "covariate": "before"},
    {"name": "per order", "column": "spend", "denominator": "orders"},
]
DESIGN: dict[str, Any] = {
    "kind": "experiment", "variant": "v", "control": "A", "metrics": METRICS, "exposed": "seen",
    "roles": {"segments": ["country"]}, "planned": {"allocation": {"A": 1, "B": 1}},
}  # fmt: skip


def table(n: int = 6_000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    before = rng.normal(size=n)
    frame = pd.DataFrame({"v": rng.permutation(np.repeat(["A", "B"], n // 2)), "before": before})
    frame["country"] = rng.choice(["NL", "BE", "DE"], n)
    frame["seen"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.uniform(0, 10, n), unit="D")
    frame["orders"] = 1 + rng.poisson(2.0, n)
    frame["spend"] = np.abs(10.0 + before + rng.normal(size=n) + 0.1 * (frame["v"] == "B"))
    return frame


def record(frame: pd.DataFrame, **changes: Any) -> StudyRecord:
    """Run the study of a table, with fields of the design changed."""
    return es.run({"data": frame, "design": DESIGN | changes, "methods": ["difference"]})


def found(made: StudyRecord, check: str) -> Finding:
    """Return the one finding of a check, or the first."""
    return next(finding for finding in made.findings if finding.check == f"experiment.{check}")
