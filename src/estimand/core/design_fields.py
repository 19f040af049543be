"""What every design names: the columns and the parts they play."""

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from estimand.core.declared import Declared
from estimand.errors import Code, DesignError


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _as_weights(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_label(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)


Columns: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Weights(Declared):
    """The weight column and what its numbers mean."""

    noun: ClassVar[str] = "The mapping of weights"
    column: str
    kind: Literal["sampling", "frequency", "precision"] = "sampling"


class Roles(Declared):
    """Columns that play a part without being covariates.

    Parameters
    ----------
    post_treatment : tuple of str
        Measured after treatment, so possibly changed by it. Adjusting for one is a veto.
    segments : tuple of str
        Groups to report by.
    negative_controls : tuple of str
        Outcomes that treatment cannot have changed; an effect on one reveals hidden confounding.
    negative_exposures : tuple of str
        Columns that cannot change the outcome, and share the hidden causes of treatment; an association with the
        outcome given treatment and covariates reveals hidden confounding.
    timestamp : str, optional
        When the row was recorded.
    exact : tuple of str
        Covariates on which to compare like only with like.
    """

    noun: ClassVar[str] = "The mapping of roles"
    post_treatment: Columns = ()
    segments: Columns = ()
    negative_controls: Columns = ()
    negative_exposures: Columns = ()
    timestamp: str | None = None
    exact: Columns = ()


class DesignFields(Declared):
    """Fields that every design has.

    Parameters
    ----------
    treatment : str
        The arm column; ``variant`` is accepted for it.
    outcome : str or tuple of str
        One or more outcome columns.
    covariates : tuple of str
        Measured before treatment.
    control : str, optional
        Label of the arm the others are compared with. Default: 0 or False where the arms are such,
        else the first label in order, which is recorded.
    unit : str, optional
        Column that identifies a row; makes folds independent of row order.
    cluster : str, optional
        Column of the groups within which rows depend on each other.
    weights : Weights, optional
        Weight column and kind.
    roles : Roles
        Columns that play other parts.
    missing : "complete_case" | "impute+indicator"
        Rows with a missing covariate are dropped and counted, or filled with the mean (a level of its
        own for categories) and marked by an indicator.
    missing_outcome : "complete_case" | "weight"
        Rows without the outcome are left out, or those with it are weighted by the inverse of a logistic probability
        of having it given arm and covariates, and so stand for everyone.
    """

    noun: ClassVar[str] = "The design"
    treatment: str = Field(validation_alias=AliasChoices("treatment", "variant"))
    outcome: Columns = Field(min_length=1)
    covariates: Columns = ()
    control: Annotated[str | None, BeforeValidator(_as_label)] = None
    unit: str | None = None
    cluster: str | None = None
    weights: Annotated[Weights | None, BeforeValidator(_as_weights)] = None
    roles: Roles = Roles()
    missing: Literal["complete_case", "impute+indicator"] = "complete_case"
    missing_outcome: Literal["complete_case", "weight"] = "complete_case"

    @model_validator(mode="after")
    def _columns_play_one_part(self) -> Self:
        refuse_repeats("outcome", self.outcome)
        refuse_repeats("covariates", self.covariates)
        if self.treatment in self.outcome:
            raise double_role(self.treatment, "treatment", "outcome")
        for name in self.covariates:
            if name == self.treatment:
                raise double_role(name, "treatment", "a covariate")
            if name in self.outcome:
                raise double_role(name, "outcome", "a covariate")
        self._refuse_control_in_use()
        return self

    def _refuse_control_in_use(self) -> None:
        """Refuse a negative control that the analysis uses: of such a column nothing could be learned."""
        used = {self.treatment: "treatment"}
        used |= dict.fromkeys(self.covariates, "a covariate") | dict.fromkeys(self.outcome, "outcome")
        named = {
            "a negative control": self.roles.negative_controls,
            "a negative exposure": self.roles.negative_exposures,
        }
        for part, names in named.items():
            refuse_repeats("roles", names)
            for name in names:
                if name in used:
                    raise double_role(name, used[name], part)

    @model_validator(mode="after")
    def _weights_agree(self) -> Self:
        if self.missing_outcome == "weight" and self.weights is not None and self.weights.kind == "precision":
            raise DesignError(
                "Precision weights say how noisy rows are, and missing_outcome: weight says how many each stands for.",
                remedy="Keep one of them: missing_outcome: complete_case, or other weights.",
                code=Code.UNSUPPORTED,
            )
        return self

    def columns(self) -> tuple[str, ...]:
        """Every column the design names, each once, in a fixed order."""
        weights = self.weights.column if self.weights else None
        single = (self.treatment, self.unit, self.cluster, weights, self.roles.timestamp)
        names = (
            *self.outcome,
            *self.covariates,
            *(name for name in single if name is not None),
            *self.roles.post_treatment,
            *self.roles.segments,
            *self.roles.negative_controls,
            *self.roles.negative_exposures,
            *self.roles.exact,
        )
        return tuple(dict.fromkeys(names))

    def to_dict(self) -> dict[str, Any]:
        """Return the design as JSON, leaving out what was not set."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"kind": getattr(self, "kind", "")}


def refuse_repeats(field: str, names: tuple[str, ...]) -> None:
    """Refuse a column listed twice.

    Raises
    ------
    DesignError
    """
    for name in names:
        if names.count(name) > 1:
            raise DesignError(f"'{name}' is listed twice in {field}.", remedy="List it once.", found=name)


def double_role(column: str, first: str, second: str) -> DesignError:
    """Say that a column cannot play two parts."""
    return DesignError(
        f"'{column}' cannot be both {first} and {second}.",
        remedy=f"Remove '{column}' from one of them.",
        found=column,
    )
