"""Cases with a reported effect for each row, from data whose effects are known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from estimand.checks.heterogeneity.calibration import EffectCalibration
from estimand.checks.heterogeneity.groups import SortedGroups
from estimand.checks.heterogeneity.profile import GroupProfile
from estimand.checks.heterogeneity.projection import EffectProjection
from estimand.checks.heterogeneity.rate import RankAverageEffect
from estimand.checks.heterogeneity.usable import UsableHeterogeneity
from estimand.core.case import Case
from estimand.core.check import Check
from estimand.core.design import as_design
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.models.bank import Cache
from estimand.study.case import case_of as whole_case
from estimand.study.opening import open_source
from estimand.study.plan import plan_methods

COVARIATES = ["x0", "x1", "x2", "x3"]
LINES: dict[str, Any] = {"method": "t_learner", "learner": "linear", "propensity_learner": "logistic"}
TREES = {"name": "boosting", "params": {"rounds": 30}}
CHECKS: tuple[type[Check], ...] = (
    EffectCalibration,
    RankAverageEffect,
    SortedGroups,
    GroupProfile,
    EffectProjection,
    UsableHeterogeneity,
)
Effect = Callable[[np.ndarray], np.ndarray]


def random_effect(x: np.ndarray) -> np.ndarray:
    """An average of 0.3 that no covariate moves; rows differ at random."""
    return np.full(x.shape[0], 0.3)


def step_effect(x: np.ndarray) -> np.ndarray:
    """Two for half of the rows, nothing for the others."""
    return np.where(x[:, 0] > 0.0, 2.0, 0.0)


def line_effect(x: np.ndarray) -> np.ndarray:
    """Linear in two covariates."""
    return np.asarray(0.3 + x[:, 0] - 0.5 * x[:, 1])


def table(effect: Effect, rows: int = 600, seed: int = 1, arms: int = 2) -> pd.DataFrame:
    """Rows confounded by x0, whose effects vary by a function of the covariates and at random."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, len(COVARIATES)))
    d = (rng.random(rows) < 1 / (1 + np.exp(-0.5 * x[:, 0]))).astype(int)
    d = np.where(rng.random(rows) < (arms - 2) / arms, 2, d)
    y = (d == 1) * (effect(x) + rng.normal(size=rows)) + x[:, 0] + rng.normal(size=rows)
    return pd.DataFrame(x, columns=COVARIATES).assign(d=d, y=y)


def case_of(frame: pd.DataFrame, method: Any = None, **design: Any) -> tuple[Case, tuple[Estimate, ...]]:
    """A case and its estimate, without a study's checks."""
    given = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": COVARIATES, **design}
    drawn = as_design(given)
    sample = open_source(frame, drawn, build_sample)[1]
    case = whole_case(drawn, sample, "y", Run(0), Cache())
    planned = plan_methods([LINES if method is None else method], {}, None, drawn)
    return case, tuple(replace(item.method.estimate(case), id=item.id) for item in planned)


def never(estimate: Estimate, case: Case) -> Estimate:
    """A refit for checks that need none."""
    raise AssertionError("no refit was needed")


def asked(check: Check, case: Case, estimates: tuple[Estimate, ...]) -> Finding:
    """The one answer of a check that needs no refit."""
    (finding,) = check.examine(case, estimates, never)
    return finding


def constant(finding: Finding, name: str) -> float:
    """A number that every row of the evidence repeats."""
    assert finding.evidence is not None
    (value,) = set(finding.evidence[name])
    return float(value)
