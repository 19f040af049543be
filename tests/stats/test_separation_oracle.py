"""Whether a likelihood has an optimum is a linear programme; the fit must agree with it."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from estimand.stats.glm import fit_glm


def has_no_optimum(x: np.ndarray, y: np.ndarray, family: str) -> bool:
    """Look for a direction that some rows favour and no row opposes (Albert & Anderson 1984)."""
    spread = x.std(axis=0)
    z = np.column_stack([np.ones(len(y)), (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)])
    rise, fall = (y >= 1, y <= 0) if family == "logistic" else (np.zeros(len(y), dtype=bool), y <= 0)
    favoured = np.vstack([z[rise], -z[fall]])
    held = z[~rise & ~fall]
    solution = linprog(
        -favoured.sum(axis=0),
        A_ub=-favoured if len(favoured) else None,
        b_ub=np.zeros(len(favoured)) if len(favoured) else None,
        A_eq=held if len(held) else None,
        b_eq=np.zeros(len(held)) if len(held) else None,
        bounds=[(-1.0, 1.0)] * z.shape[1],
        method="highs",
    )
    return bool(-solution.fun > 1e-7)


@settings(max_examples=300)
@given(
    family=st.sampled_from(["logistic", "poisson"]),
    n=st.integers(4, 50),
    p=st.integers(0, 4),
    shape=st.sampled_from(["normal", "categories", "skewed"]),
    strength=st.sampled_from([0.3, 2.0, 8.0]),
    seed=st.integers(0, 10_000),
)
def test_the_fit_converges_exactly_where_an_optimum_exists(
    family: str, n: int, p: int, shape: str, strength: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = {
        "normal": rng.normal(size=(n, p)),
        "categories": rng.integers(0, 3, (n, p)).astype(float),
        "skewed": rng.lognormal(0.0, 2.0, (n, p)),
    }[shape]
    spread = x.std(axis=0)
    standard = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    linear = np.clip(standard @ rng.normal(size=p) * strength + rng.normal(), -20, 8)
    y = rng.random(n) < 1 / (1 + np.exp(-linear)) if family == "logistic" else rng.poisson(np.exp(linear))
    fit = fit_glm(x, y.astype(float), family)
    if has_no_optimum(x, y.astype(float), family):
        assert not fit.converged
        assert fit.separated
    else:
        assert fit.converged
        assert not fit.separated
