"""From the level of a metric in each arm to an estimate: what every method that reads moments ends with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Baseline, Estimate, Population
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import Method
from estimand.core.metric_moments import MetricMoments
from estimand.core.metric_rows import metric_column
from estimand.core.moments import Moments
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.errors import Code, DataError, IdentificationError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.few_clusters import ClusterRows, few_cluster_levels
from estimand.stats.metric_moments import JointMeans, Levels, Slopes, joint_means, level_influence, metric_levels
from estimand.stats.moments import ArmMoments

ROUNDING = 1e-14


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The strata that a method compares arms within.

    Attributes
    ----------
    parts : tuple of Moments
        Over the outcome columns, then history; each of units of its own.
    place : tuple of tuple of int
        For every one, the positions among the parts of the metric's moments that it is the sum of.
    clusters : ClusterRows or None
        Of the units, where they are few clusters in one stratum.
    """

    parts: tuple[Moments, ...]
    place: tuple[tuple[int, ...], ...]
    clusters: ClusterRows | None = None

    @classmethod
    def of(cls, moments: MetricMoments, place: Sequence[Sequence[int]], *, history: bool) -> "Comparison":
        """Sum parts up, with the history they have or without."""

        def one(at: Sequence[int]) -> Moments:
            names = moments.parts[at[0]].columns if history else moments.outcome_columns
            return reduce(Moments.merge, (moments.parts[j].only(names) for j in at))

        parts = tuple(one(at) for at in place)
        clusters = moments.few_clusters(place[0], parts[0].columns) if len(parts) == 1 else None
        return cls(parts, tuple(tuple(at) for at in place), clusters)

    @property
    def units(self) -> Floats:
        """Units of each arm, shape (a,)."""
        return np.asarray(np.sum([part.units for part in self.parts], axis=0))

    def joint(self, moments: MetricMoments, slopes: Slopes = "arm") -> JointMeans:
        """Means of the outcome columns in each arm, with their covariance.

        Raises
        ------
        DataError
            If an arm has too few units, or the first of the columns does not vary.
        """
        q = len(moments.outcome_columns)
        self._refuse_few(moments, slopes)
        _refuse_constant(moments, self.parts)
        return joint_means([ArmMoments(part.units, part.means, part.cross) for part in self.parts], q, slopes)

    def levels(self, moments: MetricMoments, slopes: Slopes = "arm") -> Levels:
        """Level of the metric in each arm.

        Raises
        ------
        DataError
            If an arm has too few units, or the metric does not vary.
        IdentificationError
            If the denominator of a ratio is zero throughout an arm.
        """
        q = len(moments.outcome_columns)
        self._refuse_few(moments, slopes)
        _refuse_denominator(moments, self.parts)
        strata = [ArmMoments(part.units, part.means, part.cross) for part in self.parts]
        levels = metric_levels(strata, q, self.parts[0].shift[:q], moments.offset, slopes)
        if not moments.is_ratio:
            _refuse_constant(moments, self.parts)
        if self.clusters is None:
            return levels
        reduced = few_cluster_levels(levels, self.clusters)
        if reduced is None:
            raise _one_cluster_alone(moments)
        return reduced

    def _refuse_few(self, moments: MetricMoments, slopes: Slopes) -> None:
        q = len(moments.outcome_columns)
        for part in self.parts:
            _refuse_few(moments, part, 2 + (len(part.columns) - q if slopes == "stratum" else 0))
        _refuse_slopes(moments, [part for part in self.parts if len(part.columns) > q], q)


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What a method says beside its numbers."""

    details: Mapping[str, Any] = FrozenMap({})
    findings: tuple[Finding, ...] = ()


def metric_estimate(
    case: Case,
    method: Method,
    compared: Comparison,
    levels: Levels,
    correction: str,
    beside: Beside | None = None,
) -> Estimate:
    """Estimate each arm's level against control's.

    The influence function is there where the case has rows; where they are clustered, it is of the clusters.
    """
    moments, beside = case.metric_moments(), beside or Beside()
    k = len(moments.arms) - 1
    base = np.full(k, levels.shift + levels.value[0])
    baseline = Baseline(base, np.full((k, k), levels.vcov[0, 0]), np.repeat(levels.with_control[:, None], k, axis=1))
    used, every = float(compared.units.sum()), float(moments.units.sum())
    rows = int(moments.counts.rows.sum())
    corrected = correction if compared.clusters is None else f"{correction}, CR2"
    return Estimate(
        id=method.spec.key,
        method=method.spec.key,
        options=FrozenMap(method.options()),
        outcome=case.outcome,
        target=Target.ATE,
        population=_population(moments, rows, used / every),
        terms=case.arm_terms(),
        value=levels.effect,
        uncertainty=Normal(levels.effect_vcov, levels.effect_df(), "identity", corrected),
        n_obs=rows if used == every else int(used),
        inference=method.spec.inference,
        level=case.level,
        baseline=baseline,
        influence=_influence(case, moments, compared, levels),
        details=FrozenMap(beside.details),
        findings=beside.findings,
    )


def _population(moments: MetricMoments, rows: int, share: float) -> Population:
    read = rows + float(moments.counts.missing.sum())
    if share < 1.0:
        return Population("units comparable in history", round(rows * share), rows * share / read, "too few alike")
    left_out = rows < read
    return Population("complete cases" if left_out else "everyone", rows, rows / read, None)


def _influence(case: Case, moments: MetricMoments, compared: Comparison, levels: Levels) -> Influence | None:
    """ψ of the differences over the rows, or over the clusters; None without rows."""
    sample, metric = case.source, case.metric
    if not isinstance(sample, Sample) or metric is None:
        return None
    if moments.clustered:
        return _clustered_influence(sample, moments, compared, levels)
    columns = [sample.outcomes[metric.name], *(metric_column(sample, name) for name in metric.columns()[1:])]
    stratum = _stratum(sample, moments, compared, np.stack(columns))
    if (stratum < 0).any():
        return None

    def build() -> Floats:
        psi = level_influence(levels, np.nan_to_num(np.stack(columns, axis=1)), sample.arm, stratum)
        return np.asarray(psi[:, 1:] - psi[:, [0]])

    return Influence(build, sample.units, sample.n, sample.root)


def _clustered_influence(
    sample: Sample, moments: MetricMoments, compared: Comparison, levels: Levels
) -> Influence | None:
    """ψ of the differences over the clusters, of those that are compared."""
    clusters = moments.clusters
    if clusters is None:
        return None
    parts = [(s, clusters[j]) for s, at in enumerate(compared.place) for j in at]
    width = max(len(part.columns) for part in moments.parts)
    stratum = np.concatenate([np.full(rows.arm.shape[0], s) for s, rows in parts])
    arm, code = (np.concatenate([getattr(rows, name) for _, rows in parts]) for name in ("arm", "code"))

    def build() -> Floats:
        columns = np.concatenate([_widened(rows.columns, width) for _, rows in parts])
        psi = level_influence(levels, columns, arm, stratum)
        return np.asarray(psi[:, 1:] - psi[:, [0]])

    return Influence(build, code, code.shape[0], sample.root)


def _widened(columns: Floats, width: int) -> Floats:
    """Columns with zeros for the history they lack."""
    return np.hstack([columns, np.zeros((columns.shape[0], width - columns.shape[1]))])


def _stratum(sample: Sample, moments: MetricMoments, compared: Comparison, columns: Floats) -> Ints:
    """Position among the strata compared of every row, or -1."""
    declared = np.zeros(sample.n, dtype=np.int64) if sample.stratum is None else sample.stratum
    bare = np.isnan(columns).any(axis=0)
    whole = max(len(part.columns) for part in moments.parts)
    code = np.full(sample.n, -1, dtype=np.int64)
    for s, at in enumerate(compared.place):
        for j in at:
            code[(declared == moments.stratum[j]) & (bare == (len(moments.parts[j].columns) < whole))] = s
    return code


def _refuse_few(moments: MetricMoments, part: Moments, needed: int) -> None:
    if (part.units < needed).any():
        a = int(part.units.argmin())
        kind = "clusters" if moments.clustered else "units"
        raise DataError(
            f"Arm '{moments.arms[a]}' has {int(part.units[a])} {kind} with metric '{moments.metric}'"
            f"{' in one of the strata' if len(moments.strata) > 1 else ''}; {needed} are needed.",
            remedy="Gather more data, or leave the arm or the metric out.",
            found=int(part.units[a]),
            expected=needed,
        )


def _refuse_slopes(moments: MetricMoments, parts: Sequence[Moments], outcomes: int) -> None:
    """Refuse an arm whose units with history leave nothing beside the strata's means and the slopes."""
    if not parts:
        return
    slopes = len(parts[0].columns) - outcomes
    free = np.sum([part.units - 1.0 for part in parts], axis=0)
    if (free < slopes + 1).any():
        a = int(free.argmin())
        raise DataError(
            f"Arm '{moments.arms[a]}' has {int(free[a]) + len(parts)} units with metric '{moments.metric}' and its "
            f"history, in {len(parts)} strata; {slopes + 1 + len(parts)} are needed.",
            remedy="Gather more data, or use method: difference.",
        )


def _refuse_denominator(moments: MetricMoments, parts: tuple[Moments, ...]) -> None:
    if not moments.is_ratio:
        return
    total = np.sum([part.mean("denominator") * part.units for part in parts], axis=0)
    if (total <= 0.0).any():
        a = int(total.argmin())
        raise no_ratio(moments.metric, f"adds to {total[a]:g}", moments.arms[a])


def no_ratio(metric: str, found: str, arm: str) -> IdentificationError:
    """Error of a ratio whose denominator is not positive in an arm."""
    return IdentificationError(
        f"The denominator of metric '{metric}' {found} in arm '{arm}', so there is no ratio.",
        remedy="Check the denominator, or use a metric of kind mean.",
        code=Code.NOT_IDENTIFIED,
    )


def _one_cluster_alone(moments: MetricMoments) -> IdentificationError:
    return IdentificationError(
        f"One cluster is all there is of metric '{moments.metric}' in some arm, so nothing tells how clusters vary.",
        remedy="Gather more clusters, or cluster by a finer column if that is what was assigned.",
        code=Code.NOT_IDENTIFIED,
    )


def _refuse_constant(moments: MetricMoments, parts: tuple[Moments, ...]) -> None:
    """Refuse a metric that has one value in every unit."""
    spread = sum(float(np.sum(part.cross[:, 0, 0])) for part in parts)
    level = max(abs(float(part.shift[0])) + float(np.abs(part.means[:, 0]).max()) for part in parts)
    between = max(float(np.ptp(part.means[:, 0])) for part in parts)
    size = float(np.sum([part.units for part in parts]))
    if between <= ROUNDING * level and spread <= size * (ROUNDING * level) ** 2:
        value = moments.offset + float(parts[0].shift[0] + parts[0].means[0, 0])
        raise DataError(
            f"Metric '{moments.metric}' is {value:g} in every unit, so no effect on it can be estimated.",
            remedy="Name a metric that varies.",
        )
