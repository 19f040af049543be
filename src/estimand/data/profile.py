"""What a column holds, told in a few numbers."""

from dataclasses import dataclass
from textwrap import shorten

import numpy as np

from estimand.core.frozen import Frozen
from estimand.core.jsonable import Json
from estimand.data.column import Kind, Labels, Numbers, read_column
from estimand.data.source import Source
from estimand.errors import DataError

TOP_LEVELS = 5
TEXT, OTHER = "text", "other"


@dataclass(frozen=True, slots=True, eq=False)
class Profile(Frozen):
    """A column in a few numbers.

    Attributes
    ----------
    column : str
    kind : str
        "number", "boolean", "time", "text", or "other" for what cannot be analysed.
    rows : int
    missing : int
        Rows without a value.
    distinct : int
        Values that differ.
    low, high : float or None
        Range of numbers, or of times [days since 1970-01-01].
    whole : bool
        Whether every number is whole.
    top : tuple of (str, int)
        The commonest texts, and the rows of each.
    """

    column: str
    kind: str
    rows: int
    missing: int
    distinct: int
    low: float | None = None
    high: float | None = None
    whole: bool = False
    top: tuple[tuple[str, int], ...] = ()

    @property
    def missing_share(self) -> float:
        """Share of rows without a value."""
        return self.missing / self.rows

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.distinct == self.rows

    @property
    def content(self) -> str:
        """The range of numbers and times, or the commonest texts."""
        if self.top:
            shown = ", ".join(shorten(level, 40) or level[:40] for level, _ in self.top)
            return f"{shown}, …" if self.distinct > len(self.top) else shown
        if self.low is None or self.high is None:
            return ""
        write = _date if self.kind == Kind.TIME else _number
        return write(self.low) if self.low == self.high else f"{write(self.low)} to {write(self.high)}"

    def to_dict(self) -> dict[str, Json]:
        """Return the profile as JSON."""
        return {
            "column": self.column,
            "kind": self.kind,
            "missing_share": self.missing_share,
            "distinct": self.distinct,
            "low": self.low,
            "high": self.high,
            "top": [{"level": level, "rows": rows} for level, rows in self.top],
        }


def _number(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.4g}"


def _date(days: float) -> str:
    return str(np.datetime64("1970-01-01", "D") + np.timedelta64(int(days // 1), "D"))


def profile_columns(source: Source) -> tuple[Profile, ...]:
    """Profile every column of a source."""
    return tuple(_profile(source, name) for name in source.frame.columns)


def _profile(source: Source, name: str) -> Profile:
    try:
        column = read_column(source, name)
    except DataError:
        missing = int(source.frame.get_column(name).null_count())
        return Profile(name, OTHER, source.rows, missing, source.rows - missing)
    return _of_labels(column, source.rows) if isinstance(column, Labels) else _of_numbers(column, source.rows)


def _of_labels(column: Labels, rows: int) -> Profile:
    present = int(np.count_nonzero(column.present))
    counts = np.bincount(column.codes[column.present], minlength=len(column.levels))
    commonest = np.argsort(-counts, kind="stable")[:TOP_LEVELS]
    top = tuple((column.levels[code], int(counts[code])) for code in commonest)
    return Profile(column.name, TEXT, rows, rows - present, len(column.levels), top=top)


def _of_numbers(column: Numbers, rows: int) -> Profile:
    values = column.values[column.present]
    finite = values[np.isfinite(values)]
    if not finite.size:
        return Profile(column.name, str(column.kind), rows, rows - values.size, np.unique(values).size)
    return Profile(
        column=column.name,
        kind=str(column.kind),
        rows=rows,
        missing=rows - values.size,
        distinct=int(np.unique(values).size),
        low=float(finite.min()),
        high=float(finite.max()),
        whole=column.kind is Kind.NUMBER and bool((finite == np.round(finite)).all()),
    )
