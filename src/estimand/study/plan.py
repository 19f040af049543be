"""From the methods a study lists to the methods it runs, each with an id and its options."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Any, get_args

from estimand.core.catalog import keys, resolve
from estimand.core.declared import refuse_unnamed
from estimand.core.design import DesignFields, Experiment
from estimand.core.method import Method, MethodSpec, takes
from estimand.core.nearest import did_you_mean
from estimand.core.question import Target
from estimand.core.resampling import Resampling, as_resampling
from estimand.errors import Code, DesignError
from estimand.study.resample import refuse_kind

ALL = "all"
_OWN = ("method", "id", "resample")
# What a comparison that adjusts for nothing is of: the effect where treatment was random.
UNADJUSTED = (Target.ASSOCIATION, Target.ATE)
# What a method may say that it estimated where it was asked for another target.
RELABELLED = (Target.VARIANCE_WEIGHTED, Target.ATM)


@dataclass(frozen=True, slots=True)
class Planned:
    """A method to run, under an id."""

    id: str
    method: Method
    resample: Resampling | None = None

    def declared(self) -> dict[str, Any]:
        """Return what an entry of a study file would say."""
        scheme = {} if self.resample is None else {"resample": self.resample.declared()}
        return {"method": self.method.spec.key, "id": self.id} | self.method.options() | scheme


def plan_methods(
    listed: Sequence[Any] | str,
    options: Mapping[str, Mapping[str, Any]],
    target: Target | None,
    design: DesignFields,
    resample: Resampling | None = None,
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
    resample : Resampling, optional
        For the methods whose card allows its kind and whose entry does not say otherwise.

    Raises
    ------
    DesignError
        If a key, an option, a target or an id is unknown or repeated.
    """
    entries = _entries(listed, design)
    _refuse_stray_options(options, [entry["method"] for entry in entries])
    planned = tuple(_one(entry, options, target, design) for entry in entries)
    planned = _with_resampling(planned, entries, resample)
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


def _with_resampling(
    planned: tuple[Planned, ...], entries: Sequence[Mapping[str, Any]], resample: Resampling | None
) -> tuple[Planned, ...]:
    """Give each entry its scheme: its own, or the study's where the method's card allows it."""
    out = []
    for item, entry in zip(planned, entries, strict=True):
        own = entry.get("resample")
        if own is not None:
            scheme = own if isinstance(own, Resampling) else _as_scheme(own)
            refuse_kind(item.method, scheme)
            out.append(replace(item, resample=scheme))
        else:
            fits = resample is not None and resample.kind in item.method.spec.resampling
            out.append(replace(item, resample=resample) if fits else item)
    if resample is not None and not any(item.resample for item in out):
        refuse_kind(planned[0].method, resample)
    return tuple(out)


def _as_scheme(value: Any) -> Resampling:
    """Read the scheme of an entry."""
    plain = as_resampling(value)
    if not isinstance(plain, Mapping):
        raise DesignError(
            f"A resampling is a kind or a mapping, not {shorten(repr(value), 80)}.",
            remedy="Write: pairs, or {kind: pairs, draws: 1000}.",
            found=value,
        )
    refuse_unnamed(plain, Resampling.noun)
    return Resampling(**plain)


def _entries(listed: Sequence[Any] | str, design: DesignFields) -> list[dict[str, Any]]:
    items = _as_items(listed)
    if len(items) == 1 and isinstance(items[0], str) and items[0] == ALL:
        every = [key for key in keys("methods") if _is_for_all(resolve("methods", key).spec, design)]
        return [{"method": key} for key in _in_order(every, design)]
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


def _is_for_all(spec: MethodSpec, design: DesignFields) -> bool:
    """Whether "all" means a method too: with metrics, those that need no rows and find in the design what they use."""
    if not takes(spec, design) or not isinstance(design, Experiment) or not design.metrics:
        return takes(spec, design)
    served = any(metric.kind in spec.metrics for metric in design.metrics)
    return spec.reads_moments and served and _USES.get(spec.key, _anything)(design)


def _anything(design: Experiment) -> bool:
    return True


# What a method makes use of, and has nothing to add without.
_USES: Mapping[str, Callable[[Experiment], bool]] = {
    "cuped": lambda design: any(metric.covariate is not None for metric in design.metrics),
    "poststratification": lambda design: bool(design.strata),
}


def _in_order(found: list[str], design: DesignFields) -> list[str]:
    """Methods of an experiment with metrics by who is to lead: what may be read early if planned, then the sharpest."""
    if not isinstance(design, Experiment) or not design.metrics:
        return found
    looks = design.planned is not None and design.planned.sequential != "none"
    leading = [*(["sequential"] if looks else []), "cuped", "poststratification", "difference", "quantile"]
    return [key for key in leading if key in found] + [key for key in found if key not in leading]


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
    return Planned(_id(entry, key), kind(**given))


def _id(entry: Mapping[str, Any], key: str) -> str:
    """Return the id of an entry; the key where it has none."""
    given = entry.get("id")
    if given is None:
        return key
    if not isinstance(given, str) or not given.strip():
        raise DesignError(
            f"The id of method '{key}' is {shorten(repr(given), 80)}, which is not a name.",
            remedy=f"Write a word: {{method: {key}, id: {key}_2}}.",
            found=given,
        )
    return given


def offered_targets(kind: type[Method]) -> tuple[Target, ...]:
    """Targets a method offers as an option; none where it has a label of its own."""
    field = kind.model_fields.get("target")
    return () if field is None else tuple(Target(item) for item in get_args(field.annotation))


def targets_offered(listed: Any) -> tuple[Target, ...]:
    """Targets that some of the methods listed offer, in the order of their enumeration."""
    every = keys("methods")
    named = [item.get("method") if isinstance(item, Mapping) else item for item in _as_items(listed)]
    chosen = every if named == [ALL] else [key for key in named if key in every]
    kinds = [resolve("methods", key) for key in chosen]
    found = {target for kind in kinds for target in offered_targets(kind) or UNADJUSTED}
    return tuple(target for target in Target if target in found)


def _as_items(listed: Any) -> list[Any]:
    return [listed] if isinstance(listed, str) else list(listed)


def refuse_unanswerable(planned: Sequence[Planned], target: Target) -> None:
    """Refuse a target that no method of the study can estimate.

    Raises
    ------
    DesignError
        Naming the targets they offer.
    """
    if any(_may_answer(item.method, target) for item in planned):
        return
    offered = targets_offered([item.method.spec.key for item in planned])
    raise DesignError(
        f"No method of the study estimates {target}, the {target.words}.",
        remedy=f"Ask for another target ({', '.join(offered)}), or list a method that offers this one.",
        code=Code.UNSUPPORTED,
        found=str(target),
        expected=[str(item) for item in offered],
    )


def _may_answer(method: Method, target: Target) -> bool:
    """Tell whether a method is set to a target, or may end with it as a label of its own."""
    if offered_targets(type(method)):
        return getattr(method, "target", None) is target or target in RELABELLED
    return method.spec.adjusts or target in UNADJUSTED
