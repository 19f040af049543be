"""A rollout in waves: units observed over time, some treated from some period on."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from estimand.core.design_fields import Columns, DesignFields, double_role, refuse_repeats
from estimand.errors import Code, DesignError


def _as_window(value: Any) -> Any:
    """Read two ends as text; numbers and dates as a study file would write them."""
    if value is None:
        return None
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Sequence) or len(value) != 2:
        raise DesignError(
            f"A window is its first and its last period, not {shorten(repr(value), 60)}.",
            remedy="Write: window: [2004, 2007]; null leaves an end open.",
            found=value,
        )
    return tuple(None if end is None else str(end) for end in value)


class Panel(DesignFields):
    """Units observed over periods; who was treated when is compared with who was not, or not yet.

    Parameters
    ----------
    time : str
        Column of the period: whole numbers, other numbers, or dates.
    unit : str, optional
        Column that identifies a unit over time; without it the rows are repeated cross-sections.
    cohort : str, optional
        Column of the first treated period of the row's unit; 0, infinite or missing is never. Without it, cohorts are
        derived from the treatment: a unit's first treated period.
    treatment : str, optional
        Column that is 1 in the rows that are treated, and 0 elsewhere. Give this or ``cohort``.
    cluster : str, optional
        Groups within which rows depend on each other; the unit by default.
    absorb : tuple of str
        Further columns of which each value has a level of its own, such as the region of a year.
    window : tuple of (first, last), optional
        Periods to use, both ends included, either open (None); cohorts are derived from all. With the window closed
        before a later cohort begins, that cohort is compared with as not yet treated.
    """

    kind: Literal["panel"] = "panel"
    time: str
    cohort: str | None = None
    absorb: Columns = ()
    window: Annotated[tuple[str | None, str | None] | None, BeforeValidator(_as_window)] = None

    @model_validator(mode="before")
    @classmethod
    def _treated_from_the_cohort(cls, value: Any) -> Any:
        """Let the cohort stand for the treatment where only it is given."""
        if not isinstance(value, Mapping) or "treatment" in value or "variant" in value:
            return value
        if value.get("cohort") is None:
            raise DesignError(
                "A panel names neither 'treatment' nor 'cohort'.",
                remedy="Name the column that is 1 in treated rows as treatment, or that of the first treated period as "
                "cohort.",
            )
        return {**value, "treatment": value["cohort"]}

    @model_validator(mode="after")
    def _places_differ(self) -> Self:
        places = {"unit": self.unit, "time": self.time, "cohort": self.cohort}
        taken = {self.treatment: "treatment"} if self.treatment != self.cohort else {}
        taken |= dict.fromkeys(self.outcome, "outcome") | dict.fromkeys(self.covariates, "a covariate")
        for part, name in places.items():
            if name is not None and name in taken:
                raise double_role(name, taken[name], part)
            if name is not None:
                taken[name] = part
        refuse_repeats("absorb", self.absorb)
        for name in self.absorb:
            if name in taken:
                raise double_role(name, taken[name], "absorbed")
        return self

    @model_validator(mode="after")
    def _offered(self) -> Self:
        if self.missing_outcome == "weight":
            raise DesignError(
                "Rows without the outcome are not weighted for in a panel.",
                remedy="Use missing_outcome: complete_case, and read the finding on who is missing when.",
                code=Code.UNSUPPORTED,
            )
        return self

    @property
    def derives_cohort(self) -> bool:
        """Whether cohorts are derived from the rows that are treated."""
        return self.cohort is None

    def columns(self) -> tuple[str, ...]:
        """Every column the design names, each once, in a fixed order."""
        more = (self.time, *(() if self.cohort is None else (self.cohort,)), *self.absorb)
        return tuple(dict.fromkeys((*super().columns(), *more)))
