"""Moments of metrics from a Parquet file, read piece by piece: arms and strata first, then one metric at a time.

A piece is a run of row groups, read by one thread, so that neither the file's size nor the number of threads decides
the memory it takes, and no digit depends on either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pyarrow.types as kinds

from estimand.core.experiment import Experiment
from estimand.core.metric import Metric
from estimand.core.metric_moments import Counts, MetricMoments, assembled
from estimand.core.run import Run
from estimand.data.metric_columns import read_strata
from estimand.data.metric_sums import Placed, refuse_infinite_sums, rows_of_metric
from estimand.data.names import check_names
from estimand.data.source import Source
from estimand.data.treatment import Arms, read_arms
from estimand.stats.arrays import AnyArray, Floats, Ints
from estimand.stats.levels import tallied
from estimand.stats.metric_rows import CHUNK, GroupedMoments

# Rows read at once, and fewest rows of a piece but the last.
MOST, FEWEST = 1_048_576, 131_072
# A file is read through a buffer of so many bytes: a whole column of a row group would take longer to fetch.
BUFFER = 65_536
# Combinations of arms and strata beyond which they are no groups to sum within.
COMBINATIONS = 65_536
# Whole numbers in a narrower range are levels by their distance from the least of them, which fits a byte.
NARROW = 255

Piece: TypeAlias = tuple[int, ...]
Summed: TypeAlias = tuple[GroupedMoments, Counts]


@dataclass(frozen=True, slots=True, eq=False)
class FileMoments:
    """Moments of every metric of a file.

    Attributes
    ----------
    source : Source
        Its combinations of arm and strata, under the file's name and number of rows.
    arms : Arms
        Of the combinations.
    counts : ndarray of shape (a,)
        Rows of each arm.
    moments : dict of str to MetricMoments
    """

    source: Source
    arms: Arms
    counts: Floats
    moments: dict[str, MetricMoments]


def parquet_moments(path: Path, design: Experiment, run: Run) -> FileMoments | None:
    """Sum up a Parquet file; None where it is not one to be summed piece by piece.

    That is, where it cannot be read, a column of a metric is no plain number, or arms and strata have many levels.

    Raises
    ------
    DataError
        If a column is missing, or cannot play its part.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema, layout = file.schema_arrow, file.metadata
        check_names(schema.names, path.name, (design.treatment, *design.strata, *_columns(design.metrics)))
        if layout.num_rows == 0 or not all(_plain(schema.field(name).type) for name in _columns(design.metrics)):
            return None
        reader = _Reader(path, layout, design)
        placed = reader.placed(run)
        return None if placed is None else reader.summed(placed, run)
    except (pa.ArrowException, OSError):
        return None


def _columns(metrics: Sequence[Metric]) -> list[str]:
    return list(dict.fromkeys(column for metric in metrics for column in metric.columns()))


def _plain(kind: Any) -> bool:
    return bool(kinds.is_integer(kind) or kinds.is_float32(kind) or kinds.is_float64(kind) or kinds.is_boolean(kind))


@dataclass(frozen=True, slots=True, eq=False)
class _Combined:
    """Combinations of arm and strata in a piece, the rows of each, and which of them each row has."""

    levels: Any
    rows: Ints
    codes: AnyArray


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Arm and stratum of the combinations of all pieces, one piece after the other."""

    source: Source
    arms: Arms
    strata: tuple[Ints, tuple[str, ...]] | None
    pieces: tuple[_Combined, ...]
    starts: tuple[int, ...]

    @property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Labels of arms and strata."""
        return self.arms.labels, ("",) if self.strata is None else self.strata[1]

    def of(self, number: int) -> Placed:
        """Places of the rows of a piece."""
        piece = self.pieces[number]
        own = slice(self.starts[number], self.starts[number] + piece.rows.size)
        arm = _looked_up(self.arms.codes[own].astype(np.int8), piece.codes)
        stratum = None if self.strata is None else _looked_up(self.strata[0][own], piece.codes)
        return Placed(*self.labels, arm, stratum)

    def counts(self) -> Floats:
        """Rows of each arm."""
        rows, inside = np.concatenate([piece.rows for piece in self.pieces]), self.arms.codes >= 0
        arms = len(self.arms.labels)
        return np.bincount(self.arms.codes[inside], weights=rows[inside], minlength=arms).astype(float)


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """A file, and the pieces it is read in."""

    path: Path
    layout: Any
    design: Experiment

    def pieces(self) -> list[Piece]:
        """Row groups, small ones together."""
        found: list[Piece] = []
        held: list[int] = []
        rows = 0
        sizes = [self.layout.row_group(group).num_rows for group in range(self.layout.num_row_groups)]
        for group in np.flatnonzero(sizes).tolist():
            held.append(group)
            rows += sizes[group]
            if rows >= FEWEST:
                found.append(tuple(held))
                held, rows = [], 0
        return [*found, tuple(held)] if held else found

    def opened(self, *labels: str) -> Any:
        """Open the file anew: a thread reads through a handle of its own. Texts among labels come numbered."""
        wanted = list(labels) or None
        return pyarrow.parquet.ParquetFile(
            self.path, metadata=self.layout, buffer_size=BUFFER, pre_buffer=False, read_dictionary=wanted
        )

    def placed(self, run: Run) -> _Places | None:
        """Read arms and strata; None where they have many levels."""
        names = (self.design.treatment, *self.design.strata)

        def told(piece: Piece) -> _Combined | None:
            with self.opened(*names) as file:
                return _combinations(file.read_row_groups(list(piece), columns=list(names), use_threads=False), names)

        found = run.map(told, self.pieces())
        each = [one for one in found if one is not None]
        if len(each) < len(found):
            return None
        table = pa.concat_tables([one.levels for one in each])
        source = Source(nw.from_native(table, eager_only=True), self.path.name, table.num_rows)
        arms, strata = read_arms(source, self.design.treatment, self.design.control), read_strata(source, names[1:])
        starts = np.cumsum([0, *(one.rows.size for one in each)])[:-1].tolist()
        return _Places(replace(source, rows=self.layout.num_rows), arms, strata, tuple(each), tuple(starts))

    def summed(self, places: _Places, run: Run) -> FileMoments:
        """Read the metrics: a piece after the other, or, of few pieces, several metrics side by side."""
        pieces, metrics = self.pieces(), self.design.metrics
        shares = 1 if len(pieces) >= 2 * run.threads else min(run.threads, len(metrics))
        shared = [places.of(number) for number in range(len(pieces))] if shares > 1 else []

        def told(task: tuple[int, tuple[Metric, ...]]) -> list[Summed]:
            number, share = task
            placed = shared[number] if shared else places.of(number)
            with self.opened() as file:
                return [reduce(_added, self._of_metric(file, pieces[number], one, placed)) for one in share]

        tasks = [(number, metrics[j::shares]) for number in range(len(pieces)) for j in range(shares)]
        by_metric: dict[str, list[Summed]] = {metric.name: [] for metric in metrics}
        for (_, share), made in zip(tasks, run.map(told, tasks), strict=True):
            for metric, one in zip(share, made, strict=True):
                by_metric[metric.name].append(one)
        moments = {}
        for metric in metrics:
            found, counts = reduce(_added, by_metric[metric.name])
            moments[metric.name] = assembled(metric, places.labels, found, counts, metric.winsor)
            refuse_infinite_sums(moments[metric.name], metric, places.source)
        return FileMoments(places.source, places.arms, places.counts(), moments)

    def _of_metric(self, file: Any, piece: Piece, metric: Metric, placed: Placed) -> Iterator[Summed]:
        """Sums of a metric in every batch of rows of a piece."""
        start = 0
        for batch in file.iter_batches(MOST, list(piece), list(dict.fromkeys(metric.columns())), use_threads=False):
            rows = slice(start, start + batch.num_rows)
            start = rows.stop
            table = pa.table(batch) if isinstance(batch, pa.RecordBatch) else batch
            source = Source(nw.from_native(table, eager_only=True), self.path.name, batch.num_rows)
            stratum = None if placed.stratum is None else placed.stratum[rows]
            here = replace(placed, arm=placed.arm[rows], stratum=stratum)
            yield rows_of_metric(source, metric, self.design, here).grouped()


def _looked_up(values: AnyArray, at: AnyArray) -> AnyArray:
    """Values at positions, shape (n,): in chunks, for positions as wide as a pointer fill a cache."""
    found = np.empty(at.size, dtype=values.dtype)
    for start in range(0, at.size, CHUNK):
        part = slice(start, start + CHUNK)
        found[part] = values[at[part].astype(np.intp)]
    return found


def _added(first: Summed, second: Summed) -> Summed:
    return first[0].merge(second[0]), first[1].merge(second[1])


def _combinations(table: Any, names: Sequence[str]) -> _Combined | None:
    """Combinations of values that occur, and which of them each row has; None where there are many."""
    code, width, levels = np.zeros(1, dtype=np.int64), 1, list[tuple[str, Any]]()
    for name in names:
        values, own = _coded(table.column(name))
        size = len(values) + 1
        width *= size
        if width > COMBINATIONS:
            return None
        code = code.astype(np.int64) * size + own if levels else own
        levels.append((name, values))
    rows = np.array(tallied(code, width))
    at = np.flatnonzero(rows)
    if at[-1] >= at.size:
        code = (np.cumsum(rows > 0) - 1)[code]
    codes, columns = code.astype(np.min_scalar_type(at.size)), dict[str, Any]()
    rows = rows[at]
    for name, values in reversed(levels):
        own, at = at % (len(values) + 1), at // (len(values) + 1)
        columns[name] = values.take(pa.array(own, mask=own == len(values)))
    return _Combined(pa.table({name: columns[name] for name in names}), rows, codes)


def _coded(column: Any) -> tuple[Any, AnyArray]:
    """Levels of a column and the position of every row's, one past the last where missing; some may not occur."""
    if kinds.is_integer(column.type) and not column.null_count:
        low, high = pc.min_max(column).as_py().values()
        if high - low < NARROW:
            values = column.to_numpy()
            # A byte holds the distance, even where the difference of two signed bytes wraps around.
            return pa.array(range(low, high + 1), column.type), (values - values.dtype.type(low)).astype(np.uint8)
    coded = column if kinds.is_dictionary(column.type) else column.dictionary_encode()
    whole = coded.unify_dictionaries().combine_chunks()
    own = whole.indices.fill_null(len(whole.dictionary)) if whole.null_count else whole.indices
    return whole.dictionary, own.to_numpy(zero_copy_only=False)
