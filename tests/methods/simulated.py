"""Tables drawn from known truths, and the design that reads them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

import estimand as es


def design(covariates: tuple[str, ...] = ("x", "z"), outcome: str = "y", **more: Any) -> dict[str, Any]:
    return {"kind": "observational", "treatment": "d", "outcome": outcome, "covariates": list(covariates), **more}


def confounded(seed: int, n: int = 500, arms: int = 2) -> pd.DataFrame:
    """Arms by a (multinomial) logit of x and z; a number y, a yes-or-no b and a count c that depend on all of them."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), (rng.random(n) < 0.4).astype(float)
    odds = np.column_stack([np.zeros(n), *(0.5 * x * (-1) ** a - 0.4 * z + 0.1 for a in range(arms - 1))])
    chance = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    d = (rng.random((n, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
    effect = d * (1.0 + 0.5 * x)
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "d": d,
            "y": 2.0 + x - 0.5 * z + effect + rng.normal(size=n) * (1.0 + 0.5 * z),
            "b": (rng.random(n) < expit(-0.3 + 0.7 * x - 0.4 * z + 0.6 * d)).astype(int),
            "c": rng.poisson(np.exp(0.2 + 0.3 * x + 0.2 * z + 0.3 * d)),
            "w": rng.uniform(0.4, 3.0, n),
            "f": rng.integers(1, 4, n),
        }
    )


def coverage(
    draw: Callable[[int], pd.DataFrame],
    plan: dict[str, Any],
    method: str,
    truth: float,
    repetitions: int,
    **options: Any,
) -> tuple[float, float]:
    """Share of intervals that hold the truth, and the ratio of the mean standard error to the spread of the values."""
    made = [es.estimate(draw(seed), plan, method, **options) for seed in range(repetitions)]
    bounds = np.array([item.interval()[0] for item in made])
    values, errors = np.array([item.value[0] for item in made]), np.array([item.std_error[0] for item in made])
    held = float(((bounds[:, 0] <= truth) & (truth <= bounds[:, 1])).mean())
    return held, float(np.sqrt(np.mean(np.square(errors))) / values.std(ddof=1))


def holds(found: tuple[float, float], repetitions: int, low: float = 0.95, high: float = 0.95) -> None:
    """Coverage within 4 Monte Carlo standard errors of the level, and the error's ratio of one."""
    held, ratio = found
    assert low - 4 * np.sqrt(low * (1 - low) / repetitions) <= held
    assert held <= min(1.0, high + 4 * np.sqrt(high * (1 - high) / repetitions))
    assert abs(ratio - 1.0) <= 4 / np.sqrt(2 * repetitions) or high > 0.95
