"""What was planned before an experiment was read: allocation, size, looks, corrections and the rule of decision."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from estimand.core.decision import DecisionRules
from estimand.core.declared import Declared
from estimand.core.multiplicity import Multiplicity
from estimand.errors import DesignError

Correction: TypeAlias = Literal["none", "holm", "bh", "romano_wolf"]
Spending: TypeAlias = Literal["obrien_fleming", "pocock", "lan_demets"]
Sequential: TypeAlias = Literal["none", "confidence_sequence", "msprt", "group_sequential"]
_AS_MULTIPLICITY: dict[str, Multiplicity] = {"holm": "holm", "bh": "BH", "romano_wolf": "romano_wolf"}


def _as_labels(value: Any) -> Any:
    return {str(arm): share for arm, share in value.items()} if isinstance(value, Mapping) else value


def _as_looks(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Planned(Declared):
    """The plan of an experiment.

    Parameters
    ----------
    allocation : mapping of arm to share, optional
        Shares are taken relative to their sum; equal by default.
    units : int, optional
        Planned number of units over all arms.
    ends : date, optional
        Planned end.
    days : float, optional
        Planned duration.
    alpha : float
        Two-sided size.
    power : float
    correction : "none" | "holm" | "bh" | "romano_wolf"
        For the metrics and arms read together.
    looks : int or tuple of float
        How many looks at the data, or the shares of the planned units at which they are.
    spending : "obrien_fleming" | "pocock" | "lan_demets"
        How a group-sequential test spends its size over the looks.
    sequential : "none" | "confidence_sequence" | "msprt" | "group_sequential"
        How looking early is paid for; with "none" the interval holds at the planned end alone.
    burn_in : int
        Units before which an always-valid procedure says nothing.
    decision : DecisionRules
        On primary metrics and guardrails.
    finished : bool, optional
        Whether the planned end is reached; by default told from ``units`` or ``ends``.
    """

    noun: ClassVar[str] = "The plan"
    allocation: Annotated[Mapping[str, float], BeforeValidator(_as_labels)] = Field(default_factory=dict)
    units: int | None = Field(default=None, ge=1)
    ends: date | None = None
    days: float | None = Field(default=None, gt=0)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    power: float = Field(default=0.8, gt=0, lt=1)
    correction: Correction = "none"
    looks: Annotated[int | tuple[float, ...], BeforeValidator(_as_looks)] = 1
    spending: Spending = "obrien_fleming"
    sequential: Sequential = "none"
    burn_in: int = Field(default=0, ge=0)
    decision: DecisionRules = DecisionRules()
    finished: bool | None = None

    @model_validator(mode="after")
    def _shares_and_looks_make_sense(self) -> Self:
        for arm, share in self.allocation.items():
            if not share > 0.0:
                raise DesignError(
                    f"The plan gives arm '{arm}' a share of {share:g}.", remedy="Give a number above 0.", found=share
                )
        if isinstance(self.looks, int):
            sound = self.looks >= 1
        else:
            rising = all(a < b for a, b in zip(self.looks, self.looks[1:], strict=False))
            sound = bool(self.looks) and rising and self.looks[0] > 0.0 and self.looks[-1] == 1.0
        if not sound:
            raise DesignError(
                f"The plan's looks are {self.looks}.",
                remedy="Give a number from 1, or rising shares of the planned units that end with 1: [0.25, 0.5, 1].",
                found=self.looks,
            )
        return self

    @property
    def multiplicity(self) -> Multiplicity | None:
        """The correction under the name by which p-values are adjusted; None for none."""
        return _AS_MULTIPLICITY.get(self.correction)

    def shares(self, arms: tuple[str, ...]) -> tuple[float, ...]:
        """Planned share of each arm, adding to one.

        Raises
        ------
        DesignError
            If the plan allocates units to other arms than these.
        """
        if not self.allocation:
            return (1.0 / len(arms),) * len(arms)
        if set(self.allocation) != set(arms):
            raise DesignError(
                f"The plan allocates units to {', '.join(self.allocation)}, and the arms are {', '.join(arms)}.",
                remedy="Give every arm a share, by its label.",
                found=list(self.allocation),
                expected=list(arms),
            )
        total = sum(self.allocation.values())
        return tuple(self.allocation[arm] / total for arm in arms)
