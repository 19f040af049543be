"""Small tables the data tests share."""

from typing import Any

import numpy as np
import pandas as pd

from estimand.core.design import as_design
from estimand.core.sample import Sample
from estimand.data.build import build_sample
from estimand.data.source import read_table


def plain_table(**columns: Any) -> pd.DataFrame:
    """Twenty rows: two arms in turn, an outcome, a number and a category; columns may be replaced."""
    frame = pd.DataFrame(
        {
            "treated": [0, 1] * 10,
            "sales": np.arange(20.0),
            "age": np.arange(20) % 7 + 30,
            "region": ["north", "south", "east", "west"] * 5,
        }
    )
    return frame.assign(**columns)


def sample_of(data: Any, **fields: Any) -> Sample:
    """Build a sample by the plain table's design, with fields replaced."""
    design = as_design({"treatment": "treated", "outcome": "sales", "covariates": ["age"], **fields})
    return build_sample(read_table(data, design.columns()), design)


def mixed_table(rows: int = 240) -> pd.DataFrame:
    """A table with every kind of column, each with gaps where gaps are allowed."""
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(
        {
            "treated": rng.integers(0, 2, rows).astype(bool),
            "sales": rng.standard_normal(rows),
            "bought": rng.integers(0, 2, rows).astype(bool),
            "age": pd.array(rng.integers(20, 60, rows), dtype="Int64"),
            "income": 1e4 * rng.standard_normal(rows),
            "region": rng.choice(["nord", "süd", "west coast"], rows),
            "member": pd.array(rng.integers(0, 2, rows).astype(bool), dtype="boolean"),
            "joined": pd.Timestamp("2019-12-30") + pd.to_timedelta(rng.integers(-40_000, 90_000, rows), unit="h"),
            "account": [f"a{number}" for number in range(rows)],
            "number": rng.permutation(rows) - 20,
            "shop": rng.integers(0, 30, rows),
            "visits": rng.standard_normal(rows),
        }
    )
    gaps = {"sales": (20, 22), "age": (0, 0), "income": (3, 9), "region": (7, 12), "member": (1, 1)}
    for column, (first, last) in {**gaps, "joined": (40, 44), "visits": (5, 5)}.items():
        frame.loc[first:last, column] = None
    return frame
