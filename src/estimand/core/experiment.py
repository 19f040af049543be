"""Treatment was assigned at random: what was measured, and what was planned."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import model_validator

from estimand.core.design_fields import Columns, DesignFields, double_role, refuse_repeats
from estimand.core.metric import Metric, Metrics
from estimand.core.planned import Planned
from estimand.errors import DesignError


class Experiment(DesignFields):
    """Treatment was assigned at random; covariates may sharpen the answer, and need not repair it.

    Parameters
    ----------
    metrics : tuple of Metric
        Each is one outcome of the study, under its name; the name of a column alone is the metric of its mean. An
        experiment names either metrics or outcomes.
    strata : tuple of str
        Columns whose levels together are the strata within which units were assigned, or are compared.
    exposed : str, optional
        When the unit was first exposed.
    day : str, optional
        Day since exposure of a row.
    triggered : str, optional
        True where the unit could have seen the change.
    took : str, optional
        One where the unit took the treatment of its arm, else zero, where not all did as they were assigned.
    other_experiments : tuple of str
        Columns that say in which arm of another experiment the unit was while this one ran.
    planned : Planned, optional
    """

    kind: Literal["experiment"] = "experiment"
    metrics: Metrics = ()
    strata: Columns = ()
    exposed: str | None = None
    day: str | None = None
    triggered: str | None = None
    took: str | None = None
    other_experiments: Columns = ()
    planned: Planned | None = None

    @model_validator(mode="before")
    @classmethod
    def _outcomes_are_metrics(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        listed = value.get("metrics")
        if listed is None or (isinstance(listed, list | tuple) and not listed):
            return value
        items = listed if isinstance(listed, list | tuple) else [listed]
        metrics = tuple(_read(item) for item in items)
        names = tuple(metric.name for metric in metrics)
        given = value.get("outcome", names)
        if (given,) != names and tuple(given) != names:
            raise DesignError(
                "The design names both metrics and outcomes; each metric is an outcome.",
                remedy="List every outcome among the metrics, and leave 'outcome' out.",
                found=given,
            )
        return {**value, "metrics": metrics, "outcome": names}

    @model_validator(mode="after")
    def _metrics_play_one_part(self) -> Self:
        for metric in self.metrics:
            if self.treatment in metric.columns():
                raise double_role(self.treatment, "treatment", f"a column of metric '{metric.name}'")
        refuse_repeats("strata", self.strata)
        if self.treatment == self.triggered:
            raise double_role(self.treatment, "treatment", "triggered")
        if self.treatment in self.strata:
            raise double_role(self.treatment, "treatment", "a stratum")
        refuse_repeats("other_experiments", self.other_experiments)
        if self.treatment in self.other_experiments:
            raise double_role(self.treatment, "treatment", "another experiment")
        return self

    def metric(self, outcome: str) -> Metric | None:
        """Return the metric that an outcome is; None where the design names outcomes and no metrics."""
        return next((metric for metric in self.metrics if metric.name == outcome), None)

    def columns(self) -> tuple[str, ...]:
        """Every column the design names, each once, in a fixed order."""
        plain = super().columns()
        shared = plain if not self.metrics else tuple(name for name in plain if not self._is_metric_only(name))
        single = (self.exposed, self.day, self.triggered, self.took)
        return tuple(
            dict.fromkeys(
                (
                    *(column for metric in self.metrics for column in metric.columns()),
                    *shared,
                    *self.strata,
                    *self.other_experiments,
                    *(name for name in single if name is not None),
                )
            )
        )

    def _is_metric_only(self, name: str) -> bool:
        """Whether a name is that of a metric and of nothing else in the design."""
        others = self.model_copy(update={"outcome": (), "metrics": ()})
        return name in self.outcome and name not in DesignFields.columns(others)

    def to_dict(self) -> dict[str, Any]:
        """Return the design as JSON, leaving out what was not set."""
        plain = super().to_dict()
        if not self.metrics:
            return plain
        plain.pop("outcome")
        return plain | {"metrics": [metric.to_dict() for metric in self.metrics]}


def _read(value: Any) -> Metric:
    if isinstance(value, Metric):
        return value
    if isinstance(value, str):
        return Metric(name=value, column=value)
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return Metric(**value)
    raise DesignError(
        f"A metric is the name of a column or a mapping, not {value!r}.",
        remedy="Write {name: revenue, kind: revenue, column: spend, covariate: spend_before}.",
        found=value,
    )
