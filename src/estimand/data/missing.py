"""Where values are missing, counted by arm before any row is left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.table import Table
from estimand.stats.arrays import Bools, Ints
from estimand.stats.levels import tallied


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Where a column holds a value.

    Attributes
    ----------
    part : str
        What the column is to the design: treatment, outcome, covariate …
    column : str
    present : ndarray of shape (n,) of bool
    """

    part: str
    column: str
    present: Bools


def missing_by_arm(held: Sequence[Held], codes: Ints, labels: tuple[str, ...]) -> Table:
    """Count what is missing, column by column.

    Parameters
    ----------
    held : sequence of Held
    codes : ndarray of shape (n,)
        Arm of every row read; -1 where the treatment is missing.
    labels : tuple of str

    Returns
    -------
    Table
        ``column``, ``part``, ``missing`` and ``rows``, then for each arm "missing …" and "rows …".
    """
    sizes = tallied(codes, len(labels))
    gone = [np.flatnonzero(~column.present) for column in held]
    counts = [tallied(codes[rows], len(labels)) for rows in gone]
    columns: dict[str, Sequence[object]] = {
        "column": [column.column for column in held],
        "part": [column.part for column in held],
        "missing": [int(rows.size) for rows in gone],
        "rows": [int(codes.size)] * len(held),
    }
    for a, label in enumerate(labels):
        columns[f"missing {label}"] = [count[a] for count in counts]
        columns[f"rows {label}"] = [sizes[a]] * len(held)
    return Table(columns)
