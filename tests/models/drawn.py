"""Samples and banks the tests of the models share."""

from typing import Any

import numpy as np
import pandas as pd

from estimand.core.design import as_design
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.models.bank import Cache, NuisanceBank


def frame_of(seed: int = 0, n: int = 600, shape: str = "linear") -> pd.DataFrame:
    """A linear or stepwise outcome y, and its sign b, of four covariates."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-20, 21, size=(n, 4)) / 10.0
    mean = x @ [1.0, -0.5, 0.0, 0.0] if shape == "linear" else 3.0 * ((x[:, 0] > 0) ^ (x[:, 1] > 0.5))
    chance = 1.0 / (1.0 + np.exp(-2.0 * (mean - mean.mean())))
    return pd.DataFrame(
        {f"x{j}": x[:, j] for j in range(4)}
        | {
            "d": (rng.random(n) < 0.3 + 0.4 * (x[:, 0] > 0)).astype(int),
            "y": mean + 0.3 * rng.normal(size=n),
            "b": (rng.random(n) < chance).astype(int),
            "w": rng.uniform(0.3, 3.0, n),
        }
    )


def sample_of(frame: pd.DataFrame, outcome: str = "y", **more: Any) -> Sample:
    design = as_design(
        {"treatment": "d", "outcome": outcome, "covariates": [f"x{j}" for j in range(4)], **more}
    )  # fmt: skip
    return build_sample(read_table(frame, design.columns()), design)


def bank_of(frame: pd.DataFrame, outcome: str = "y", threads: int = 1, seed: int = 0, **more: Any) -> NuisanceBank:
    return NuisanceBank(sample_of(frame, outcome, **more), outcome, Run(seed, threads), Cache())
