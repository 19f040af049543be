"""Cases and studies for the stress tests, from data whose truth is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import estimand as es
from estimand.core.case import Case
from estimand.core.check import Refit
from estimand.core.design import as_design
from estimand.core.estimate import Estimate
from estimand.core.run import Run
from estimand.data.build import build_sample
from estimand.models.bank import Cache
from estimand.study.case import case_of
from estimand.study.opening import open_source
from estimand.study.plan import plan_methods

COVARIATES = ["x0", "x1", "x2"]
OBSERVATIONAL = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": COVARIATES}
PLAIN_AIPW = {"method": "aipw", "learner": "linear", "propensity_learner": "logistic"}


def confounded(rows: int = 1_000, seed: int = 1, *, bend: float = 0.0, pull: float = 0.6) -> pd.DataFrame:
    """An effect of 1 with confounding by x0; ``bend`` makes both models non-linear, ``pull`` decides the overlap."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3))
    lean = pull * x[:, 0] + bend * (x[:, 1] ** 2 - 1)
    d = (rng.random(rows) < 1 / (1 + np.exp(-lean))).astype(int)
    y = d + x[:, 0] + bend * x[:, 1] ** 2 + rng.normal(size=rows)
    return pd.DataFrame(x, columns=COVARIATES).assign(d=d, y=y)


def run(frame: pd.DataFrame, methods: list[Any], threads: int = 1, **design: Any) -> es.StudyRecord:
    """Run a study of the frame."""
    study = es.Study(data=frame, design={**OBSERVATIONAL, **design}, methods=methods)
    return study.run(threads=threads)


def found(record: es.StudyRecord, check: str, about: str | None = None) -> es.Finding:
    """The one finding of a check, about one thing."""
    (finding,) = [f for f in record.findings if f.check == check and about in {None, f.about}]
    return finding


def estimated(frame: pd.DataFrame, methods: list[Any], **design: Any) -> tuple[Case, tuple[Estimate, ...]]:
    """A case and its estimates, without a study's checks."""
    drawn = as_design({**OBSERVATIONAL, **design})
    sample = open_source(frame, drawn, build_sample)[1]
    case = case_of(drawn, sample, "y", Run(0), Cache())
    planned = plan_methods(methods, {}, None, drawn)
    return case, tuple(replace(item.method.estimate(case), id=item.id) for item in planned)


def never(estimate: Estimate, case: Case) -> Estimate:
    """A refit for checks that should need none."""
    raise AssertionError("no refit was needed")


def altered(refit_as: Any) -> Refit:
    """A refit that returns the estimate with its numbers as given by a function of the case and the estimate."""

    def refit(estimate: Estimate, case: Case) -> Estimate:
        return refit_as(estimate, case)

    return refit
