"""From the methods a study lists to the methods it runs, each with an id and its options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, get_args

from estimand.core.catalog import keys, resolve
from estimand.core.declared import refuse_unnamed
from estimand.core.design import DesignFields
from estimand.core.method import Method
from estimand.core.nearest import did_you_mean
from estimand.core.question import Target
from estimand.errors import Code, DesignError

ALL = "all"
_OWN = ("method", "id")


@dataclass(frozen=True, slots=True)
class Planned:
    """A method to run, under an id."""

    id: str
    method: Method


def plan_methods(
    listed: Sequence[Any] | str,
    options: Mapping[str, Mapping[str, Any]],
    target: Target | None,
    design: DesignFields,
) -> tuple[Planned, ...]:
    """Build the methods of a study.

    Parameters
    ----------
    listed : sequence or str
        Keys, or mappings ``{method, id, …options}``; or "all".
    options : mapping
        Options by method key; those of an entry come first.
    target : Target, optional
        For the methods that offer it and do not say otherwise.
    design : Design
        Methods that do not take it are refused by name, and left out of "all".

    Raises
    ------
    DesignError
        If a key, an option, a target or an id is unknown or repeated.
    """
    entries = _entries(listed, design)
    _refuse_stray_options(options, [entry["method"] for entry in entries])
    planned = tuple(_one(entry, options, target, design) for entry in entries)
    ids = [item.id for item in planned]
    for name in ids:
        if ids.count(name) > 1:
            raise DesignError(
                f"Two methods share the id '{name}'.",
                remedy="Give each its own: {method: ipw, id: ipw_att, …}.",
                found=name,
            )
    if not planned:
        raise DesignError("The study lists no method.", remedy="List at least one, or write: all.")
    return planned


def _entries(listed: Sequence[Any] | str, design: DesignFields) -> list[dict[str, Any]]:
    items = [listed] if isinstance(listed, str) else list(listed)
    if len(items) == 1 and isinstance(items[0], str) and items[0] == ALL:
        return [{"method": key} for key in keys("methods") if isinstance(design, resolve("methods", key).spec.designs)]
    out = []
    for item in items:
        entry = {"method": item} if isinstance(item, str) else item
        if not isinstance(entry, Mapping) or not isinstance(entry.get("method"), str):
            raise DesignError(
                f"A method is a key or a mapping with 'method', not {shorten(repr(item), 80)}.",
                remedy="Write: aipw, or {method: ipw, id: ipw_att, target: ATT}.",
                found=item,
            )
        out.append(dict(entry))
    return out


def _refuse_stray_options(options: Mapping[str, Any], used: list[str]) -> None:
    for key, given in options.items():
        if key not in used:
            raise DesignError(
                f"There are options for '{key}', which the study does not list.",
                remedy=did_you_mean(key, used),
                found=key,
            )
        if not isinstance(given, Mapping):
            raise DesignError(
                f"The options of '{key}' are not a mapping.", remedy=f"Write {{{key}: {{name: value}}}}.", found=given
            )


def _one(
    entry: dict[str, Any],
    options: Mapping[str, Mapping[str, Any]],
    target: Target | None,
    design: DesignFields,
) -> Planned:
    key = entry["method"]
    kind: type[Method] = resolve("methods", key)
    if not isinstance(design, kind.spec.designs):
        takes = ", ".join(type_.model_fields["kind"].default for type_ in kind.spec.designs)
        raise DesignError(
            f"Method '{key}' does not take a design of kind '{getattr(design, 'kind', '')}'.",
            remedy=f"It takes: {takes}.",
            code=Code.UNSUPPORTED,
        )
    given = {**options.get(key, {}), **{name: value for name, value in entry.items() if name not in _OWN}}
    refuse_unnamed(given, f"Method '{key}'")
    if target is not None and "target" not in given and target in offered_targets(kind):
        given["target"] = target
    return Planned(str(entry.get("id", key)), kind(**given))


def offered_targets(kind: type[Method]) -> tuple[Target, ...]:
    """Targets a method offers as an option; none where it has a label of its own."""
    field = kind.model_fields.get("target")
    return () if field is None else tuple(Target(item) for item in get_args(field.annotation))
