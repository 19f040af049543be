"""From any source to the moments of an experiment's metrics, without building a sample."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from estimand.core.design import Experiment
from estimand.core.finding import Finding
from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.metric_moments import Counts, MetricMoments, assembled
from estimand.core.metric_rows import refuse_impossible
from estimand.core.run import Run
from estimand.core.sample import Drop, content_fingerprint
from estimand.data.experiment_query import BLOCK, NUMERIC, Asked, far_off, first_shift, quoted
from estimand.data.files import from_home, is_file
from estimand.data.identity import cluster_codes, hash_keys, keys, refuse_repeats, refuse_several_arms
from estimand.data.metric_columns import read_strata
from estimand.data.metric_findings import metric_findings
from estimand.data.metric_sums import Placed, infinite_sums, refuse_infinite_sums, rows_of_metric
from estimand.data.names import check_names
from estimand.data.parquet_moments import parquet_moments
from estimand.data.query import Query
from estimand.data.rows import Need, complete_rows, dropped_finding
from estimand.data.source import Source, read_table
from estimand.data.treatment import Arms, read_arms
from estimand.errors import DataError
from estimand.stats.arrays import Floats

# As they are; then telling gaps apart, where there are any; then after a better shift.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class ExperimentMoments(Frozen):
    """Moments of every metric, and how they came about.

    Attributes
    ----------
    name : str
        Of the source.
    metrics : mapping of str to MetricMoments
    arm_rows : mapping of str to int
        Rows of each arm, with a value of a metric or without.
    rows_read : int
    drops : tuple of Drop
    findings : tuple of Finding
    fingerprint : str
    """

    name: str
    metrics: Mapping[str, MetricMoments]
    arm_rows: Mapping[str, int]
    rows_read: int
    drops: tuple[Drop, ...]
    findings: tuple[Finding, ...]
    fingerprint: str


def experiment_moments(data: Any, design: Experiment, run: Run) -> ExperimentMoments:
    """Read the moments of an experiment's metrics.

    A query of a database and a DuckDB relation are summed inside DuckDB, in one grouped query; a Parquet file piece by
    piece; tables in memory and other files in one pass over their columns. Where a metric is cut at a quantile, rows
    are clustered or identified, or times are read, the columns are read into memory first. A unit is a row: of a column
    named as ``unit``, every value names one row.

    Parameters
    ----------
    data : str, Path, mapping or table
        As :func:`estimand.data.source.read_table` takes it.
    design : Experiment
        With metrics.
    run : Run

    Raises
    ------
    DataError
        If the data cannot be read, or a column not play its part.
    """
    if _summable(design):
        with ExitStack() as open_until_read:
            found = _relation(data, open_until_read)
            if found is not None and _numeric(found.relation, design, found.name):
                return _of_query(found, design)
        summed = _of_file(data, design, run)
        if summed is not None:
            return summed
    return _of_rows(read_table(data, _columns(design)), design, run)


def _columns(design: Experiment) -> tuple[str, ...]:
    single = (design.treatment, design.unit, design.cluster, design.exposed)
    metrics = (column for metric in design.metrics for column in metric.columns())
    return tuple(dict.fromkeys((*metrics, *design.strata, *(name for name in single if name is not None))))


def _summable(design: Experiment) -> bool:
    """Whether nothing of the design needs rows side by side."""
    quantile = any(metric.cap_share is not None for metric in design.metrics)
    return design.unit is None and design.cluster is None and not quantile


@dataclass(frozen=True, slots=True, eq=False)
class _Queried:
    """A relation to sum, and its name."""

    relation: duckdb.DuckDBPyRelation
    name: str


def _relation(data: Any, stack: ExitStack) -> _Queried | None:
    """The data as a relation; None where DuckDB is not to read it."""
    query = Query.parse(data)
    if query is not None:
        return _Queried(stack.enter_context(query.open()), query.database.name)
    return _Queried(data, "duckdb.DuckDBPyRelation") if isinstance(data, duckdb.DuckDBPyRelation) else None


def _of_file(data: Any, design: Experiment, run: Run) -> ExperimentMoments | None:
    """Moments of a Parquet file; None of anything else, and of a file to be read in another way."""
    if not isinstance(data, str | Path) or Path(data).suffix.lower() != ".parquet" or not is_file(from_home(data)):
        return None
    found = parquet_moments(from_home(data), design, run)
    return None if found is None else _told(found.source, found.arms, found.counts, design, found.moments)


def _numeric(relation: duckdb.DuckDBPyRelation, design: Experiment, name: str) -> bool:
    """Whether the columns of all metrics are plain numbers."""
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    check_names(relation.columns, name, _columns(design))
    return all(kinds[column] in NUMERIC for metric in design.metrics for column in metric.columns())


def _of_query(source: _Queried, design: Experiment) -> ExperimentMoments:
    asked = {metric.name: Asked(metric, (0.0,) * len(Asked(metric, ()).columns)) for metric in design.metrics}
    shifts = first_shift(source.relation, list(dict.fromkeys(sql for one in asked.values() for sql in one.columns)))
    asked = {name: replace(one, shift=tuple(shifts[sql] for sql in one.columns)) for name, one in asked.items()}
    moments: dict[str, MetricMoments] = {}
    for attempt in range(ATTEMPTS):
        groups = _Groups.asked(source, design, list(asked.values()))
        again = {}
        for name, one in asked.items():
            better, made = groups.moments(one, last=attempt == ATTEMPTS - 1)
            if made is not None:
                moments[name] = made
            if better is not None:
                again[name] = better
        if not again:
            break
        asked = again
    ordered = {metric.name: moments[metric.name] for metric in design.metrics}
    return _told(groups.source, groups.arms, groups.counted(), design, ordered)


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Result of a grouped query: one row per arm, stratum and block."""

    source: Source
    arms: Arms
    strata: tuple[str, ...]
    group: Floats
    block: Floats
    rows: Floats
    sums: Mapping[str, Floats]

    @classmethod
    def asked(cls, source: _Queried, design: Experiment, asked: list[Asked]) -> "_Groups":
        by = [quoted(design.treatment), *(quoted(name) for name in design.strata)]
        parts = {one.metric.name: one.aggregates() for one in asked}
        every = [sql for part in parts.values() for sql in part]
        summed = ", ".join(f"CAST({sql} AS DOUBLE) AS __sum_{j}" for j, sql in enumerate(every))
        keys_of = ", ".join(by)
        blocks = source.relation.project(f"*, (row_number() OVER () - 1) // {BLOCK} AS __block")
        found = blocks.aggregate(f"{keys_of}, __block, count(*)::DOUBLE AS __rows, {summed}", f"{keys_of}, __block")
        table = found.to_arrow_table()
        if table.num_rows == 0:
            raise DataError(f"{source.name} has no rows.", remedy="Give a table with at least one row for each unit.")
        rows = table.column("__rows").to_numpy()
        held = read_table(table.select([design.treatment, *design.strata]))
        held = replace(held, name=source.name, rows=int(rows.sum()))
        arms = read_arms(held, design.treatment, design.control)
        strata = read_strata(replace(held, rows=table.num_rows), design.strata)
        codes, labels = (np.zeros(table.num_rows, dtype=np.int64), ("",)) if strata is None else strata
        group = np.where(arms.codes < 0, -1, codes * len(arms.labels) + arms.codes)
        whole = np.stack([table.column(f"__sum_{j}").to_numpy() for j in range(len(every))], axis=1)
        edges = np.cumsum([0, *(len(part) for part in parts.values())])
        sums = {name: whole[:, a:b] for name, a, b in zip(parts, edges[:-1], edges[1:], strict=True)}
        return cls(held, arms, labels, group, table.column("__block").to_numpy(), rows, sums)

    def counted(self) -> Floats:
        """Rows of each arm."""
        inside, a = self.group >= 0, len(self.arms.labels)
        arm = (self.group[inside] % a).astype(np.int64)
        return np.bincount(arm, weights=self.rows[inside], minlength=a).astype(float)

    def moments(self, asked: Asked, *, last: bool) -> tuple[Asked | None, MetricMoments | None]:
        """Moments of a metric, and what to ask again: of gaps, or after a better shift."""
        read = asked.read(self.sums[asked.metric.name], self.rows)
        if not read.complete:
            if asked.gaps:
                raise infinite_sums(asked.metric, self.source)
            return replace(asked, gaps=True), None
        a = len(self.arms.labels)
        found = read.merged(asked, self.group, a * len(self.strata), self.block)
        better = None if last else far_off(asked, found)
        inside = self.group >= 0
        arm = (self.group[inside] % a).astype(np.int64)
        counts = [np.bincount(arm, weights=read.counts[inside, j], minlength=a).astype(float) for j in range(3)]
        refuse_impossible(asked.metric, bool(counts[1].any()))
        units = (found.held.units + found.bare.units).reshape(-1, a).sum(axis=0)
        missing = found.missing.reshape(-1, a).sum(axis=0)
        cap = asked.metric.winsor
        labels = (self.arms.labels, self.strata)
        return better, assembled(asked.metric, labels, found, Counts(units, missing, counts[0], counts[2]), cap)


def _told(
    source: Source,
    arms: Arms,
    counts: Floats,
    design: Experiment,
    moments: dict[str, MetricMoments],
    drops: tuple[Drop, ...] | None = None,
) -> ExperimentMoments:
    """Put the moments together with what was noticed on the way; by default, rows without an arm are those left out."""
    if drops is None:
        lost = source.rows - int(counts.sum())
        drops = (Drop("treatment missing", design.treatment, lost),) if lost else ()
    planned = {} if design.planned is None else design.planned.allocation
    for arm in planned:
        if arm not in arms.labels:
            raise DataError(
                f"The plan gives units to arm '{arm}', and '{design.treatment}' of {source.name} has none of it.",
                remedy=f"Check the labels: {', '.join(arms.labels)}.",
                found=list(arms.labels),
                expected=list(planned),
            )
    findings = (
        *source.findings,
        *arms.findings,
        *dropped_finding(drops, source.rows),
        *(finding for found in moments.values() for finding in metric_findings(design, found)),
    )
    content = (
        (f"{name} {part.columns} {part.arms} {j}", np.concatenate([part.units, part.means.ravel(), part.cross.ravel()]))
        for name, found in moments.items()
        for j, part in enumerate(found.parts)
    )
    rows = dict(zip(arms.labels, counts.astype(int).tolist(), strict=True))
    named = FrozenMap(moments)
    return ExperimentMoments(
        source.name, named, FrozenMap(rows), source.rows, drops, findings, content_fingerprint(content)
    )


def _of_rows(source: Source, design: Experiment, run: Run) -> ExperimentMoments:
    arms = read_arms(source, design.treatment, design.control)
    needs = [Need("treatment missing", design.treatment, arms.codes >= 0)]
    cluster = None if design.cluster is None else keys(source, design.cluster)
    if cluster is not None:
        needs.append(Need("cluster missing", str(design.cluster), cluster[1]))
    if design.unit is not None:
        values, present = keys(source, design.unit)
        needs.append(Need("unit missing", design.unit, present))
        named = present & (arms.codes >= 0)
        refuse_several_arms(values[named], hash_keys(values[named]), arms.codes[named], design.unit, source)
        refuse_repeats(values[present], hash_keys(values[present]), design.unit, source)
    keep, drops = complete_rows(needs, source.rows, source.name)
    arm = arms.codes if keep.all() else np.where(keep, arms.codes, -1)
    strata = read_strata(source, design.strata)
    labels, stratum = (("",), None) if strata is None else (strata[1], strata[0])
    codes = None if cluster is None else _codes(cluster[0], keep)
    placed = Placed(arms.labels, labels, arm, stratum, codes)
    moments = {}
    for metric in design.metrics:
        moments[metric.name] = rows_of_metric(source, metric, design, placed).summed(run)
        refuse_infinite_sums(moments[metric.name], metric, source, look=True)
    counts = np.bincount(arm[arm >= 0], minlength=len(arms.labels)).astype(float)
    return _told(source, arms, counts, design, moments, drops)


def _codes(values: Any, keep: Any) -> Any:
    if keep.all():
        return cluster_codes(values)
    codes = np.full(keep.shape, -1, dtype=np.int64)
    codes[keep] = cluster_codes(values[keep])
    return codes
