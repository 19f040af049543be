"""A small experiment, and what a method says of one of its metrics."""

from typing import Any

import numpy as np
import pandas as pd

import estimand as es

METRICS = {
    "spend": {"name": "spend", "column": "spend", "covariate": "before"},
    "plain": {"name": "plain", "column": "spend"},
    "bought": {"name": "bought", "kind": "proportion", "column": "bought"},
    "rate": {"name": "rate", "column": "spend", "denominator": "visits"},
    "q90": {"name": "q90", "kind": "quantile", "column": "spend", "quantile": 0.9},
    "less": {"name": "less", "column": "spend", "direction": "decrease"},
}


def users(n: int = 3_000, seed: int = 0, lift: float = 0.4) -> pd.DataFrame:
    """Users of three arms over ten days of enrolment."""
    rng = np.random.default_rng(seed)
    variant = rng.choice(["A", "B", "C"], n)
    before = rng.gamma(2.0, 3.0, n)
    return pd.DataFrame(
        {
            "variant": variant,
            "day": rng.integers(1, 11, n),
            "before": before,
            "spend": before + rng.normal(0.0, 2.0, n) + lift * (variant == "B"),
            "bought": (rng.random(n) < 0.1 + 0.03 * (variant == "B")).astype(int),
            "visits": rng.poisson(2.0, n) + 1,
            "country": rng.choice(["fr", "de"], n),
        }
    )


def design(metric: str, **fields: Any) -> dict[str, Any]:
    return {"kind": "experiment", "variant": "variant", "control": "A", "metrics": [METRICS[metric]], **fields}


def made(
    method: str, metric: str, frame: pd.DataFrame | None = None, fields: Any = None, **options: Any
) -> es.Estimate:
    return es.estimate(users() if frame is None else frame, design(metric, **(fields or {})), method, **options)
