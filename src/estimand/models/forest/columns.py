"""Reading what users hand to a forest: features, treatment, outcome, weights and clusters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from estimand.core.frozen import Frozen
from estimand.errors import Code, DataError, DesignError, IdentificationError
from estimand.stats.arrays import AnyArray, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Treatments(Frozen):
    """Treatments as numbers.

    Attributes
    ----------
    values : ndarray of shape (n, K)
        Doses, or zeros and ones for each arm after the first.
    names : tuple of str, of length K
    """

    values: Floats
    names: tuple[str, ...]


def numbers(values: Any, what: str) -> Floats:
    """Read numbers; missing ones become not-a-number.

    Raises
    ------
    DataError
        If they are not numbers.
    """
    plain = values.to_numpy() if hasattr(values, "to_numpy") else values
    try:
        return np.asarray(plain, dtype=np.float64)
    except (TypeError, ValueError) as cause:
        raise DataError.because(
            cause,
            f"The {what} holds something that is not a number.",
            remedy="Encode categories as numbers, one column a level.",
            code=Code.INVALID_MAPPING,
        ) from cause


def read_features(table: Any) -> tuple[Floats, tuple[str, ...] | None]:
    """Features of shape (n, p), and the names of the columns where they have any.

    Raises
    ------
    DataError
        If they are not numbers in rows and columns.
    """
    values = numbers(table, "table of features")
    if values.ndim != 2:
        raise DataError(
            f"Features come in rows and columns, and these have {values.ndim} dimensions.",
            remedy="Give one row per unit and one column per feature.",
            code=Code.INVALID_MAPPING,
        )
    names = tuple(str(name) for name in table.columns) if hasattr(table, "columns") else None
    return np.ascontiguousarray(values), names


def read_column(values: Any, what: str, rows: int) -> Floats:
    """One number per row, none missing.

    Raises
    ------
    DataError
    """
    found = numbers(values, what)
    _refuse_length(found, what, rows)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise DataError(
            f"The {what} has values that are missing or infinite, or several columns.",
            remedy="Leave those rows out, and give one number per row.",
        )
    return found


def read_treatments(values: Any, rows: int) -> Treatments:
    """Treatments from numbers in one column or several, or from labels of arms, of which the first in order is control.

    Raises
    ------
    DataError
        If there is not one per row, or some are missing.
    IdentificationError
        If a treatment does not vary.
    """
    plain = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    _refuse_length(plain, "treatment", rows)
    if plain.dtype.kind in "OSU":
        arms, codes = np.unique(plain.astype(str), return_inverse=True)
        found = (codes[:, None] == np.arange(1, arms.shape[0])).astype(np.float64)
        names = tuple(str(arm) for arm in arms[1:])
    else:
        found = numbers(plain, "treatment").reshape(rows, -1)
        given = [str(name) for name in values.columns] if hasattr(values, "columns") else None
        names = tuple(
            given or [f"treatment {k + 1}" if found.shape[1] > 1 else "treatment" for k in range(found.shape[1])]
        )
    if not np.isfinite(found).all():
        raise DataError("The treatment has values that are missing or infinite.", remedy="Leave those rows out.")
    if found.shape[1] == 0 or (np.ptp(found, axis=0) == 0.0).any():
        raise IdentificationError(
            "A treatment is the same in every row, so nothing can be compared.",
            remedy="Give rows with and without it.",
        )
    return Treatments(found, names)


def read_weights(values: Any, rows: int) -> Floats | None:
    """Positive weights of mean one, or None.

    Raises
    ------
    DataError
        If one is not positive.
    """
    if values is None:
        return None
    found = read_column(values, "weights", rows)
    if found.min() <= 0.0:
        raise DataError("Some weights are not positive.", remedy="Leave those rows out.")
    return np.asarray(found / found.mean())


def read_clusters(values: Any, rows: int) -> Ints | None:
    """Codes of the clusters from 0, or None."""
    if values is None:
        return None
    plain: AnyArray = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    _refuse_length(plain, "cluster", rows)
    return np.unique(plain, return_inverse=True)[1].astype(np.int64)


def _refuse_length(values: AnyArray, what: str, rows: int) -> None:
    if values.ndim == 0 or values.shape[0] != rows:
        raise DesignError(
            f"The {what} has {values.shape[0] if values.ndim else 1} rows, and the features {rows}.",
            remedy="Give one value per row.",
            found=values.shape[0] if values.ndim else 1,
            expected=rows,
        )
