"""Power, size and minimum detectable effect by formula, from any power model."""

from dataclasses import dataclass

import numpy as np

from estimand.errors import Code, DesignError
from estimand.stats.looks import Looks, Paying, expected_share, looks_power, planned_looks
from estimand.stats.noninferiority import equivalence_power, noninferiority_power
from estimand.stats.power import effect_for, t_power, units_for
from estimand.study.powering.model import PowerModel
from estimand.study.powering.question import PowerQuestion

# An always-valid test that names no looks is read this often.
READ_DAILY = 20


@dataclass(frozen=True, slots=True)
class Solver:
    """Formulas for one question about one design."""

    asked: PowerQuestion
    model: PowerModel

    def power(self, units: float, size: float) -> float:
        """Chance to find an effect of a size, or to show that a guardrail is within a margin of that size."""
        if units <= self.model.least_units:
            return 0.0
        true = 0.0 if self.asked.is_margin else self.signed(size)
        std_error, df = self.model.precision(units, true).worst()
        if self.asked.is_margin:
            return self._within(std_error, df, size)
        if not self.sequential:
            return t_power(size, std_error, df, self.asked.alpha)
        return looks_power(size, std_error, self.looks(units, std_error, size))

    def units(self, size: float) -> float:
        """Units over all arms at which the wanted power is reached.

        Raises
        ------
        DesignError
            If none have it.
        """
        self._refuse_certain()
        found = units_for(lambda units: self.power(units, size), self.asked.planned.power)
        if np.isinf(found):
            raise DesignError(
                f"No number of units finds an effect of {size:g} with power {self.asked.planned.power:g}.",
                remedy="Give a larger effect.",
                found=size,
            )
        return found

    def effect(self, units: float) -> float:
        """Least effect, or margin, that is found with the wanted power.

        Raises
        ------
        DesignError
            If there are too few units for a test, or the metric cannot move so far.
        """
        self._refuse_certain()
        if units <= self.model.least_units:
            raise DesignError(
                f"{units:,.0f} units leave an arm without a test; more than {self.model.least_units:,.0f} are needed.",
                remedy="Give more units, or fewer arms.",
                code=Code.INSUFFICIENT_DATA,
                found=units,
            )
        start = self.model.precision(units, 0.0).worst()[0]
        return effect_for(lambda size: self.power(units, size), self.asked.planned.power, start)

    def signed(self, size: float) -> float:
        """The effect in the metric's unit: below zero where lower is better."""
        return -size if self.asked.metric.direction == "decrease" else size

    @property
    def sequential(self) -> bool:
        """Whether the plan looks before its end."""
        plan = self.asked.planned
        return plan.sequential != "none" and (plan.sequential != "group_sequential" or plan.looks != 1)

    def looks(self, units: float, std_error: float, size: float) -> Looks:
        """The plan's looks and their limits."""
        plan = self.asked.planned
        valid = plan.sequential != "group_sequential"
        count = READ_DAILY if valid and plan.looks == 1 else plan.looks
        share = np.arange(1.0, count + 1.0) / count if isinstance(count, int) else np.array(count)
        paying: Paying = "always_valid" if valid else plan.spending
        spread = (self.asked.effect_sd or size) / std_error
        ratio = spread**2 if plan.sequential == "msprt" else None
        return planned_looks(share, self.asked.alpha, paying, plan.burn_in / units, ratio)

    def expected_units(self, units: float, size: float) -> float | None:
        """Units gathered on average where the test stops early; None where it cannot."""
        if not self.sequential or self.asked.is_margin:
            return None
        std_error, _ = self.model.precision(units, self.signed(size)).worst()
        return units * expected_share(size, std_error, self.looks(units, std_error, size))

    def _within(self, std_error: float, df: float, margin: float) -> float:
        """A two-sided margin is shown by two tests, each at the whole error; a one-sided one at half of it."""
        if self.asked.metric.direction == "none":
            return equivalence_power(std_error, df, margin, self.asked.alpha)
        return noninferiority_power(std_error, df, margin, self.asked.alpha / 2.0)

    def _refuse_certain(self) -> None:
        plan = self.asked.planned
        if plan.power <= plan.alpha:
            raise DesignError(
                f"A power of {plan.power:g} is no more than the error {plan.alpha:g}, which no units are needed for.",
                remedy="Give a power such as 0.8.",
                found=plan.power,
            )
