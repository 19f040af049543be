"""Rows that a method for rollouts can use, as arrays, and what it had to leave out."""

from dataclasses import dataclass, replace

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Population
from estimand.core.finding import Finding, Grade
from estimand.core.influence import Influence
from estimand.core.sample import Encoded
from estimand.core.timeline import Timeline
from estimand.errors import IdentificationError
from estimand.stats.absorbed import cluster_positions
from estimand.stats.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """Rows a method uses.

    Attributes
    ----------
    case : Case
    rows : ndarray of shape (n,)
        Positions in the case's sample.
    timeline : Timeline
        Of these rows.
    values : ndarray of shape (n,)
        Outcome.
    weights : ndarray of shape (n,) or None
        Weight of each row in a fit, mean one; None where the design has none.
    group : ndarray of shape (n,)
        Unit of each row, or its cohort in repeated cross-sections, numbered from 0.
    cluster : ndarray of shape (n,)
        Independent unit of each row, numbered from 0.
    event_time : ndarray of shape (n,)
        Not-a-number where never treated.
    rules : tuple of str
        Why others were left out, for the name of the population.
    findings : tuple of Finding
    """

    case: Case
    rows: Ints
    timeline: Timeline
    values: Floats
    weights: Floats | None
    group: Ints
    cluster: Ints
    event_time: Floats
    rules: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.rows.shape[0])

    @property
    def features(self) -> Encoded:
        """Covariates of the rows."""
        features = self.case.sample().features
        return features if self.n == self.case.sample().n else features.take(self.rows)

    @property
    def mass(self) -> Floats:
        """Weight of each row in an average of effects, shape (n,): one, or its sampling weight."""
        held = None if self.case.sample().weight_kind == "precision" else self.weights
        return np.ones(self.n) if held is None else held

    @property
    def clustered(self) -> bool:
        """Whether rows depend on each other within units or clusters."""
        return self.case.sample().cluster is not None

    def without(self, lost: Bools, rule: str, finding: Finding) -> "Admitted":
        """Leave out rows, and say why; the same where there are none to leave out."""
        if not lost.any():
            return self
        keep = np.flatnonzero(~lost)
        left = _read(self.case, self.rows[keep], self.timeline.take(keep))
        return replace(left, rules=(*self.rules, rule), findings=(*self.findings, finding))

    def influence(self, psi: Floats) -> Influence:
        """Tie to the sample what each independent unit adds to the values, shape (clusters, k)."""
        sample = self.case.sample()
        units = np.empty(psi.shape[0], dtype=sample.units.dtype)
        units[self.cluster] = sample.units[self.rows]
        return Influence(psi * self.n, units, self.n, sample.root)

    def population(self, treated: Bools, rules: tuple[str, ...] = ()) -> Population:
        """Name the treated rows an average is over."""
        sample = self.case.sample()
        every = [*(["complete cases"] if sample.n < sample.rows_read else []), *self.rules, *rules]
        label = f"treated unit-periods ({', '.join(every)})" if every else "treated unit-periods"
        used = int(np.count_nonzero(treated))
        return Population(label, used, used / sample.rows_read, "; ".join(every) or None)


def admitted(key: str, case: Case) -> Admitted:
    """Take the rows of a rollout in which treatment, once on, stays on.

    Raises
    ------
    IdentificationError
        If treatment is switched off again, or no row is treated or none untreated.
    """
    timeline = case.timeline()
    off = timeline.switched_off
    if off.any():
        units = timeline.cohort[off] if timeline.unit is None else timeline.unit[off]
        count = int(np.unique(units).shape[0])
        raise IdentificationError(
            f"Treatment is switched off again in {count:,} unit{'s' if count > 1 else ''}, and '{key}' takes it to "
            "stay on.",
            remedy="Leave out the rows after treatment ends; or, if its effect stays, name the first treated period as "
            "cohort and leave the treatment out.",
            found=count,
        )
    treated = timeline.period >= timeline.cohort
    if not treated.any():
        raise IdentificationError("No row is treated.", remedy="Add the periods after treatment starts.")
    if treated.all():
        raise IdentificationError(
            "Every row is treated, so nothing shows what would have happened without.",
            remedy="Add periods before treatment, or units that are not treated.",
        )
    return _read(case, np.arange(case.sample().n), timeline)


def _read(case: Case, rows: Ints, timeline: Timeline) -> Admitted:
    sample, whole = case.sample(), rows.shape[0] == case.sample().n
    held = None if sample.weights is None else sample.weights[rows]
    units = sample.units if whole else sample.units[rows]
    cluster = cluster_positions(units)[1]
    codes = timeline.cohort if timeline.unit is None else timeline.unit
    return Admitted(
        case,
        rows,
        timeline,
        values=case.values() if whole else case.values()[rows],
        weights=None if held is None else np.asarray(held / held.mean()),
        group=cluster if codes is units else cluster_positions(codes)[1],
        cluster=cluster,
        event_time=timeline.event_time,
    )


def without_always_treated(key: str, found: Admitted) -> Admitted:
    """Leave out units that are treated from the first period on: they have no period before.

    Raises
    ------
    IdentificationError
        If no other row is treated.
    """
    timeline = found.timeline
    lost = timeline.always
    if not (~lost & (timeline.period >= timeline.cohort)).any():
        raise IdentificationError(
            "Every treated unit is treated from the first period on, so none shows a change.",
            remedy="Add the periods before treatment starts.",
        )
    units = int(np.unique(found.group[lost]).shape[0])
    finding = Finding(
        check=f"{key}.always_treated",
        about=key,
        grade=Grade.WARN,
        subject=timeline.labels[0],
        statistic=float(np.count_nonzero(lost)),
        message=f"{np.count_nonzero(lost):,} rows of {units:,} {'cohort' if timeline.unit is None else 'unit'}"
        f"{'s' if units > 1 else ''} treated from the first period on were left out: they have no period before.",
        remedy="Add earlier periods, if there are any.",
    )
    return found.without(lost, "units with a period before treatment", finding)
