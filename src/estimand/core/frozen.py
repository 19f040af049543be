"""Values that cannot change: arrays locked, mappings and sequences frozen, when made and when unpickled."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeVar, cast

import numpy as np

from estimand.stats.arrays import AnyArray

V = TypeVar("V")
# Most of what is frozen: nothing to look into.
PLAIN = frozenset({str, int, float, bool, type(None)})


class FrozenMap(Mapping[str, V]):
    """A read-only mapping that pickles; what it holds is frozen too."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V]) -> None:
        self._items: dict[str, V] = {key: freeze(item) for key, item in items.items()}

    def __getitem__(self, key: str) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items))

    def __reduce__(self) -> tuple[object, ...]:
        return FrozenMap, (self._items,)


def locked(array: AnyArray) -> AnyArray:
    """Return the array itself if nobody can write to it, else a read-only copy."""
    if not array.flags.writeable and (array.base is None or _is_locked(array.base)):
        return array
    copy = array.copy()
    copy.setflags(write=False)
    return copy


def _is_locked(owner: object) -> bool:
    return isinstance(owner, np.ndarray) and not owner.flags.writeable


def freeze(value: Any) -> Any:
    """Freeze a value and all it holds."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, np.ndarray):
        return locked(value)
    if isinstance(value, FrozenMap):
        return value
    if isinstance(value, Mapping):
        return FrozenMap(value)
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple(freeze(item) for item in value)
    return value


class Frozen:
    """Root of the result dataclasses (frozen, slots, eq=False): freezes every field it is given."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Freeze the fields; runs in the constructor and again on unpickling."""
        for field in fields(cast("Any", self)):
            object.__setattr__(self, field.name, freeze(getattr(self, field.name)))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), tuple(getattr(self, field.name) for field in fields(cast("Any", self)))
