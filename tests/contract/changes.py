"""Changes of a study's data that some methods must not feel, and what each should do to the value."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

DESIGN: dict[str, Any] = {
    "kind": "observational",
    "treatment": "outreach",
    "outcome": "churn",
    "covariates": ["tenure_months", "usage_score", "prior_tickets", "health_score", "region"],
    "unit": "account_id",
}


@dataclass(frozen=True)
class Change:
    """Data and design after a change, and the value that an invariant method then gives."""

    frame: pd.DataFrame
    design: dict[str, Any]
    expected: Callable[[float], float]


def _same(value: float) -> float:
    return value


def row_order(frame: pd.DataFrame) -> Change:
    return Change(frame.sample(frac=1.0, random_state=3), DESIGN, _same)


def column_order(frame: pd.DataFrame) -> Change:
    return Change(frame, {**DESIGN, "covariates": DESIGN["covariates"][::-1]}, _same)


def covariate_scale(frame: pd.DataFrame) -> Change:
    numeric = ["tenure_months", "usage_score", "health_score"]
    return Change(frame.assign(**{name: 0.37 * frame[name] + 11.3 for name in numeric}), DESIGN, _same)


def outcome_scale(frame: pd.DataFrame) -> Change:
    return Change(frame.assign(churn=2.7 * frame["churn"]), DESIGN, lambda value: 2.7 * value)


def outcome_shift(frame: pd.DataFrame) -> Change:
    return Change(frame.assign(churn=frame["churn"] + 41.3), DESIGN, _same)


def arm_swap(frame: pd.DataFrame) -> Change:
    return Change(frame, {**DESIGN, "control": "1"}, lambda value: -value)


def duplicated_rows(frame: pd.DataFrame) -> Change:
    twice = pd.concat([frame, frame], ignore_index=True)
    twice["account_id"] = np.arange(len(twice)).astype(str)
    return Change(twice, DESIGN, _same)


CHANGES: dict[str, Callable[[pd.DataFrame], Change]] = {
    change.__name__: change
    for change in (
        row_order,
        column_order,
        covariate_scale,
        outcome_scale,
        outcome_shift,
        arm_swap,
        duplicated_rows,
    )
}
