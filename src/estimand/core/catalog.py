"""The catalogs: tables of entry points, so that reading one imports nothing."""

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeAlias

from estimand.core.nearest import did_you_mean
from estimand.errors import Code, DesignError

Group: TypeAlias = Literal["methods", "checks", "audits", "figures", "learners"]


@cache
def _table(group: Group) -> dict[str, EntryPoint]:
    found = entry_points(group=f"estimand.{group}")
    ours = {entry.name: entry for entry in found if entry.value.startswith("estimand.")}
    others = {entry.name: entry for entry in found if entry.name not in ours}
    return ours | {name: others[name] for name in sorted(others)}


def keys(group: Group) -> tuple[str, ...]:
    """Keys of a catalog: ours in the order declared, then those of other packages by name."""
    return tuple(_table(group))


def resolve(group: Group, key: str) -> Any:
    """Import and return what a key names.

    Raises
    ------
    DesignError
        If the catalog has no such key.
    """
    table = _table(group)
    if key not in table:
        raise DesignError(
            f"There is no {group.removesuffix('s')} '{key}'.",
            remedy=did_you_mean(key, table),
            code=Code.UNSUPPORTED,
            found=key,
            expected=list(table),
        )
    return _imported(table[key].value)


@cache
def _imported(value: str) -> Any:
    module, _, name = value.partition(":")
    return getattr(import_module(module), name)
