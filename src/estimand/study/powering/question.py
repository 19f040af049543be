"""What is asked when an experiment is planned."""

from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from estimand.core.declared import Declared
from estimand.core.metric import Metric, as_metric
from estimand.core.planned import Planned
from estimand.errors import DesignError

ARMS = ("control", "treated")


class PowerQuestion(Declared):
    """A metric, what is known of it, and two of effect, size and power; the third is the answer.

    Parameters
    ----------
    metric : str or Metric
        A column, or a metric. A guardrail with a margin is planned to be shown within it, under no effect.
    design : str
        Kind of design that is planned.
    planned : Planned
        Arms and shares, error, power, correction, looks.
    mde : float, optional
        Effect that is to be found, above 0.
    relative : bool
        Whether ``mde`` is a share of the metric's level.
    units : int, optional
        Over all arms; by default those planned, else days times ``daily``.
    daily : float, optional
        Units that arrive in a day, over all arms.
    primaries : int
        Metrics that the plan's correction counts together.
    exposed : str, optional
        Of a history: when the unit was first exposed, for retention by time.
    cluster : str, optional
        Of a history: column within which rows depend; whole clusters are assigned.
    baseline : float, optional
        Without a history: the metric's level.
    sd : float, optional
        Without a history: standard deviation of a unit's value. Of a ratio, that of (column - ratio · denominator)
        over the mean denominator. Not needed for a proportion; Poisson for a count where it is not given.
    correlation : float, optional
        Without a history: of the value with the covariate; of clusters' means, where there are clusters.
    icc, cluster_size, cluster_size_cv : float, optional
        Without a history: correlation of two units of a cluster, mean units of a cluster, and the coefficient of
        variation of that number.
    effect_sd : float, optional
        For msprt: how large effects usually are; by default the effect that is to be found.
    simulate : int, optional
        Experiments to simulate at the answer.
    seed : int
    """

    noun: ClassVar[str] = "The power question"
    metric: Annotated[Metric, BeforeValidator(as_metric)]
    design: str = "experiment"
    planned: Planned = Planned()
    mde: float | None = Field(default=None, gt=0)
    relative: bool = False
    units: int | None = Field(default=None, ge=4)
    daily: float | None = Field(default=None, gt=0)
    primaries: int = Field(default=1, ge=1)
    exposed: str | None = None
    cluster: str | None = None
    baseline: float | None = None
    sd: float | None = Field(default=None, gt=0)
    correlation: float = Field(default=0.0, gt=-1, lt=1)
    icc: float = Field(default=0.0, ge=0, lt=1)
    cluster_size: float = Field(default=1.0, ge=1)
    cluster_size_cv: float = Field(default=0.0, ge=0)
    effect_sd: float | None = Field(default=None, gt=0)
    simulate: int | None = Field(default=None, ge=50)
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _something_is_asked(self) -> Self:
        if self.size is None and self.mde is None and not self.is_margin:
            raise DesignError(
                "Nothing says how large the effect is, nor how large the experiment.",
                remedy="Give mde (and relative, where it is a share), or units, or days and daily.",
            )
        if len(self.arms) < 2:
            raise DesignError("The plan has one arm.", remedy="Allocate units to two or more.", found=self.arms)
        return self

    @property
    def arms(self) -> tuple[str, ...]:
        """Labels of the arms, the first being control."""
        return tuple(self.planned.allocation) or ARMS

    @property
    def is_margin(self) -> bool:
        """Whether a guardrail is to be shown within its margin."""
        return self.metric.margin is not None

    @property
    def size(self) -> float | None:
        """Units over all arms, where they are given."""
        if self.units is not None:
            return float(self.units)
        if self.planned.units is not None:
            return float(self.planned.units)
        if self.daily is not None and self.planned.days is not None:
            return self.daily * self.planned.days
        return None

    @property
    def comparisons(self) -> int:
        """Comparisons among which the plan divides its error."""
        return 1 if self.planned.correction == "none" else (len(self.arms) - 1) * self.primaries

    @property
    def alpha(self) -> float:
        """Two-sided error of one comparison; that of Holm's first step, where the plan corrects."""
        return self.planned.alpha / self.comparisons
