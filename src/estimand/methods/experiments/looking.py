"""When an experiment is looked at, and how the looks are paid for: a method's options, else the design's plan."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.planned import Planned, Spending
from estimand.errors import DesignError
from estimand.stats.arrays import Floats
from estimand.stats.spending import obrien_fleming_spent, pocock_spent

Kind: TypeAlias = Literal["confidence_sequence", "msprt", "group_sequential"]
# Total units for which a confidence sequence is tightest, where none are planned.
TIGHT_AT = 10_000
# A look counts as the declared one within this share of the planned units.
NEAR = 0.02


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options of a method leave to the plan where they are None."""

    kind: Kind | None
    spending: Spending | None
    burn_in: int | None
    units: int | None
    looks: int | tuple[float, ...] | None
    effect_sd: float | None


@dataclass(frozen=True, slots=True)
class Looking:
    """How looks are paid for.

    Attributes
    ----------
    kind : str
    spending : str
    burn_in : int
    units : int or None
        Planned, over all arms.
    grid : tuple of float
        Shares of the planned units at which looks are declared.
    effect_sd : float or None
        Standard deviation of the effects that the mixture expects, in the metric's unit.
    alpha : float
        Planned size, at which a confidence sequence is tightest.
    """

    kind: Kind
    spending: Spending
    burn_in: int
    units: int | None
    grid: tuple[float, ...]
    effect_sd: float | None
    alpha: float = 0.05

    @classmethod
    def of(cls, case: Case, asked: Asked) -> "Looking":
        """Settle the options by the plan of the design.

        Raises
        ------
        DesignError
            If the kind needs what neither says.
        """
        plan = planned(case) or Planned()
        kind = asked.kind or (plan.sequential if plan.sequential != "none" else "confidence_sequence")
        looks = plan.looks if asked.looks is None else asked.looks
        grid = tuple((j + 1) / looks for j in range(looks)) if isinstance(looks, int) else looks
        burn_in = plan.burn_in if asked.burn_in is None else asked.burn_in
        spending, units = asked.spending or plan.spending, asked.units or plan.units
        made = cls(kind, spending, burn_in, units, grid, asked.effect_sd, plan.alpha)
        if kind == "group_sequential" and made.units is None:
            raise DesignError(
                "A group-sequential test spends its error by the share of the planned units, and none are planned.",
                remedy="Add planned: {units: 20000, looks: 5} to the design, or use kind: confidence_sequence.",
            )
        if kind == "msprt" and made.effect_sd is None:
            raise DesignError(
                "A mixture sequential probability ratio test weighs effects by a normal, whose spread is to be stated "
                "before looking.",
                remedy="Give effect_sd: how large effects usually are, in the metric's unit; or use kind: "
                "confidence_sequence, which needs none.",
            )
        return made

    @property
    def always_valid(self) -> bool:
        """Whether every look is allowed for, not those declared alone."""
        return self.kind != "group_sequential"

    @property
    def tight_at(self) -> int:
        """Units for which a confidence sequence is tightest."""
        return TIGHT_AT if self.units is None else self.units

    def share(self, units: float) -> float:
        """Share of the planned units."""
        return units / self.tight_at

    def declared(self, share: float) -> bool:
        """Whether a look at this share of the planned units was declared."""
        return any(abs(share - look) <= NEAR for look in self.grid) or share > 1.0

    def at_end(self, share: float) -> bool:
        """Whether a look counts as the last: past the planned units, or as near to them as to count as there."""
        before = self.grid[-2] if len(self.grid) > 1 else 0.0
        return share >= max(1.0 - NEAR, 0.5 * (1.0 + before))

    def looks_by(self, share: float) -> Floats:
        """Shares of the planned units at the declared looks before one, then its own, ascending."""
        before = [look for look in self.grid if look < min(share, 1.0) - NEAR]
        return np.array([*before, share])

    def spent(self, share: Floats, alpha: float) -> Floats:
        """Two-sided error spent by each look; all of it at the end."""
        held = np.where([self.at_end(float(one)) for one in share], 1.0, share)
        if self.spending == "lan_demets":
            return obrien_fleming_spent(held, alpha)
        each = obrien_fleming_spent if self.spending == "obrien_fleming" else pocock_spent
        return np.asarray(2.0 * each(held, alpha / 2.0))


def planned(case: Case) -> Planned | None:
    """The plan of the experiment, if there is one."""
    return case.design.planned if isinstance(case.design, Experiment) else None
