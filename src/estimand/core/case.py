"""Everything a method or a check may see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.days import Days
from estimand.core.design import Design, Experiment
from estimand.core.estimate import Term
from estimand.core.frozen import FrozenMap
from estimand.core.gates import GatePolicy
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_of_rows import moments_of_rows
from estimand.core.moments import Moments
from estimand.core.nuisances import Nuisances
from estimand.core.observation import Observation
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.timeline import Timeline
from estimand.errors import UnsupportedError
from estimand.stats.arrays import Floats

DEFAULT_GATES = GatePolicy()
Stress: TypeAlias = Literal["quick", "full"]


@dataclass(frozen=True, slots=True)
class Case:
    """One outcome of one study.

    Attributes
    ----------
    design : Design
    source : Sample, Moments or MetricMoments
    outcome : str
    arms : tuple of str
        The first is the control arm.
    level : float
    nuisances : Nuisances or None
        None where the source holds no rows.
    run : Run
    gates : GatePolicy
    unit : str or None
        Unit of the outcome.
    unobserved : Sample or None
        Rows without the outcome, for methods that can say something of them.
    observation : Observation or None
        Where the rows with the outcome are weighted to stand for those without it.
    stress : "quick" | "full"
        Whether checks that fit again keep within a cost, or run whatever they cost.
    metric : Metric or None
        What the outcome is, where the design names metrics.
    untriggered : Sample or None
        Rows of units that could not see the change, where the design tells them apart and the source is rows.
    days : mapping of str to Days
        The moments of the source day by day, by the column of the days; empty where the source is rows.
    """

    design: Design
    source: Sample | Moments | MetricMoments
    outcome: str
    arms: tuple[str, ...]
    level: float
    nuisances: Nuisances | None
    run: Run
    gates: GatePolicy = DEFAULT_GATES
    unit: str | None = None
    unobserved: Sample | None = None
    observation: Observation | None = None
    stress: Stress = "quick"
    metric: Metric | None = None
    untriggered: Sample | None = None
    days: Mapping[str, Days] = field(default_factory=dict)

    def sample(self) -> Sample:
        """Return the rows, or refuse where there are only moments.

        Raises
        ------
        UnsupportedError
            If the source holds no rows.
        """
        if isinstance(self.source, Sample):
            return self.source
        raise UnsupportedError(
            "This needs rows, and the source holds only moments.",
            remedy="Give the data as a table, or use a method that reads moments: difference.",
        )

    def metric_moments(self) -> MetricMoments:
        """Moments of the case's metric, summed up from the rows where the source holds rows.

        Raises
        ------
        UnsupportedError
            If the design names no metric for the outcome.
        """
        if isinstance(self.source, MetricMoments):
            return self.source
        if isinstance(self.source, Sample) and self.metric is not None:
            return moments_of_rows(self.source, self.metric, self.run, self.untriggered)
        raise UnsupportedError(
            f"This needs the moments of a metric, and the design names none for '{self.outcome}'.",
            remedy=f"Name it as one: metrics: [{{name: {self.outcome}, column: {self.outcome}}}].",
        )

    def timeline(self) -> Timeline:
        """Unit, period and cohort of the rows.

        Raises
        ------
        UnsupportedError
            If the design is not a panel.
        """
        timeline = self.sample().timeline
        if timeline is not None:
            return timeline
        raise UnsupportedError(
            "This needs units observed over time, and the design names no time.",
            remedy="Declare {kind: panel, unit: …, time: …, outcome: …, treatment: … or cohort: …}.",
        )

    def fitted(self) -> Nuisances:
        """Return the nuisances, or refuse where there are none."""
        if self.nuisances is not None:
            return self.nuisances
        raise UnsupportedError(
            "This needs fitted nuisances, and the source holds only moments.",
            remedy="Give the data as a table.",
        )

    def values(self) -> Floats:
        """Outcome of every row, shape (n,)."""
        return self.sample().outcomes[self.outcome]

    def observing(self) -> Observation | None:
        """Return the model of who has the outcome, where the rows are those it weights.

        Rows taken, repeated or given other arms keep their weights, which then count as known.
        """
        model = self.observation
        if model is None:
            return None
        sample = self.sample()
        return model if sample.root == model.root and np.array_equal(sample.index, model.index) else None

    def everyone(self) -> tuple[Sample, ...]:
        """Return the rows an estimate speaks of: those with the outcome, and those they are weighted to stand for."""
        stood_for = None if self.observing() is None else self.unobserved
        return (self.sample(),) if stood_for is None else (self.sample(), stood_for)

    @property
    def randomised(self) -> bool:
        """Whether treatment was assigned at random."""
        return isinstance(self.design, Experiment)

    @property
    def binary(self) -> bool:
        """Whether the outcome is zeros and ones; not known, hence no, where there are only moments of no metric."""
        if self.metric is not None:
            return self.metric.kind in {"proportion", "retention"}
        return isinstance(self.source, Sample) and bool(np.isin(self.values(), (0.0, 1.0)).all())

    def arm_terms(self) -> tuple[Term, ...]:
        """One term per arm against the control arm; a plain yes-or-no treatment is named by its column."""
        if self.arms in (("0", "1"), ("False", "True")):
            return (Term(self.design.treatment, unit=self.unit),)
        return tuple(Term(arm, FrozenMap({"arm": arm}), self.unit) for arm in self.arms[1:])
