"""How often a clean table is taken for a faulty one: fixed seeds, several shapes of table."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.finding import Grade


def balanced(rng: np.random.Generator, rows: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Random arms and twenty covariates of mixed kinds."""
    frame = pd.DataFrame({f"x{j}": rng.normal(size=rows) for j in range(16)})
    frame["visits"] = rng.poisson(4.0, rows)
    frame["spend"] = rng.exponential(30.0, rows).round(2)
    frame["plan"] = rng.choice(["free", "team", "firm"], rows, p=[0.6, 0.3, 0.1])
    frame["mobile"] = rng.integers(0, 2, rows)
    covariates = list(frame.columns)
    frame["d"] = rng.integers(0, 2, rows)
    frame["y"] = frame["x0"] + frame["visits"] / 4.0 + rng.normal(size=rows)
    return frame, {"kind": "experiment", "treatment": "d", "outcome": "y", "covariates": covariates}


def binary_outcome(rng: np.random.Generator, rows: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The same with a binary outcome, a third of the rows treated, and a time of recording."""
    frame, design = balanced(rng, rows)
    frame["d"] = (rng.random(rows) < 1 / 3).astype(int)
    frame["y"] = (frame["y"] > 1.0).astype(int)
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 90, rows), unit="D")
    return frame, {**design, "roles": {"timestamp": "when"}}


def clustered(rng: np.random.Generator, rows: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Eighty teams, each wholly in one arm, whose rows are alike."""
    frame, design = balanced(rng, rows)
    team = np.arange(rows) % 80
    frame["team"] = team
    frame["d"] = rng.permutation(np.arange(80) % 2)[team]
    for column in ("x0", "x1", "y"):
        frame[column] = frame[column] + rng.normal(size=80)[team]
    return frame, {**design, "cluster": "team"}


def lossy(rng: np.random.Generator, rows: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A few values of covariates and outcome lost at random: notes, never warnings."""
    frame, design = balanced(rng, rows)
    for column in ("x3", "plan", "y"):
        frame[column] = frame[column].where(rng.random(rows) > 0.03)
    return frame, {**design, "missing": "impute+indicator"}


def alarms(make: Any, rows: int, repeats: int, line: Grade) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in range(repeats):
        frame, design = make(np.random.default_rng([20, seed]), rows)
        record = es.audit(frame, design)
        found.update({finding.check for finding in record.findings if finding.grade >= line})
    return found


@pytest.mark.parametrize(
    ("make", "rows", "line"),
    [
        (balanced, 500, Grade.NOTE),
        (balanced, 2_000, Grade.NOTE),
        (binary_outcome, 2_000, Grade.NOTE),
        (clustered, 2_000, Grade.NOTE),
        (lossy, 2_000, Grade.WARN),
    ],
)
def test_clean_tables_are_left_alone(make: Any, rows: int, line: Grade) -> None:
    """At most one alarm in twenty-five tables of a kind."""
    found = alarms(make, rows, 25, line)
    assert sum(found.values()) <= 1, found


@pytest.mark.nightly
@pytest.mark.parametrize("make", [balanced, binary_outcome, clustered])
def test_the_published_rate_holds_over_many_tables(make: Any) -> None:
    """In an experiment balance errs once in a thousand tables, and so do timing and missingness."""
    found = alarms(make, 1_000, 1_000, Grade.NOTE)
    assert sum(found.values()) <= 6, found
