"""Damaged panels and damaged studies of them, the same ones for the same seed."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from fuzzing import WORDS, copied, damage

PANEL: dict[str, Any] = {
    "kind": "panel",
    "unit": "shop",
    "time": "week",
    "cohort": "first",
    "outcome": "sales",
    "covariates": ["size"],
}
PANEL_STUDY: dict[str, Any] = {
    "question": "Did it sell more?",
    "data": "panel.csv",
    "design": {**PANEL, "treatment": "open", "cluster": "town", "absorb": [], "window": [None, 6]},
    "methods": ["did", {"method": "imputation_did", "id": "imputed"}],
    "options": {"did": {"effects": "two_way"}},
    "headline": "imputed",
    "seed": 0,
}
PANEL_SENSIBLE: dict[str, tuple[Any, ...]] = {
    "unit": (None, "town", "shop", "week"),
    "time": ("month", "day", "size", "first", "shop", "sales"),
    "cohort": (None, "open", "day", "month", "size"),
    "treatment": ("first", "ever", "town", "size"),
    "cluster": (None, "shop", "week"),
    "absorb": (["town"], ["size"], ["week"], "town"),
    "window": (None, [2, 5], [None, None], ["2", None], [6, 2], ["2024-01", None], [3, 3]),
    "covariates": ([], ["town"], ["size", "town"], ["day"]),
    "outcome": (["sales", "size"], "open"),
    "methods": (["did"], ["staggered_did"], ["event_study"], ["imputation_did"], "all"),
    "missing": ("impute+indicator",),
    "data": ("panel.parquet",),
    "roles": ({}, {"post_treatment": "size"}),
}


def panel_table(units: int = 9, weeks: int = 6) -> pd.DataFrame:
    """A good panel, whose times are written in several ways."""
    rng = np.random.default_rng(5)
    unit, week = np.repeat(np.arange(units), weeks), np.tile(np.arange(1, weeks + 1), units)
    first = np.array([3, 5, 0])[unit % 3]
    on = ((first > 0) & (week >= first)).astype(int)
    return pd.DataFrame(
        {
            "shop": [f"shop {number}" for number in unit],
            "week": week,
            "first": first,
            "open": on,
            "ever": (first > 0).astype(int),
            "sales": (unit + 0.3 * week + on + rng.standard_normal(unit.size)).round(3),
            "size": np.repeat(rng.integers(1, 9, units), weeks),
            "town": np.array(["nord", "süd", "ouest"])[unit % 3],
            "month": [f"2024-{number:02d}" for number in week],
            "day": [f"2024-01-{number:02d}" for number in week],
        }
    )


def damaged_panel(seed: int) -> dict[Any, Any]:
    """A study of a panel with a few of its values, names or branches replaced."""
    rng = random.Random(f"panel {seed}")
    study = copied(PANEL_STUDY)
    for _ in range(rng.choice([1, 1, 2, 3])):
        place = study["design"] if isinstance(study.get("design"), dict) and rng.random() < 0.75 else study
        key = rng.choice([*PANEL_SENSIBLE])
        if rng.random() < 0.7:
            place[key] = copied(rng.choice(PANEL_SENSIBLE[key]))
        else:
            damage(rng, place)
    return study


def damaged_rows(seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """A design of a panel, and a table in which cells, rows or columns are wrong."""
    rng = random.Random(f"rows {seed}")
    frame = panel_table(rng.choice([2, 3, 9, 9, 15]), rng.choice([2, 4, 6, 6]))
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        frame = rng.choice(ROW_CHANGES)(rng, frame)
    design = {name: part for name, part in PANEL.items() if rng.random() < 0.985}
    for name in ("treatment", "cohort", "cluster", "time", "unit", "absorb", "window", "covariates"):
        if rng.random() < 0.06:
            design[name] = copied(rng.choice(PANEL_SENSIBLE[name]))
    return {name: part for name, part in design.items() if part is not None}, frame


def _spoil(rng: random.Random, frame: pd.DataFrame) -> pd.DataFrame:
    """Write a few odd values into one column."""
    changed, name = frame.astype(object), rng.choice([*frame])
    for _ in range(rng.choice([1, 3, len(frame)])):
        row = rng.randrange(max(len(frame), 1))
        if row < len(frame):
            changed.iat[row, frame.columns.get_loc(name)] = rng.choice([*ODD, *WORDS])
    return changed


ODD = (None, float("nan"), float("inf"), -1, 0, 2, 3.5, 1e300, 2**60, "2024-01", "2024Q1", "2024-W02", "never", True,
       pd.Timestamp("2024-01-02"), pd.Timestamp("1970-01-01"))  # fmt: skip
ROW_CHANGES: tuple[Callable[[random.Random, pd.DataFrame], pd.DataFrame], ...] = (
    _spoil,
    _spoil,
    lambda rng, frame: frame.sample(frac=rng.choice([0.1, 0.5, 0.9]), random_state=rng.randrange(99)),
    lambda rng, frame: frame[frame["week"] != rng.randrange(1, 7)] if "week" in frame else frame,
    lambda rng, frame: pd.concat([frame, frame.head(rng.choice([1, 5]))]),
    lambda rng, frame: frame.drop(columns=rng.choice([*frame])),
    lambda rng, frame: frame.assign(first=rng.choice([0, 1, 2, 3, 6, 99, None])),
    lambda rng, frame: frame.assign(sales=rng.choice([1.0, None, 1e308])),
    lambda rng, frame: frame.assign(open=rng.choice([0, 1, None])),
    lambda rng, frame: frame.assign(week=lambda t: pd.Timestamp("2024-01-31") + pd.to_timedelta(range(len(t)), "D")),
)
