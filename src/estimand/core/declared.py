"""Frozen pydantic models whose refusals are ``EstimandError``s in the product's own words."""

from collections.abc import Mapping
from textwrap import shorten
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails

from estimand.core.nearest import did_you_mean
from estimand.errors import Code, DesignError, EstimandError


class Declared(BaseModel):
    """A declaration by the user: fields are typed, unknown ones refused, nothing changes afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    noun: ClassVar[str] = "The declaration"

    @model_validator(mode="wrap")
    @classmethod
    def _names_are_text(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            refuse_unnamed(value, cls.noun)
        return validate(value)

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise refusal(error, type(self)) from None


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
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _unknown_field(str(detail["loc"][-1]), len(detail["loc"]) == 1, model)
    if detail["type"] == "missing":
        return DesignError(f"{model.noun} needs '{place}'.", remedy=f"Add '{place}'.", expected=place)
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
    expected = detail.get("ctx", {}).get("expected")
    choice = detail["type"] in {"literal_error", "enum"}
    return DesignError(
        f"{model.noun} does not take {shorten(repr(detail['input']), 80)} for '{place}'.",
        remedy=f"Use {expected}." if choice else f"{detail['msg'].removeprefix('Value error, ')}.",
        code=Code.UNSUPPORTED if choice else Code.INVALID_MAPPING,
        found=detail["input"],
        expected=expected,
    )
