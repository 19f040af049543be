"""What is known of a metric before the experiment: its level, and what a unit brings to the variance."""

from dataclasses import dataclass

import numpy as np

from estimand.core.metric import Kind
from estimand.errors import DesignError
from estimand.stats.arrays import Floats

RATES: tuple[Kind, ...] = ("proportion", "retention")


@dataclass(frozen=True, slots=True)
class Facts:
    """What one unit of a metric is like.

    Attributes
    ----------
    kind : str
    level : float
    variance : float
        Of one unit; of a ratio linearised, of a quantile that of its influence.
    residual : float
        Share of the variance that the covariate leaves.
    slopes : int
        Coefficients fitted in each arm beside its mean.
    design_effect : float
        Variance with clusters over that of as many units alone.
    cluster_size : float
        Mean units of what is assigned.
    """

    kind: Kind
    level: float
    variance: float
    residual: float = 1.0
    slopes: int = 0
    design_effect: float = 1.0
    cluster_size: float = 1.0

    def treated_scale(self, effect: float) -> float:
        """Variance of a unit in a treated arm over that in control.

        A rate has p (1 - p); a count gains or loses events at random; revenue is scaled; other metrics are shifted.

        Raises
        ------
        DesignError
            If the metric cannot move so far.
        """
        level = self.level + effect
        if self.kind in RATES:
            if not 0.0 < level < 1.0:
                raise _too_far(self.level, effect, "a share between 0 and 1")
            return level * (1.0 - level) / (self.level * (1.0 - self.level))
        if self.kind == "count":
            if level <= 0.0:
                raise _too_far(self.level, effect, "a count above 0")
            kept = min(1.0, level / self.level)
            events = abs(effect) if effect > 0.0 else kept * (1.0 - kept) * self.level
            return (kept**2 * self.variance + events) / self.variance
        if self.kind == "revenue":
            return (level / self.level) ** 2
        return 1.0

    def std_errors(self, units: Floats, effect: float) -> tuple[Floats, Floats]:
        """Standard error and degrees of freedom of each arm against the first, shape (k,) each.

        Parameters
        ----------
        units : ndarray of shape (a,)
            Of each arm.
        effect : float
            The true one, in every arm but the first.
        """
        one = self.variance * self.residual * self.design_effect
        scale = np.full(units.shape, self.treated_scale(effect))
        scale[0] = 1.0
        own = one * scale / units
        free = np.maximum(units / self.cluster_size - 1.0 - self.slopes, 1.0)
        total = own[1:] + own[0]
        df = np.square(total) / (np.square(own[1:]) / free[1:] + own[0] ** 2 / free[0])
        return np.sqrt(total), df


def _too_far(level: float, effect: float, what: str) -> DesignError:
    return DesignError(
        f"From {level:g} an effect of {effect:g} leads to {level + effect:g}, which is not {what}.",
        remedy="Give a smaller effect, or more units where the effect is to be found.",
        found=effect,
    )
