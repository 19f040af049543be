"""One column of a source as numbers or labels, the same whatever table it came from."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.types as kinds

from estimand.data.source import Source
from estimand.errors import Code, DataError
from estimand.stats.arrays import AnyArray, Bools, Floats, Ints
from estimand.stats.levels import numbered

DAY = 86_400_000_000


class Kind(StrEnum):
    """What a column of numbers was before it was numbers."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of numbers, truth values (0 and 1) or times [days; dates since 1970-01-01].

    Attributes
    ----------
    name : str
    values : ndarray of shape (n,)
        Not-a-number where missing.
    kind : Kind
    """

    name: str
    values: Floats
    kind: Kind = Kind.NUMBER

    @cached_property
    def present(self) -> Bools:
        """Where there is a value."""
        return ~np.isnan(self.values)

    def take(self, keep: Bools) -> "Numbers":
        """Keep the rows of a mask."""
        return Numbers(self.name, self.values[keep], self.kind)


@dataclass(frozen=True, eq=False)
class Labels:
    """A column of categories; an empty text is missing, as it is in a CSV file.

    Attributes
    ----------
    name : str
    codes : ndarray of shape (n,)
        Positions in ``levels``; -1 where missing.
    levels : tuple of str
        Those that occur: in numeric order where all are numbers, else sorted as text.
    """

    name: str
    codes: Ints
    levels: tuple[str, ...]

    @cached_property
    def present(self) -> Bools:
        """Where there is a value."""
        return self.codes >= 0

    def take(self, keep: Bools) -> "Labels":
        """Keep the rows of a mask, and the levels that still occur."""
        codes = self.codes[keep]
        occurs = np.bincount(codes + 1, minlength=len(self.levels) + 1)[1:] > 0
        renumbered = np.append(np.cumsum(occurs) - 1, -1)
        levels = tuple(level for level, used in zip(self.levels, occurs, strict=True) if used)
        return Labels(self.name, renumbered[codes], levels)


Column: TypeAlias = Numbers | Labels


def read_column(source: Source, name: str) -> Column:
    """Read a column as numbers or labels.

    Raises
    ------
    DataError
        If its values are neither numbers, truth values, times nor text.
    """
    array = arrow_column(source, name)
    if kinds.is_dictionary(array.type) or is_text(array.type):
        return _labels(array, name)
    if kinds.is_boolean(array.type):
        return Numbers(name, _floats(array.cast(pa.uint8())), Kind.BOOLEAN)
    if kinds.is_temporal(array.type):
        return Numbers(name, _days(array), Kind.TIME)
    if is_number(array.type) or kinds.is_null(array.type):
        return Numbers(name, _floats(array))
    raise DataError(
        f"Column '{name}' of {source.name} holds values of type {array.type}.",
        remedy="Make it numbers, truth values, dates or UTF-8 text, or leave it out.",
        code=Code.INVALID_MAPPING,
        found=str(array.type),
    )


def arrow_column(source: Source, name: str) -> Any:
    """Return a column as a pyarrow array; what arrow has no type for becomes text."""
    series = source.frame.get_column(name)
    try:
        array = series.to_arrow()
    except (pa.ArrowException, TypeError, OverflowError):
        return _as_text(series)
    if isinstance(array, pa.ChunkedArray):
        array = (array.cast(pa.large_string()) if is_text(array.type) else array).combine_chunks()
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
        return array if _is_plain(array.type) else _as_text(series)
    wrapped = kinds.is_dictionary(array.type) and not _is_plain(array.type.value_type)
    return _as_text(series) if wrapped else array


def _as_text(series: "nw.Series[Any]") -> Any:
    missing = series.is_null().to_list()
    texts = [None if gone else str(value) for gone, value in zip(missing, series.to_list(), strict=True)]
    return pa.array(texts, pa.large_string())


def _is_plain(kind: Any) -> bool:
    return is_text(kind) or is_number(kind) or bool(kinds.is_boolean(kind) or kinds.is_temporal(kind))


def is_text(kind: Any) -> bool:
    """Whether an arrow type is text."""
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def is_number(kind: Any) -> bool:
    """Whether an arrow type is a number."""
    return bool(kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind))


def _floats(array: Any) -> Floats:
    # By way of text: arrow's own conversion of decimals is not correctly rounded.
    exact = array.cast(pa.string()) if kinds.is_decimal(array.type) else array
    values = np.asarray(exact.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    gone = np.isnan(values)
    return np.where(gone, np.nan, values) if gone.any() else values


def _days(array: Any) -> Floats:
    kind = array.type
    if kinds.is_time(kind):
        ticks = array.cast(pa.time64("us"), safe=False)
    elif kinds.is_duration(kind):
        ticks = array.cast(pa.duration("us"), safe=False)
    else:
        zone = kind.tz if kinds.is_timestamp(kind) else None
        ticks = array.cast(pa.timestamp("us", zone), safe=False)
    whole = ticks.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    days = np.asarray(whole // DAY + (whole % DAY) / DAY, dtype=np.float64)
    days[array.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return days


def _labels(array: Any, name: str) -> Labels:
    coded = array if kinds.is_dictionary(array.type) else array.dictionary_encode()
    values = [None if value in {None, ""} else value for value in coded.dictionary.to_pylist()]
    found = {value: label_of(value) for value in values if value is not None}
    levels = tuple(dict.fromkeys(found[value] for value in _ordered(found)))
    place = {level: code for code, level in enumerate(levels)}
    lookup = np.array([-1 if value is None else place[found[value]] for value in (*values, None)])
    indices = coded.indices.cast(pa.int64()).fill_null(len(values)).to_numpy(zero_copy_only=False)
    every = np.ones(len(indices), dtype=np.bool_)
    return Labels(name, lookup[indices], levels).take(every)


def _ordered(values: Iterable[Any]) -> list[Any]:
    values = list(values)
    numeric = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numeric else sorted(values, key=label_of)


def label_of(value: Any) -> str:
    """Write a value as a label; a whole number without its decimals."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def is_number_text(text: str) -> bool:
    """Whether a text is a number as it stands."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def as_labels(column: Column) -> Labels:
    """Turn numbers into labels in numeric order; leave labels as they are."""
    if isinstance(column, Labels):
        return column
    present = column.present
    if present.all():
        distinct, codes = numbered(column.values)
    else:
        distinct, inverse = numbered(column.values[present])
        codes = np.full(present.shape, -1, dtype=np.int64)
        codes[present] = inverse
    values: list[Any] = distinct.tolist()
    if column.kind is Kind.BOOLEAN:
        values = [bool(value) for value in values]
    return Labels(column.name, codes, tuple(label_of(value) for value in values))


def refuse_infinite(column: Numbers, source: Source) -> None:
    """Refuse a column that holds an infinite number.

    Raises
    ------
    DataError
    """
    infinite: AnyArray = np.flatnonzero(np.isinf(column.values))
    if infinite.size:
        raise DataError(
            f"Column '{column.name}' of {source.name} holds an infinite number, first in row "
            f"{infinite[0] + 1:,} ({infinite.size:,} in all).",
            remedy="Correct it, or make it missing.",
            code=Code.INVALID_MAPPING,
            found=float(column.values[infinite[0]]),
        )
