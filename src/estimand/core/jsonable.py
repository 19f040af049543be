"""Plain JSON values from nouns and back: no NaN, no infinity, large arrays by name."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

from estimand.stats.arrays import AnyArray

Json: TypeAlias = Any
INLINE_LIMIT = 64


@dataclass(frozen=True, slots=True)
class ArrayRef:
    """Name of an array that lives beside the record: its hash, shape and dtype."""

    sha256: str
    shape: tuple[int, ...]
    dtype: str

    def to_dict(self) -> dict[str, Json]:
        """Return the reference as JSON."""
        return {"$array": self.sha256, "shape": list(self.shape), "dtype": self.dtype}


class ArrayStore:
    """Collects the arrays that a record names, each once."""

    def __init__(self) -> None:
        self.arrays: dict[str, AnyArray] = {}

    def put(self, array: AnyArray) -> ArrayRef:
        """Keep an array and return its name."""
        reference = array_reference(array)
        self.arrays[reference.sha256] = array
        return reference


def array_reference(array: AnyArray) -> ArrayRef:
    """Name an array by its dtype, shape and bytes."""
    if array.dtype.hasobject:
        raise TypeError("an array of Python objects has no bytes to be named by")
    tidy = np.ascontiguousarray(array)
    head = f"{tidy.dtype.str}{tidy.shape}".encode()
    digest = hashlib.sha256(head + tidy.tobytes()).hexdigest()
    return ArrayRef(digest, tuple(array.shape), array.dtype.str)


def number(value: float | None) -> float | None:
    """Return a finite float, or None where there is no finite value."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)


def encode(value: Any, store: ArrayStore | None = None) -> Json:
    """Turn a value into plain JSON; arrays of more than 64 elements become references."""
    if value is None or (isinstance(value, bool | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return number(float(value))
    return _encode_container(value, store)


def _encode_container(value: Any, store: ArrayStore | None) -> Json:
    if isinstance(value, np.ndarray):
        if value.size > INLINE_LIMIT:
            reference = array_reference(value) if store is None else store.put(value)
            return reference.to_dict()
        return encode(value.tolist(), store)
    if isinstance(value, Mapping):
        return {str(key): encode(item, store) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item, store) for item in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def decode(value: Json, arrays: Mapping[str, AnyArray] | None = None) -> Any:
    """Invert :func:`encode` for details: number lists become arrays, references arrays where given."""
    if isinstance(value, Mapping):
        if set(value) == {"$array", "shape", "dtype"}:
            reference = ArrayRef(value["$array"], tuple(value["shape"]), value["dtype"])
            return reference if arrays is None else arrays[reference.sha256]
        return {key: decode(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return _decode_list(value, arrays)
    return value


def _decode_list(value: list[Json], arrays: Mapping[str, AnyArray] | None) -> Any:
    flat = [item for row in value for item in (row if isinstance(row, list) else [row])]
    shapes = {len(row) if isinstance(row, list) else None for row in value}
    if flat and len(shapes) == 1 and all(isinstance(item, int | float) and not isinstance(item, bool) for item in flat):
        return np.array(value)
    return [decode(item, arrays) for item in value]


def canonical(value: Json) -> str:
    """One text for one value: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
