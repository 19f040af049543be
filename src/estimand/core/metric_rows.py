"""A metric's columns in memory, and their moments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.metric import Metric
from estimand.core.metric_moments import Counts, MetricMoments, assembled
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.errors import Code, DataError, IdentificationError, UnsupportedError
from estimand.stats.arrays import AnyArray, Bools, Floats, Ints
from estimand.stats.metric_rows import GroupedMoments, Spread, cluster_sums, grouped_moments

# Of a sample's roles: the columns of metrics beside their values.
METRIC_ROLE = "metrics"


@dataclass(frozen=True, slots=True, eq=False)
class MetricRows:
    """Columns of a metric, ready to be summed up.

    Attributes
    ----------
    metric : Metric
    columns : sequence of ndarray of shape (n,)
        Value (cut at the cap already), denominator, covariate and its denominator: those the metric has.
    arm : ndarray of shape (n,)
        Codes; below zero for rows to pass over.
    arms, strata : tuple of str
    stratum : ndarray of shape (n,) or None
        Codes of the strata.
    cluster : ndarray of shape (n,) or None
    cap : float or None
    capped : ndarray of shape (a,) or None
        Rows that were cut, by arm.
    """

    metric: Metric
    columns: Sequence[AnyArray]
    arm: Ints
    arms: tuple[str, ...]
    strata: tuple[str, ...] = ("",)
    stratum: Ints | None = None
    cluster: Ints | None = None
    cap: float | None = None
    capped: Floats | None = None

    def summed(self, run: Run) -> MetricMoments:
        """Sum up the rows, in fixed chunks merged in order.

        Raises
        ------
        IdentificationError
            If a cluster has rows in two arms.
        DataError
            If a value is none that the metric's kind can take.
        """
        found, counts = self.grouped(run.map)
        labels = (self.arms, self.strata)
        if self.cluster is None:
            return assembled(self.metric, labels, found, counts, self.cap)
        group, outcomes = self._groups(), self._outcomes()
        sums = cluster_sums(self.columns, outcomes, self.cluster, group)
        if sums is None:
            raise cluster_in_two_arms(self.metric.name)
        within = grouped_moments(sums.columns, 2, sums.group, len(self.arms) * len(self.strata), run.map)
        return assembled(self.metric, labels, within, counts, self.cap, sums)

    def grouped(self, spread: Spread = map) -> tuple[GroupedMoments, Counts]:
        """Moments of the rows within strata and arms, and their counts; ``spread`` maps over the chunks, in order.

        Raises
        ------
        DataError
            If a value is none that the metric's kind can take.
        """
        a = len(self.arms)
        found = grouped_moments(self.columns, self._outcomes(), self._groups(), a * len(self.strata), spread)
        counts = Counts(
            rows=(found.held.units + found.bare.units).reshape(-1, a).sum(axis=0),
            missing=found.missing.reshape(-1, a).sum(axis=0),
            odd=self._odd(a),
            capped=np.zeros(a) if self.capped is None else self.capped,
        )
        return found, counts

    def _groups(self) -> Ints:
        """Stratum and arm of each row in one code."""
        return (
            self.arm if self.stratum is None else np.where(self.arm < 0, -1, self.stratum * len(self.arms) + self.arm)
        )

    def _outcomes(self) -> int:
        """How many of the columns a row needs to count."""
        return 2 if self.metric.denominator is not None else 1

    def _odd(self, arms: int) -> Floats:
        """Rows of each arm that the kind does not expect, or a refusal of what it cannot be."""
        value = self.columns[0]
        refuse_impossible(self.metric, bool(_impossible(self.metric, value).any()))
        if self.metric.kind == "ratio":
            unexpected = self.columns[1] == 0.0
        elif self.metric.kind == "revenue":
            unexpected = value < 0.0
        else:
            return np.zeros(arms)
        return np.bincount(self.arm[unexpected & (self.arm >= 0)], minlength=arms).astype(float)


def moments_of_sample(sample: Sample, metric: Metric, run: Run) -> MetricMoments:
    """Sum up the rows of a sample that was built with this metric among its outcomes.

    Raises
    ------
    UnsupportedError
        If rows are weighted.
    IdentificationError
        If a cluster has rows in two arms.
    """
    if sample.weights is not None:
        raise UnsupportedError(
            "Moments of metrics take every unit once, and this design has weights.",
            remedy="Leave the weights out, or name an outcome in place of metrics.",
        )
    columns = [sample.outcomes[metric.name], *(metric_column(sample, name) for name in metric.columns()[1:])]
    placed = (sample.strata, sample.stratum, sample.cluster)
    return MetricRows(metric, columns, sample.arm, sample.arms, *placed).summed(run)


def metric_column(sample: Sample, column: str) -> Floats:
    """Return a column of a metric beside its value, of every row, shape (n,)."""
    held = sample.roles[METRIC_ROLE]
    return held.values[:, [feature.source for feature in held.features].index(column)]


def refuse_impossible(metric: Metric, found: bool) -> None:
    """Refuse values that a metric's kind cannot take.

    Raises
    ------
    DataError
    """
    if found:
        wanted = "counts" if metric.kind == "count" else "zeros and ones"
        raise DataError(
            f"Metric '{metric.name}' is of kind {metric.kind}, and '{metric.column}' holds values that are not "
            f"{wanted}.",
            remedy="Correct them, or use kind: mean.",
            code=Code.INVALID_MAPPING,
            found=metric.column,
        )


def cluster_in_two_arms(metric: str) -> IdentificationError:
    """Say that clusters were not what was assigned."""
    return IdentificationError(
        f"A cluster has rows in two arms or strata, so sums within clusters cannot be set against each other "
        f"for metric '{metric}'.",
        remedy="Name as cluster what was assigned, such as the user; or compare within clusters by method: regression.",
        code=Code.UNSUPPORTED,
    )


def _impossible(metric: Metric, value: AnyArray) -> Bools:
    if metric.kind == "count":
        return np.asarray((value < 0.0) | (value != np.floor(value)) & ~np.isnan(value))
    if metric.kind == "proportion" or (metric.kind == "retention" and metric.day is None and metric.window is None):
        return np.asarray((value != 0.0) & (value != 1.0) & ~np.isnan(value))
    return np.zeros(0, dtype=np.bool_)
