"""Who was assigned to which arm: all units of a case, with a value of the outcome or without."""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.metric_moments import MetricMoments
from estimand.core.planned import Planned
from estimand.core.sample import Sample
from estimand.stats.arrays import AnyArray, Bools, Floats, Ints
from estimand.stats.levels import tallied


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """Rows as they were assigned.

    Attributes
    ----------
    arm : ndarray of shape (n,)
    cluster : ndarray of shape (n,) or None
        None also where arms were assigned within clusters, so that rows are the units.
    arms : int
    """

    arm: Ints
    cluster: Ints | None
    arms: int

    @classmethod
    def of(cls, case: Case) -> "Assigned":
        """Read a case of rows."""
        parts = samples(case)
        arm = np.concatenate([part.arm for part in parts])
        clusters = [part.cluster for part in parts if part.cluster is not None]
        cluster = np.concatenate(clusters) if clusters else None
        if cluster is not None and _straddle(cluster, arm):
            cluster = None
        return cls(arm, cluster, len(case.arms))

    def counts(self, member: Bools | None = None) -> Floats:
        """Independent units of each arm among some rows, shape (a,)."""
        rows = np.arange(self.arm.shape[0]) if member is None else np.flatnonzero(member)
        if self.cluster is not None:
            rows = rows[np.unique(self.cluster[rows], return_index=True)[1]]
        return np.array(tallied(self.arm[rows], self.arms), dtype=float)


def samples(case: Case) -> tuple[Sample, ...]:
    """Rows with the outcome, and those without, where there are any."""
    return (case.sample(),) if case.unobserved is None else (case.sample(), case.unobserved)


def role_column(case: Case, role: str) -> Floats:
    """First column of a role over all rows assigned, shape (n,)."""
    return np.concatenate([part.roles[role].values[:, 0] for part in samples(case)])


def units_by_arm(case: Case) -> Floats:
    """Units that each arm was assigned, shape (a,); of clusters, those with a value where only moments are known."""
    source = case.source
    if isinstance(source, Sample):
        return Assigned.of(case).counts()
    if isinstance(source, MetricMoments):
        return source.units if source.clustered else np.asarray(source.counts.rows + source.counts.missing)
    return source.units


def plan_of(case: Case) -> Planned | None:
    """The plan of the experiment, where it has one."""
    return case.design.planned if isinstance(case.design, Experiment) else None


def is_running(plan: Planned | None, units: float) -> bool:
    """Whether the planned end is still to come, or nothing tells that it has."""
    if plan is None:
        return False
    if plan.finished is not None:
        return not plan.finished
    if plan.units is not None:
        return units < plan.units
    return plan.ends is not None or plan.days is not None


def _straddle(cluster: Ints, arm: AnyArray) -> bool:
    """Whether some cluster has rows in two arms."""
    home = np.zeros(int(cluster.max()) + 1, dtype=np.int64)
    home[cluster] = arm
    return bool((home[cluster] != arm).any())
