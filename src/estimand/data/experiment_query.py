"""Moments of every metric and arm of an experiment in one grouped query, inside DuckDB.

Sums are of values less a shift near their mean, and by block of rows: blocks are summed by one thread each and merged
in order, so that neither a large mean nor the number of threads moves a digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from estimand.core.metric import Metric
from estimand.stats.arrays import Floats
from estimand.stats.metric_rows import GroupedMoments, centred

BLOCK = 122_880
SAMPLE = 10_000
# A mean further from the shift than this many standard deviations is summed again, after a better one.
FAR = 10.0
NUMERIC = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "FLOAT",
    "DOUBLE",
    "BOOLEAN",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A metric, and the aggregates that make its moments.

    Attributes
    ----------
    metric : Metric
    shift : tuple of float
        Of its columns: value, denominator, covariate, covariate's denominator.
    gaps : bool
        Whether to tell apart rows with and without values and history.
    """

    metric: Metric
    shift: tuple[float, ...]
    gaps: bool = False

    @property
    def outcomes(self) -> int:
        """How many of the columns a row needs to count."""
        return 2 if self.metric.denominator is not None else 1

    @property
    def columns(self) -> tuple[str, ...]:
        """SQL of the columns, as the metric counts them."""
        metric = self.metric
        value = self._whole(metric.column)
        outcome = [value] if metric.denominator is None else [value, self._whole(metric.denominator)]
        if metric.missing == "zero":
            outcome = [f"coalesce({sql}, 0.0)" for sql in outcome]
        if metric.winsor is not None:
            outcome[0] = f"CASE WHEN {outcome[0]} > {metric.winsor!r} THEN {metric.winsor!r} ELSE {outcome[0]} END"
        if metric.kind == "retention" and metric.day is not None:
            outcome[0] = f"CAST({outcome[0]} >= {metric.day!r} AS DOUBLE)"
        if metric.kind == "retention" and metric.window is not None:
            low, high = metric.window
            outcome[0] = f"CAST({outcome[0]} BETWEEN {low!r} AND {high!r} AS DOUBLE)"
        history = [self._whole(name) for name in (metric.covariate, metric.covariate_denominator) if name is not None]
        return (*outcome, *history)

    def aggregates(self) -> list[str]:
        """SQL of the sums, in the order in which :meth:`read` takes them."""
        q, p = self.outcomes, len(self.columns)
        less = [f"({sql} - {shift!r})" for sql, shift in zip(self.columns, self.shift, strict=True)]
        counts = [self._odd(), self._impossible(), self._capped()]
        if not self.gaps:
            return [*(f"count({sql})" for sql in self.columns), *_sums(less, p, ""), *counts]
        seen = " AND ".join(f"{sql} IS NOT NULL" for sql in self.columns[:q])
        known = " AND ".join(f"{sql} IS NOT NULL" for sql in self.columns[q:]) or "true"
        with_all, without = f" FILTER (WHERE {seen} AND {known})", f" FILTER (WHERE {seen} AND NOT ({known}))"
        held = [f"count(*){with_all}", *_sums(less, p, with_all)]
        bare = [f"count(*){without}", *_sums(less, q, without)]
        return [*held, *bare, f"count(*) - count_if({seen})", *counts]

    def read(self, found: Floats, rows: Floats) -> "Read":
        """Sums of one group per row, from the results of the query (groups, aggregates) and the rows of each."""
        q, p = self.outcomes, len(self.columns)
        counts = found[:, -3:]
        if not self.gaps:
            units, total, lower = _unpacked(np.column_stack([rows, found[:, p:-3]]), p)
            complete = bool((found[:, :p] == rows[:, None]).all()) and _finite(total, lower)
            blank = np.zeros((units.shape[0], p)), np.zeros((units.shape[0], p, p))
            return Read(units, total, lower, np.zeros_like(units), *blank, np.zeros_like(units), counts, complete)
        width = 1 + p + p * (p + 1) // 2
        units, total, lower = _unpacked(found[:, :width], p)
        bare, bare_total, bare_lower = _unpacked(found[:, width:-4], q)
        padded = np.zeros_like(total), np.zeros_like(lower)
        padded[0][:, :q], padded[1][:, :q, :q] = bare_total, bare_lower
        return Read(units, total, lower, bare, *padded, found[:, -4], counts, _finite(total, lower, *padded))

    def _whole(self, column: str) -> str:
        return whole(column, gaps=self.gaps)

    def _odd(self) -> str:
        if self.metric.kind == "ratio":
            return f"count_if({self.columns[1]} = 0.0)"
        return f"count_if({self.columns[0]} < 0.0)" if self.metric.kind == "revenue" else "0"

    def _impossible(self) -> str:
        value = self._whole(self.metric.column)
        if self.metric.kind == "count":
            return f"count_if({value} < 0.0 OR {value} <> floor({value}))"
        plain = self.metric.kind == "retention" and self.metric.day is None and self.metric.window is None
        return f"count_if({value} NOT IN (0.0, 1.0))" if plain or self.metric.kind == "proportion" else "0"

    def _capped(self) -> str:
        cap = self.metric.winsor
        return "0" if cap is None else f"count_if({self._whole(self.metric.column)} > {cap!r})"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Sums of a metric in every group of the query; see :func:`~estimand.kernels.moments.moments_kernel`."""

    units: Floats
    total: Floats
    lower: Floats
    bare: Floats
    bare_total: Floats
    bare_lower: Floats
    missing: Floats
    counts: Floats
    complete: bool

    def merged(self, asked: Asked, group: Floats, groups: int, block: Floats) -> GroupedMoments:
        """Moments within groups, from the blocks in order; ``group`` below zero is passed over."""
        p = self.total.shape[1]
        shift = np.array(asked.shift)
        merged: GroupedMoments | None = None
        for number in np.unique(block):
            rows = np.flatnonzero((block == number) & (group >= 0))
            at = group[rows].astype(np.int64)
            units, total = np.zeros(2 * groups), np.zeros((2 * groups, p))
            lower, missing = np.zeros((2 * groups, p, p)), np.zeros(groups)
            held, bare = (self.units, self.total, self.lower), (self.bare, self.bare_total, self.bare_lower)
            # Several rows of the query may be one group: levels that differ in spelling alone.
            for side, parts in ((0, held), (groups, bare)):
                for into, part in zip((units, total, lower), parts, strict=True):
                    np.add.at(into, at + side, part[rows])
            np.add.at(missing, at, self.missing[rows])
            first = np.broadcast_to(shift, total.shape)
            moments = centred(shift, asked.outcomes, (units, first, total, lower, missing))
            merged = moments if merged is None else merged.merge(moments)
        if merged is None:
            raise ValueError("no block of rows")
        return merged


def whole(column: str, *, gaps: bool = False) -> str:
    """SQL of a column as a double; with gaps, not-a-number is missing."""
    plain = f"CAST({quoted(column)} AS DOUBLE)"
    # isnan() answers from a file's statistics, which leave not-a-number out; these two look at the values.
    return f"CASE WHEN isfinite({plain}) OR isinf({plain}) THEN {plain} END" if gaps else plain


def quoted(column: str) -> str:
    """SQL of a column's name."""
    return '"' + column.replace('"', '""') + '"'


def first_shift(relation: duckdb.DuckDBPyRelation, columns: Sequence[str]) -> dict[str, float]:
    """Mean of each column in the first rows; zero where none has a value."""
    means = ", ".join(f"avg(x{j}) FILTER (WHERE isfinite(x{j}))" for j in range(len(columns)))
    values = ", ".join(f"{sql} AS x{j}" for j, sql in enumerate(columns))
    found = relation.limit(SAMPLE).project(values).aggregate(means).fetchall()[0]
    return {sql: 0.0 if mean is None else float(mean) for sql, mean in zip(columns, found, strict=True)}


def far_off(asked: Asked, found: GroupedMoments) -> Asked | None:
    """The same after a better shift, where a mean is many standard deviations from the one taken; else None."""
    held = found.held
    safe = np.maximum(held.units, 1.0)[:, None]
    spread = np.diagonal(held.cross, axis1=1, axis2=2) / safe
    if (np.square(held.mean) <= FAR**2 * spread).all():
        return None
    middle = (held.units[:, None] * held.mean).sum(axis=0) / max(float(held.units.sum()), 1.0)
    better = tuple((np.array(asked.shift) + middle).tolist())
    return None if better == asked.shift else Asked(asked.metric, better, asked.gaps)


def _finite(*arrays: Floats) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays)


def _sums(less: Sequence[str], p: int, condition: str) -> list[str]:
    plain = [f"sum({less[j]}){condition}" for j in range(p)]
    return plain + [f"sum({less[j]} * {less[k]}){condition}" for j in range(p) for k in range(j + 1)]


def _unpacked(found: Floats, p: int) -> tuple[Floats, Floats, Floats]:
    """Units (g,), sums (g, p) and lower triangles of products (g, p, p)."""
    units, total = found[:, 0], found[:, 1 : 1 + p]
    lower = np.zeros((found.shape[0], p, p))
    j, k = np.tril_indices(p)
    lower[:, j, k] = found[:, 1 + p :]
    empty = units == 0.0
    return units, np.where(empty[:, None], 0.0, total), np.where(empty[:, None, None], 0.0, lower)
