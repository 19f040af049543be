"""Rollouts drawn from known truths, and the design that reads them."""

from typing import Any

import numpy as np
import pandas as pd

DESIGN: dict[str, Any] = {"kind": "panel", "unit": "id", "time": "t", "outcome": "y", "cohort": "g"}


def rollout(
    seed: int,
    units: int = 60,
    periods: int = 6,
    starts: tuple[int, ...] = (2, 4),
    never: bool = True,
    missing: float = 0.0,
    effect: float = 1.0,
) -> pd.DataFrame:
    """Units first treated at one of ``starts`` (0 is never) whose effect grows by event time and cohort.

    The effect is ``effect * (1 + e / 2 + g / 10)``; a unit's errors are dependent over time; ``x`` changes, ``z`` does
    not, ``w`` is a weight, ``r`` a region.
    """
    rng = np.random.default_rng(seed)
    cohorts = np.array([*starts, *([0] if never else [])])
    g = cohorts[rng.permutation(np.arange(units) % cohorts.shape[0])]
    level, z = rng.normal(size=units), rng.normal(size=units)
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(units), periods),
            "t": np.tile(np.arange(periods), units),
            "g": np.repeat(g, periods),
            "z": np.repeat(z, periods),
            "r": np.repeat(rng.integers(0, 3, units), periods),
            "w": rng.uniform(0.5, 2.0, units * periods),
            "x": rng.normal(size=units * periods) + np.repeat(level, periods),
        }
    )
    after = (frame.g > 0) & (frame.t >= frame.g)
    drift = rng.normal(size=(units, periods)).cumsum(axis=1).ravel() * 0.3
    noise = rng.normal(size=units * periods) + drift
    gain = effect * (1.0 + (frame.t - frame.g) / 2.0 + frame.g / 10.0)
    frame["y"] = np.repeat(level, periods) + 0.4 * frame.t + 0.5 * frame.x + noise + np.where(after, gain, 0.0)
    frame["d"] = after.astype(int)
    return frame[rng.random(len(frame)) >= missing].reset_index(drop=True)


def truth(frame: pd.DataFrame, effect: float = 1.0) -> float:
    """Average effect over the treated rows of a rollout."""
    rows = frame[frame.d == 1]
    return float((effect * (1.0 + (rows.t - rows.g) / 2.0 + rows.g / 10.0)).mean())
