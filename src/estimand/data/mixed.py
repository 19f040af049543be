"""Columns of numbers among which there are a few texts."""

from dataclasses import dataclass
from textwrap import shorten

import numpy as np

from estimand.core.finding import STUDY, Finding, Grade
from estimand.data.column import Column, Labels, is_number_text
from estimand.stats.arrays import Bools

MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Mixture:
    """Texts among numbers.

    Attributes
    ----------
    row : int
        First row with a text, counted from 1.
    text : str
        What it holds.
    rows : int
        Rows with a text.
    share : float
        Of the rows present, those with a text.
    """

    row: int
    text: str
    rows: int
    share: float

    @property
    def words(self) -> str:
        """What the column holds, with an example."""
        return f"numbers, and text in {self.rows:,} rows: row {self.row:,} holds '{shorten(self.text, 60)}'"


def mixture_of(column: Labels) -> Mixture | None:
    """Find the texts of a column most of whose rows hold numbers; None if it is no such column."""
    is_text: Bools = np.array([*(not is_number_text(level) for level in column.levels), False])
    if not is_text.any():
        return None
    texts = is_text[column.codes]
    rows, present = int(np.count_nonzero(texts)), int(np.count_nonzero(column.present))
    if rows == 0 or rows > (1 - MOSTLY) * present:
        return None
    first = int(np.argmax(texts))
    return Mixture(first + 1, column.levels[column.codes[first]], rows, rows / present)


def mixed_finding(column: Column) -> tuple[Finding, ...]:
    """Say that a covariate of numbers and a few texts was read as categories; nothing for any other."""
    if not isinstance(column, Labels):
        return ()
    mixture = mixture_of(column)
    if mixture is None:
        return ()
    return (
        Finding(
            check="sample.mixed",
            about=STUDY,
            grade=Grade.WARN,
            subject=column.name,
            message=f"'{column.name}' holds {mixture.words}. Each of its {len(column.levels)} values is a category.",
            remedy="If it is a number, correct those texts or make them missing.",
            statistic=mixture.share,
        ),
    )
