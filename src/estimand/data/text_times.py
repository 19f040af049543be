"""Periods written as text: dates, months, quarters and weeks, all of a column in one way; and cohorts of "never"."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from textwrap import shorten

import numpy as np

from estimand.data.column import Kind, Labels, Numbers, is_number_text
from estimand.errors import Code, DataError
from estimand.stats.arrays import Floats

NEVER_WORDS = frozenset({"never", "never treated", "never-treated", "none", "inf", "infinity"})
READABLE = "whole numbers (2004), dates (2024-03-01), months (2024-03), quarters (2024-Q1) or weeks (2024-W09)"
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class _Form:
    """A way of writing periods: what it looks like, its first day, and how to write it for people."""

    pattern: re.Pattern[str]
    first_day: Callable[[int, int], date]
    written: str


_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})")
_FORMS = (
    _Form(re.compile(r"(\d{4})-(\d{2})"), lambda year, month: date(year, month, 1), "{:04d}-{:02d}"),
    _Form(re.compile(r"(\d{4})[- ]?[Qq]([1-4])"), lambda year, part: date(year, 3 * part - 2, 1), "{:04d}-Q{:d}"),
    _Form(
        re.compile(r"(\d{4})[- ]?[Ww](\d{1,2})"),
        lambda year, week: date.fromisocalendar(year, week, 1),
        "{:04d}-W{:02d}",
    ),
)


def read_periods(column: Labels, *, may_be_never: bool = False) -> tuple[Numbers, dict[float, str]] | None:
    """Read texts as periods.

    Parameters
    ----------
    column : Labels
    may_be_never : bool
        Whether words such as "never" stand for no period.

    Returns
    -------
    numbers : Numbers
        Numbers as they are; dates, and the first days of months, quarters and weeks, as days since 1970-01-01.
    written : dict of float to str
        How to write each value for people, where a date would not do.

    None where some text is no period, or texts are of several forms.
    """
    never = [may_be_never and _is_never(level) for level in column.levels]
    texts = [level.strip() for level, gone in zip(column.levels, never, strict=True) if not gone]
    found = _values(texts)
    if found is None:
        return None
    values, kind, written = found
    lookup = np.full(len(column.levels) + 1, np.nan)
    lookup[:-1][~np.array(never, dtype=np.bool_)] = values
    return Numbers(column.name, lookup[column.codes], kind), written


def _is_never(level: str) -> bool:
    return level.strip().casefold() in NEVER_WORDS


def _values(texts: list[str]) -> tuple[Floats, Kind, dict[float, str]] | None:
    if all(is_number_text(text) for text in texts):
        return np.array([float(text) for text in texts]), Kind.NUMBER, {}
    for read in (_days, *(_reader(form) for form in _FORMS)):
        if (found := read(texts)) is not None:
            days, written = found
            return np.array(days), Kind.TIME, written
    return None


def _days(texts: list[str]) -> tuple[list[float], dict[float, str]] | None:
    try:
        days = [float(date.fromisoformat(text).toordinal() - _EPOCH) for text in texts if _DAY.fullmatch(text)]
    except ValueError:
        return None
    return (days, {}) if len(days) == len(texts) else None


def _reader(form: _Form) -> Callable[[list[str]], tuple[list[float], dict[float, str]] | None]:
    def read(texts: list[str]) -> tuple[list[float], dict[float, str]] | None:
        days, written = [], {}
        for text in texts:
            match = form.pattern.fullmatch(text)
            if match is None:
                return None
            year, part = int(match[1]), int(match[2])
            try:
                day = float(form.first_day(year, part).toordinal() - _EPOCH)
            except ValueError:
                return None
            days.append(day)
            written[day] = form.written.format(year, part)
        return days, written

    return read


def no_period(column: Labels, part: str, table: str, *, may_be_never: bool = False) -> DataError:
    """Refuse a column of texts that have no order in time, with an example."""
    texts = [level.strip() for level in column.levels if not (may_be_never and _is_never(level))]
    odd = next((text for text in texts if _values([text]) is None), None)
    if odd is not None:
        example = f", such as '{shorten(odd, 60)}', which has no order in time"
    else:
        other = next((f" and '{text}'" for text in texts if _values([texts[0], text]) is None), "")
        example = f" of several forms, such as '{texts[0]}'{other}" if texts else " and empty"
    return DataError(
        f"The {part} column '{column.name}' of {table} is text{example}.",
        remedy=f"Write every value in one of these ways: {READABLE}.",
        code=Code.INVALID_MAPPING,
        found=column.name,
    )
