"""Frozen pydantic models whose refusals are ``EstimandError``s in the product's own words."""

import re
from collections.abc import Mapping
from datetime import date
from textwrap import shorten
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails

from estimand.core.nearest import did_you_mean
from estimand.errors import Code, DesignError, EstimandError

_TYPE = re.compile(
    r"[\[\]()]|^(?:constrained-|function-|lax-or-strict|json-or-python|nullable)|^(?:str|int|float|bool|none)$"
)
_MEMBER = re.compile(r"<[\w.]+: ('[^']*')>")
_LIMITS = {
    "greater_than": "greater than",
    "greater_than_equal": "greater than or equal to",
    "less_than": "less than",
    "less_than_equal": "less than or equal to",
}
_WANTED = (
    ("int", "Give a whole number."),
    ("float", "Give a number."),
    ("finite", "Give a finite number."),
    ("bool", "Write true or false."),
    ("string", "Give text."),
    ("tuple", "Give a list, such as [a, b]."),
    ("list", "Give a list, such as [a, b]."),
    ("too_short", "List at least one."),
    ("too_long", "List fewer."),
    ("mapping", "Give 'name: value' pairs."),
    ("dict", "Give 'name: value' pairs."),
    ("model", "Give 'name: value' pairs."),
)


class Declared(BaseModel):
    """A declaration by the user: fields are typed, unknown ones refused, nothing changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    noun: ClassVar[str] = "The declaration"

    @model_validator(mode="wrap")
    @classmethod
    def _names_are_text(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            refuse_unnamed(value, cls.noun)
            cls._refuse_truth_as_number(value)
        return validate(value)

    @classmethod
    def _refuse_truth_as_number(cls, value: Mapping[str, Any]) -> None:
        """Refuse true and false where a number belongs: they would count as 1 and 0."""
        for name, field in cls.model_fields.items():
            if not isinstance(value.get(name), bool):
                continue
            kinds = _kinds(field.annotation)
            if kinds & {int, float} and bool not in kinds:
                raise DesignError(
                    f"{cls.noun} does not take {_shown(value[name])} for '{name}'.",
                    remedy="Give a number.",
                    found=value[name],
                )

    def __init__(self, **data: Any) -> None:
        refused: EstimandError | None = None
        try:
            super().__init__(**data)
        except ValidationError as error:
            refused = refusal(error, type(self))
        # Raised out here: inside, error and refusal would hold each other where no collector sees.
        if refused is not None:
            raise refused


def _kinds(annotation: Any) -> set[Any]:
    """Every type an annotation is made of."""
    if get_origin(annotation) is Literal:
        return set()
    inner = get_args(annotation)
    return set().union(*map(_kinds, inner)) if inner else {annotation} if isinstance(annotation, type) else set()


def refuse_unnamed(value: Mapping[Any, Any], noun: str) -> None:
    """Refuse a mapping whose fields are not named by text.

    Raises
    ------
    DesignError
    """
    for name in value:
        if not isinstance(name, str):
            raise DesignError(
                f"{noun} has a field named {name!r}, which is not text.", remedy="Name fields by words.", found=name
            )


def refusal(error: ValidationError, model: type[Declared]) -> EstimandError:
    """Put the first of pydantic's complaints into the product's words."""
    detail = error.errors(include_url=False)[0]
    inner = detail.get("ctx", {}).get("error")
    if isinstance(inner, EstimandError):
        return inner
    place = _place(detail["loc"], model)
    if detail["type"] == "extra_forbidden":
        return _unknown_field(str(detail["loc"][-1]), len(detail["loc"]) == 1, model)
    if detail["type"] == "missing":
        return DesignError(f"{model.noun} needs {place}.", remedy=f"Add {place}.", expected=place)
    return _wrong_value(detail, place, model)


def _unknown_field(name: str, own: bool, model: type[Declared]) -> EstimandError:
    known = field_names(model) if own else []
    return DesignError(
        f"{model.noun} has no field '{name}'.",
        remedy=did_you_mean(name, known) if known else "Remove it, or check its spelling.",
        found=name,
        expected=known or None,
    )


def field_names(model: type[BaseModel]) -> list[str]:
    """Names under which a model takes its fields, aliases included."""
    return [name for name, field in model.model_fields.items() if field.exclude is not True]


def _wrong_value(detail: ErrorDetails, place: str, model: type[Declared]) -> EstimandError:
    expected = _MEMBER.sub(r"\1", detail.get("ctx", {}).get("expected", "")) or None
    choice = detail["type"] in {"literal_error", "enum"}
    shown = f"{_shown(detail['input'])} for {place}" if place else _shown(detail["input"])
    return DesignError(
        f"{model.noun} does not take {shown}.",
        remedy=f"Use {expected}." if choice else _remedy(detail),
        code=Code.UNSUPPORTED if choice else Code.INVALID_MAPPING,
        found=detail["input"],
        expected=expected,
    )


def _place(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """Write where a complaint is by the names a user wrote, without those of types and validators.

    A number is a place in a list, counted from 1.
    """
    names = [part for part in loc if isinstance(part, str) and (part in model.model_fields or not _TYPE.search(part))]
    entries = [part + 1 for part in loc if isinstance(part, int)]
    named = f"'{'.'.join(names)}'" if names else ""
    return named + "".join(f", entry {entry}" for entry in entries)


def _remedy(detail: ErrorDetails) -> str:
    """Say in plain words what would have been right."""
    kind, limits = detail["type"], detail.get("ctx", {})
    if kind in _LIMITS:
        return f"Give a number {_LIMITS[kind]} {next(iter(limits.values()))}."
    for ending, words in _WANTED:
        if kind.startswith(ending):
            return words
    return f"{detail['msg'].removeprefix('Value error, ')}."


def _shown(value: Any) -> str:
    """Show a value as a study file would have it."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return f"the date {value.isoformat()}"
    return shorten(repr(value), 80)
