"""Who a row is, and which group it belongs to: the same codes whatever table the values came from."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.types as kinds

from estimand.data.column import Labels, arrow_column, is_text, read_column
from estimand.data.source import Source
from estimand.errors import Code, DataError
from estimand.stats.arrays import AnyArray, Bools, Hashes, Ints
from estimand.stats.levels import numbered


def keys(source: Source, name: str) -> tuple[AnyArray, Bools]:
    """Read a column of identifiers.

    Parameters
    ----------
    source : Source
    name : str

    Returns
    -------
    values : ndarray of shape (n,)
        Exact whole numbers, else floats, else texts; arbitrary where missing.
    present : ndarray of shape (n,) of bool
        Where there is an identifier; an empty text is none.

    Raises
    ------
    DataError
        If the column holds neither numbers, truth values, times nor text.
    """
    array = arrow_column(source, name)
    if kinds.is_decimal(array.type):
        array = _whole(array)
    if kinds.is_integer(array.type):
        wide = array.cast(pa.uint64() if kinds.is_uint64(array.type) else pa.int64())
        return _signed((wide.fill_null(0) if wide.null_count else wide).to_numpy()), ~_nulls(array)
    if is_text(array.type):
        texts = array.to_numpy(zero_copy_only=False)
        return texts, ~(_nulls(array) | (texts == ""))
    return _by_value(source, name)


def _by_value(source: Source, name: str) -> tuple[AnyArray, Bools]:
    column = read_column(source, name)
    present = column.present
    if isinstance(column, Labels):
        return np.array([*column.levels, ""], dtype=object)[column.codes], present
    values = np.where(present, column.values, 0.0)
    exact = bool(np.all((np.abs(values) < 2.0**53) & (values == np.round(values))))
    return (values.astype(np.int64) if exact else values), present


def _nulls(array: Any) -> Bools:
    if not array.null_count:
        return np.zeros(len(array), dtype=np.bool_)
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False))


def _whole(array: Any) -> Any:
    """Turn decimals into integers; into text where they are whole but too long."""
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return array.cast(pa.string()) if array.type.scale == 0 else array


def _signed(values: AnyArray) -> AnyArray:
    """Bring whole numbers to one type wherever they fit, so that equal ones hash alike."""
    if values.dtype == np.int64:
        return values
    return values.astype(np.int64) if np.all(values < 2**63) else values


def hash_keys(values: AnyArray) -> Hashes:
    """Hash identifiers.

    Parameters
    ----------
    values : ndarray of shape (n,)
        As :func:`keys` returns them.

    Returns
    -------
    ndarray of shape (n,) of uint64
    """
    return np.asarray(pd.util.hash_array(values, categorize=False), dtype=np.uint64)


def hash_positions(n: int) -> Hashes:
    """Hash the positions 0 … n - 1 by splitmix64, for rows without an identifier.

    References
    ----------
    Steele, Lea & Flood (2014), doi:10.1145/2660193.2660195
    """
    z = (np.arange(n, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def refuse_repeats(values: AnyArray, ids: Hashes, unit: str, source: Source) -> None:
    """Refuse identifiers of which one names several rows.

    Raises
    ------
    DataError
        With an example.
    """
    if _all_differ(ids):
        return
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if again.size:
        example = values[order[again].min()]
        rows = int(np.count_nonzero(ids == ids[order[again].min()]))
        raise DataError(
            f"Unit column '{unit}' of {source.name} names {rows:,} rows '{example}'; a unit is one row here.",
            remedy=f"Aggregate to one row for each unit, or name '{unit}' as cluster instead.",
            code=Code.INVALID_MAPPING,
            found=str(example),
        )


def refuse_several_arms(values: AnyArray, ids: Hashes, arm: Ints, unit: str, source: Source) -> None:
    """Refuse units of an experiment that were seen in two arms.

    Parameters
    ----------
    values, ids : ndarray of shape (n,)
    arm : ndarray of shape (n,)
        Codes.
    unit : str
    source : Source

    Raises
    ------
    DataError
        With their number and an example.
    """
    if _all_differ(ids):
        return
    order = np.argsort(ids, kind="stable")
    code, own = ids[order], arm[order]
    changes = np.flatnonzero((code[1:] == code[:-1]) & (own[1:] != own[:-1]))
    if changes.size:
        several, example = np.unique(code[changes]).shape[0], values[order[changes].min()]
        raise DataError(
            f"{several:,} units of '{unit}' in {source.name} are in two arms, such as '{example}'.",
            remedy="Find out how they came to see both. Leaving them out is safe only if as many are lost from every "
            "arm; else keep the arm each was assigned first.",
            code=Code.INVALID_MAPPING,
            found=several,
        )


def _all_differ(ids: Hashes) -> bool:
    """Whether every row is named once, as it should be: told by sorting alone, which is far cheaper than an order."""
    ordered = np.sort(ids)
    return not (ordered[1:] == ordered[:-1]).any()


def cluster_codes(values: AnyArray) -> Ints:
    """Number the clusters in order of their identifiers: integers of shape (n,)."""
    codes = shared_codes(values)
    # The values may lie in the reader's own memory, which the rows must not share.
    return codes.copy() if codes is values else codes


def shared_codes(values: AnyArray) -> Ints:
    """Number them likewise; the very array given, where its values are their own codes."""
    if values.dtype != object:
        return numbered(values)[1]
    codes, levels = pd.factorize(values)
    place = np.empty(levels.shape[0], dtype=np.int64)
    place[np.argsort(levels, kind="stable")] = np.arange(levels.shape[0])
    return place[codes]
