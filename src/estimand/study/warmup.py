"""Compile the kernels ahead of the first study: each on a small piece of the work it is for."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from estimand.core.estimate import Estimate
from estimand.core.run import Run
from estimand.data import datasets
from estimand.models.forest.causal import CausalForest
from estimand.models.forest.grown import EffectIntervals
from estimand.study.single import estimate

ROWS, TREES = 400, 80
DESIGN = {
    "kind": "observational",
    "treatment": "outreach",
    "outcome": "churn",
    "covariates": ["health_score", "prior_tickets", "usage_score"],
}


def _method(key: str, **options: Any) -> Estimate:
    return estimate(datasets.generate("outreach", rows=ROWS, seed=0), DESIGN, key, **options)


def _forest() -> EffectIntervals:
    rng = np.random.default_rng(0)
    features, arm = rng.normal(size=(ROWS, 2)), rng.integers(0, 2, ROWS)
    grown = CausalForest(trees=TREES).fit(features, arm, rng.normal(size=ROWS))
    return grown.effect(features[:2], interval=True)


WORK: Mapping[str, Callable[[], object]] = {
    "matching on a score": lambda: _method("matching"),
    "matching without replacement": lambda: _method("matching", replace=False),
    "matching on covariates": lambda: _method("matching", distance="mahalanobis"),
    "matching on covariates without replacement": lambda: _method("matching", distance="mahalanobis", replace=False),
    "strata drawn again": lambda: _method("stratification", draws=50),
    "growing and following a forest": _forest,
}


def warm_up(run: Run) -> dict[str, float]:
    """Compile what is not compiled yet, and tell the seconds by kind of work; quick where all is on disk already."""
    seconds: dict[str, float] = {}
    for done, (label, work) in enumerate(WORK.items()):
        run.report(label, done, len(WORK))
        started = time.perf_counter()
        work()
        seconds[label] = time.perf_counter() - started
    return seconds
