"""A rollout that methods for panels are held to, and changes of it that some must not feel."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tests.contract.changes import Change

PANEL: dict[str, Any] = {
    "kind": "panel",
    "unit": "site",
    "time": "quarter",
    "outcome": "output",
    "treatment": "rolled_out",
    "covariates": ["size"],
}
PERIODS = 6


def rollout(units: int = 60) -> pd.DataFrame:
    """Three cohorts and one never treated, of equal size, over six periods; effects grow; one covariate of the unit."""
    rng = np.random.default_rng(11)
    site, quarter = np.repeat(np.arange(units), PERIODS), np.tile(np.arange(PERIODS), units)
    start = np.array([2, 3, 4, PERIODS])[site % 4]
    size = rng.normal(size=units)[site] + 0.2 * (start < PERIODS)
    on = quarter >= start
    drift = rng.normal(size=(units, PERIODS)).cumsum(axis=1).ravel() * 0.3
    level = rng.normal(size=units)[site] + 0.5 * quarter + 0.2 * size * quarter
    output = 10.0 + level + drift + rng.normal(size=units * PERIODS) + on * (1.0 + 0.5 * (quarter - start))
    return pd.DataFrame(
        {
            "site": site,
            "quarter": quarter,
            "output": output,
            "rolled_out": on.astype(int),
            "size": size,
            "team": site // 8 * 4 + site % 4,
        }
    )


def _same(value: float) -> float:
    return value


def row_order(frame: pd.DataFrame) -> Change:
    return Change(frame.sample(frac=1.0, random_state=3), PANEL, _same)


def column_order(frame: pd.DataFrame) -> Change:
    return Change(frame[frame.columns[::-1]], {**PANEL, "covariates": PANEL["covariates"][::-1]}, _same)


def covariate_scale(frame: pd.DataFrame) -> Change:
    return Change(frame.assign(size=0.37 * frame["size"] + 11.3), PANEL, _same)


def outcome_scale(frame: pd.DataFrame) -> Change:
    return Change(frame.assign(output=2.7 * frame["output"]), PANEL, lambda value: 2.7 * value)


def outcome_shift(frame: pd.DataFrame) -> Change:
    return Change(frame.assign(output=frame["output"] + 41.3), PANEL, _same)


def duplicated_rows(frame: pd.DataFrame) -> Change:
    again = frame.assign(site=frame["site"] + 1_000)
    return Change(pd.concat([frame, again], ignore_index=True), PANEL, _same)


def unit_labels(frame: pd.DataFrame) -> Change:
    names = np.random.default_rng(7).permutation(frame["site"].nunique())
    return Change(frame.assign(site=[f"site {names[code]:03d}" for code in frame["site"]]), PANEL, _same)


def unit_shift(frame: pd.DataFrame) -> Change:
    level = np.random.default_rng(8).normal(size=frame["site"].nunique())
    return Change(frame.assign(output=frame["output"] + level[frame["site"]]), PANEL, _same)


def period_shift(frame: pd.DataFrame) -> Change:
    level = np.random.default_rng(9).normal(size=PERIODS)
    return Change(frame.assign(output=frame["output"] + level[frame["quarter"]]), PANEL, _same)


PANEL_CHANGES: dict[str, Callable[[pd.DataFrame], Change]] = {
    change.__name__: change
    for change in (
        row_order,
        column_order,
        covariate_scale,
        outcome_scale,
        outcome_shift,
        duplicated_rows,
        unit_labels,
        unit_shift,
        period_shift,
    )
}
