"""How treatment arose, and which column is what: a closed union tagged by ``kind``."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from estimand.core.declared import field_names, refusal, refuse_unnamed
from estimand.core.design_fields import DesignFields, Roles, Weights
from estimand.core.experiment import Experiment
from estimand.core.nearest import did_you_mean
from estimand.core.panel import Panel
from estimand.errors import DesignError

__all__ = [
    "ARMS", "DESIGNS", "Design", "DesignFields", "Experiment", "Observational", "Panel", "Roles", "Weights",
    "as_design", "design_fields",
]  # fmt: skip


class Observational(DesignFields):
    """Treatment arose in a way nobody controlled; the covariates are to make the arms comparable."""

    kind: Literal["observational"] = "observational"


Design: TypeAlias = Annotated[Observational | Experiment | Panel, Field(discriminator="kind")]
DESIGNS: dict[str, type[DesignFields]] = {"observational": Observational, "experiment": Experiment, "panel": Panel}
# Designs in which the arms of one table are compared.
ARMS: tuple[type[DesignFields], ...] = (Observational, Experiment)
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Design)


def as_design(value: Any) -> Design:
    """Read a design from a mapping, or return the one given.

    Raises
    ------
    DesignError
        If the kind is unknown, or a field is missing, unknown or contradictory.
    """
    if isinstance(value, Observational | Experiment | Panel):
        return value
    if not isinstance(value, Mapping):
        raise DesignError(
            f"A design is a mapping with a kind, not {type(value).__name__}.",
            remedy="Write {kind: observational, treatment: …, outcome: …, covariates: […]}.",
            found=type(value).__name__,
        )
    refuse_unnamed(value, DesignFields.noun)
    if "treatment" in value and "variant" in value:
        raise DesignError(
            "The design names both 'treatment' and 'variant', which are two words for one column.",
            remedy="Keep one of them.",
        )
    kind = value.get("kind", "observational")
    if not isinstance(kind, str) or kind not in DESIGNS:
        raise DesignError(f"There is no design of kind '{kind}'.", remedy=did_you_mean(str(kind), DESIGNS), found=kind)
    if "metrics" in value and kind != "experiment":
        raise DesignError(
            f"A design of kind '{kind}' takes no metrics, which are what an experiment measures.",
            remedy="Write kind: experiment, or name the columns under 'outcome'.",
            found=kind,
        )
    try:
        design: Design = _ADAPTER.validate_python({**value, "kind": kind})
    except ValidationError as error:
        refused = refusal(error, DESIGNS[kind])
    else:
        return design
    raise refused


def design_fields(kind: str) -> list[str]:
    """Names of the fields a kind of design takes."""
    return field_names(DESIGNS[kind])
