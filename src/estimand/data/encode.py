"""Covariates as numbers: categories full one-hot, times as days, missing values filled or left."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import Encoded, Feature
from estimand.core.table import Table
from estimand.data.column import Column, Labels, Numbers, is_number_text, read_column, refuse_infinite
from estimand.data.extremes import refuse_extreme
from estimand.data.mixed import mixture_of
from estimand.data.source import Source
from estimand.errors import Code, DataError
from estimand.stats.arrays import AnyArray

MOST_LEVELS = 100
MISSING_LEVEL = "(missing)"
BLOCK_ROWS = 4096

Part: TypeAlias = tuple[Feature, AnyArray]


def read_covariate(source: Source, name: str) -> Column:
    """Read a column that is to be encoded.

    Raises
    ------
    DataError
        If it holds a number that is infinite or out of scale, too many categories, or many numbers and a few texts.
    """
    column = read_column(source, name)
    if isinstance(column, Numbers):
        refuse_infinite(column, source)
        refuse_extreme(column, source)
    elif len(column.levels) > MOST_LEVELS:
        raise _too_many_levels(column, source)
    return column


def _too_many_levels(column: Labels, source: Source) -> DataError:
    where = f"Column '{column.name}' of {source.name}"
    mixture = mixture_of(column)
    if mixture is not None:
        message = f"{where} holds {mixture.words}."
        remedy = "Correct those texts, or make them missing."
    elif all(map(is_number_text, column.levels)):
        message = f"{where} holds numbers as text, such as '{column.levels[0]}'."
        remedy = "Convert it to a numeric type, or leave it out; an identifier is no covariate."
    else:
        message = f"{where} has {len(column.levels):,} categories; at most {MOST_LEVELS} are encoded."
        remedy = "Group the rare ones, or leave the column out; an identifier is no covariate."
    return DataError(message, remedy=remedy, code=Code.INVALID_MAPPING, found=len(column.levels), expected=MOST_LEVELS)


def encode(columns: Sequence[Column], rows: int) -> Encoded:
    """Encode columns; where a value is missing, all that is made from it is not-a-number.

    Parameters
    ----------
    columns : sequence of Column
        Each with ``rows`` rows.
    rows : int
    """
    return _stack([part for column in columns for part in _parts(column)], rows)


def encode_filled(columns: Sequence[Column], rows: int) -> Encoded:
    """Encode columns, with what is missing filled in and marked.

    A number becomes the mean of those present, beside a feature "… is missing"; a category becomes a
    level of its own.

    Parameters
    ----------
    columns : sequence of Column
        Each with ``rows`` rows.
    rows : int
    """
    return _stack([part for column in columns for part in _filled_parts(column)], rows)


def _parts(column: Column) -> list[Part]:
    if isinstance(column, Numbers):
        return [(Feature(column.name, column.name), column.values)]
    present = column.present
    parts: list[Part] = []
    for code, level in enumerate(column.levels):
        marks: AnyArray = column.codes == code
        if not present.all():
            marks = np.where(present, marks, np.nan)
        parts.append((Feature(f"{column.name} = {level}", column.name, level), marks))
    return parts


def _filled_parts(column: Column) -> list[Part]:
    present = column.present
    if present.all():
        return _parts(column)
    if isinstance(column, Labels):
        codes = np.where(present, column.codes, len(column.levels))
        return _parts(Labels(column.name, codes, (*column.levels, MISSING_LEVEL)))
    filled = np.where(present, column.values, column.values[present].mean())
    mark = Feature(f"{column.name} is missing", column.name)
    return [*_parts(Numbers(column.name, filled, column.kind)), (mark, ~present)]


def _stack(parts: list[Part], rows: int) -> Encoded:
    """Lay columns side by side, by blocks of rows so that memory is written once, in order."""
    values = np.empty((rows, len(parts)))
    for start in range(0, rows, BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        for j, (_, part) in enumerate(parts):
            values[block, j] = part[block]
    values.setflags(write=False)
    return Encoded(values, tuple(feature for feature, _ in parts))


def refuse_all_missing(column: Column, source: Source) -> None:
    """Refuse a covariate without a single value.

    Raises
    ------
    DataError
    """
    if not column.present.any():
        raise DataError(
            f"Covariate '{column.name}' of {source.name} is missing in every row used.",
            remedy="Leave it out, or check the column.",
            found=column.name,
        )


def imputed_finding(columns: Sequence[Column], *, randomised: bool) -> tuple[Finding, ...]:
    """Say which covariates were filled in; none if none was.

    Parameters
    ----------
    columns : sequence of Column
        The covariates of the rows used, before filling.
    randomised : bool
        Whether treatment was assigned at random, so that filling cannot bias the answer.
    """
    counts = {column.name: int(np.count_nonzero(~column.present)) for column in columns}
    gaps = {name: count for name, count in counts.items() if count}
    if not gaps:
        return ()
    rows = columns[0].present.size
    listed = ", ".join(f"{name} in {count:,}" for name, count in list(gaps.items())[:5])
    more = f" and {len(gaps) - 5} more" if len(gaps) > 5 else ""
    why = (
        "treatment was assigned at random, so this cannot bias the effect"
        if randomised
        else "rows with the covariate missing are compared on its indicator, not on its value"
    )
    finding = Finding(
        check="sample.imputed",
        about=STUDY,
        grade=Grade.NOTE if randomised else Grade.WARN,
        subject=max(gaps, key=lambda name: gaps[name]),
        message=f"Missing covariates were filled in and marked ({listed}{more} of {rows:,} rows); {why}.",
        remedy=None if randomised else "Compare with missing: complete_case, and say why values are missing.",
        statistic=max(gaps.values()) / rows,
        evidence=Table({"column": list(gaps), "rows": list(gaps.values())}),
    )
    return (finding,)
