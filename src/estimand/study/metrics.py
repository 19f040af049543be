"""The sources of an experiment's metrics: moments first, and rows beside them where something needs rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from estimand.core.case import Case
from estimand.core.days import Days
from estimand.core.design import Design, Experiment
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.method import Method
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.core.multiplicity import Multiplicity
from estimand.core.run import Run
from estimand.core.sample import Drop, Sample
from estimand.data.build import build_sample
from estimand.data.experiment_days import day_columns, experiment_days
from estimand.data.experiment_moments import ExperimentMoments
from estimand.data.metric_skewness import with_skewness
from estimand.data.moments_of_design import moments_of_design
from estimand.errors import Code, UnsupportedError
from estimand.study.opening import open_source
from estimand.study.plan import Planned


@dataclass(frozen=True, slots=True)
class Taken:
    """What a study took from its data."""

    name: str
    rows_read: int
    drops: tuple[Drop, ...]
    arms: Mapping[str, int]
    fingerprint: str

    @property
    def used(self) -> int:
        """Rows left."""
        return self.rows_read - sum(drop.rows for drop in self.drops)


@dataclass(frozen=True, slots=True)
class Reading:
    """The moments of all metrics, and the rows, as far as they were read."""

    moments: ExperimentMoments | None
    rows: Sample | None
    taken: Taken
    findings: tuple[Finding, ...]
    days: Mapping[str, Mapping[str, Days]] = field(default_factory=dict)

    def days_of(self, outcome: str) -> dict[str, Days]:
        """Moments of a metric day by day, by the column of the days."""
        return {column: found[outcome] for column, found in self.days.items() if outcome in found}

    def sources(self, outcome: str) -> Iterator[MetricMoments | Sample]:
        """Give the moments of a metric, then the rows: those there are."""
        if self.moments is not None:
            yield self.moments.metrics[outcome]
        if self.rows is not None:
            yield self.rows


def design_of_metrics(design: Design) -> Experiment | None:
    """Return the design if it is an experiment with metrics."""
    return design if isinstance(design, Experiment) and design.metrics else None


def summed_alone(design: Design) -> bool:
    """Whether moments can say all of the design: no weights, of rows or for those without an outcome."""
    return design.weights is None and design.missing_outcome == "complete_case"


def read_metrics(
    data: Any, design: Experiment, planned: tuple[Planned, ...], correction: Multiplicity | None, run: Run
) -> Reading:
    """Read the moments of the metrics; and the rows in a second pass where a method or a correction needs them."""
    moments = moments_of_design(data, design, run) if summed_alone(design) else None
    if moments is not None and any(item.method.reads_skewness for item in planned):
        moments = with_skewness(moments, data, design)
    needing = (*_needing_rows(planned, correction), *_examined_by_rows(design))
    days = {} if moments is None else experiment_days(data, design, run)
    if moments is not None and not needing:
        return Reading(moments, None, _taken(moments), moments.findings, days)
    name, rows = open_source(data, design, build_sample)
    taken = Taken(name, rows.rows_read, rows.drops, rows.arm_counts(), rows.fingerprint)
    if moments is None:
        return Reading(None, rows, taken, rows.findings)
    second = Finding(
        check="experiment.second_pass",
        about=STUDY,
        grade=Grade.NOTE,
        subject=needing[0],
        message=f"Rows were read in a second pass, beside the moments of the metrics, for: {', '.join(needing)}.",
        remedy="Leave these out where a table is too large to be read as a whole.",
    )
    return Reading(moments, rows, taken, (*moments.findings, *rows.findings, second), days)


def _taken(moments: ExperimentMoments) -> Taken:
    return Taken(moments.name, moments.rows_read, moments.drops, moments.arm_rows, moments.fingerprint)


def _needing_rows(planned: tuple[Planned, ...], correction: Multiplicity | None) -> tuple[str, ...]:
    """What of a study cannot do with moments."""
    methods = (item.id for item in planned if not item.method.spec.reads_moments or item.resample is not None)
    joint = ("romano_wolf",) if correction == "romano_wolf" else ()
    return (*methods, *joint)


def _examined_by_rows(design: Experiment) -> tuple[str, ...]:
    """What the design names that checks read from rows."""
    day = None if design.day in (*design.strata, *day_columns(design)) else design.day
    times = (name for name in (design.exposed, design.roles.timestamp, day) if name is not None)
    named = (*design.roles.segments, *times, *design.other_experiments)
    return (f"checks within {', '.join(named)}",) if named else ()


def case_for(planned: Planned, cases: tuple[Case, ...], correction: Multiplicity | None) -> Case:
    """Return the case of moments for a method that reads them, else the case of rows.

    Rows are also what gives the influence function that a joint correction needs.
    """
    alone = planned.method.spec.reads_moments and planned.resample is None and correction != "romano_wolf"
    return cases[0] if alone else cases[-1]


def refuse_kind_of_metric(method: Method, metric: Metric | None) -> None:
    """Refuse a method that does not serve a kind of metric.

    Raises
    ------
    UnsupportedError
    """
    if metric is not None and metric.kind not in method.spec.metrics:
        raise UnsupportedError(
            f"Method '{method.spec.key}' does not serve metrics of kind {metric.kind}, such as '{metric.name}'.",
            remedy=f"It serves: {', '.join(method.spec.metrics)}.",
            code=Code.UNSUPPORTED,
            found=metric.kind,
        )
