"""What an experiment measures: a metric, the columns it is made of, and the part it plays in the decision."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from estimand.core.declared import Declared
from estimand.errors import DesignError

Kind: TypeAlias = Literal["mean", "proportion", "count", "ratio", "quantile", "revenue", "retention"]
# Kinds whose level is the mean of one number per unit.
MEANS: tuple[Kind, ...] = ("mean", "proportion", "count", "revenue", "retention")
# Which kinds take which of the fields that are not for all.
_ONLY: dict[str, tuple[Kind, ...]] = {
    "denominator": ("ratio",),
    "covariate_denominator": ("ratio",),
    "quantile": ("quantile",),
    "winsor": ("mean", "count", "revenue"),
    "window": ("retention",),
    "day": ("retention",),
}
_DEFAULT_QUANTILE = 0.5


class Metric(Declared):
    """One metric of an experiment.

    Parameters
    ----------
    name : str
        What the metric is called; the column's name by default.
    kind : "mean" | "proportion" | "count" | "ratio" | "quantile" | "revenue" | "retention"
        By default "ratio" with a denominator, "quantile" with a quantile, else "mean".
    column : str
        The values, or the numerator of a ratio; of a retention metric, zeros and ones or, with ``day`` or ``window``,
        the day since exposure on which the user was last, or again, active.
    denominator : str, optional
        Of a ratio: Σ column / Σ denominator over the users of an arm.
    covariate : str, optional
        The same before the experiment, which sharpens the answer; users for whom it is missing have no history.
    covariate_denominator : str, optional
        Of a ratio.
    quantile : float
        Of a quantile metric; the median by default.
    winsor : float, optional
        Values above it count as it: a cap, or in (0, 1) the quantile over all arms that is the cap.
    direction : "increase" | "decrease" | "none"
        Which way is better.
    role : "primary" | "secondary" | "guardrail"
    margin : float, optional
        Of a guardrail: how far against the direction is tolerated.
    margin_kind : "absolute" | "relative"
        Whether the margin is in the metric's unit or a share of control's level.
    window : tuple of float, optional
        Retained is who was active between these days since exposure, ends included.
    day : float, optional
        Retained is who was active on this day since exposure, or later.
    value : float, optional
        Business value of one unit of the metric.
    missing : "leave_out" | "zero"
        Users without a value are left out and counted, or count as zero.
    """

    noun: ClassVar[str] = "The metric"
    name: str = Field(min_length=1)
    kind: Kind = "mean"
    column: str
    denominator: str | None = None
    covariate: str | None = None
    covariate_denominator: str | None = None
    quantile: float = Field(default=_DEFAULT_QUANTILE, gt=0, lt=1)
    winsor: float | None = Field(default=None, gt=0)
    direction: Literal["increase", "decrease", "none"] = "increase"
    role: Literal["primary", "secondary", "guardrail"] = "primary"
    margin: float | None = Field(default=None, ge=0)
    margin_kind: Literal["absolute", "relative"] = "absolute"
    window: tuple[float, float] | None = None
    day: float | None = None
    value: float | None = None
    missing: Literal["leave_out", "zero"] = "leave_out"

    @model_validator(mode="before")
    @classmethod
    def _what_goes_without_saying(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        given = {name: part for name, part in value.items() if part is not None}
        implied = "ratio" if "denominator" in given else "quantile" if "quantile" in given else "mean"
        own = {"name": given["column"]} if "column" in given else {"column": given["name"]} if "name" in given else {}
        return {"kind": implied} | own | given

    @model_validator(mode="after")
    def _fields_fit_the_kind(self) -> Self:
        for field, kinds in _ONLY.items():
            if field in self.model_fields_set and self.kind not in kinds:
                raise DesignError(
                    f"Metric '{self.name}' is of kind {self.kind}, which takes no '{field}'.",
                    remedy=f"Leave '{field}' out, or use kind: {', '.join(kinds)}.",
                    found=field,
                )
        if self.kind == "ratio" and self.denominator is None:
            raise DesignError(
                f"Metric '{self.name}' is a ratio without a denominator.", remedy="Add denominator: a column."
            )
        if self.covariate_denominator is not None and self.covariate is None:
            raise DesignError(
                f"Metric '{self.name}' has a covariate_denominator and no covariate.", remedy="Add covariate: a column."
            )
        if self.window is not None and (self.day is not None or self.window[0] > self.window[1]):
            raise DesignError(
                f"Metric '{self.name}' says retention in two ways, or by a window that ends before it begins.",
                remedy="Give day: 7, or window: [7, 13].",
                found=list(self.window),
            )
        if self.margin is not None and self.role != "guardrail":
            raise DesignError(
                f"Metric '{self.name}' has a margin and is {self.role}; a margin is what a guardrail tolerates.",
                remedy="Use role: guardrail, or leave the margin out.",
                found=self.role,
            )
        return self

    def columns(self) -> tuple[str, ...]:
        """Columns of the metric, each once: its own, then the denominator, covariate and covariate's denominator."""
        named = (self.column, self.denominator, self.covariate, self.covariate_denominator)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def cap_share(self) -> float | None:
        """The quantile over all arms above which values are cut; None where the cap is a number, or there is none."""
        return self.winsor if self.winsor is not None and self.winsor < 1.0 else None

    def to_dict(self) -> dict[str, Any]:
        """Return the metric as JSON, leaving out what was not set."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"name": self.name, "kind": self.kind}


def as_metric(value: Any) -> Any:
    """Read a metric from the name of a column; leave anything else to the model."""
    return {"column": value} if isinstance(value, str) else value


Metrics: TypeAlias = tuple[Annotated[Metric, BeforeValidator(as_metric)], ...]
