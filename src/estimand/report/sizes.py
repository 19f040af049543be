"""How large the effect is: absolute, relative, and beside the number that adjusts for nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from estimand.core.estimate import Estimate
from estimand.core.record import StudyRecord
from estimand.errors import IdentificationError, UnsupportedError
from estimand.figures.numbers import SHARES, format_interval, format_number, spoken_unit
from estimand.figures.standing import headline_of, is_naive, unit_of, vetoes
from estimand.report.words import level_words

Standing = Literal["headline", "naive", "vetoed", "absent"]


@dataclass(frozen=True, slots=True)
class Size:
    """One number of the answer, with its unit, its interval and what to know of it."""

    label: str
    value: str
    unit: str
    interval: str
    note: str
    standing: Standing


def effect_sizes(record: StudyRecord) -> tuple[Size, ...]:
    """Absolute and relative effect of the headline, and the unadjusted difference; none without a headline.

    A relative effect that cannot be formed is there too, and says why.
    """
    headline = headline_of(record)
    if headline is None or headline.summary()[0]["value"] is None:
        return ()
    return tuple(_sizes(record, headline))


def _sizes(record: StudyRecord, headline: Estimate) -> Iterator[Size]:
    standing: Standing = "vetoed" if vetoes(record, headline) else "headline"
    arm = f"{headline.terms[0].label}, " if len(record.sample.arms) > 2 else ""
    note = "vetoed: not to be relied on" if standing == "vetoed" else f"{arm}by {headline.id}"
    word = "difference, not adjusted" if is_naive(headline) else "effect"
    yield _absolute(record, headline, f"Absolute {word}", note, standing)
    yield _relative(record, headline, f"Relative {word}", standing)
    if is_naive(headline):
        return
    naive = next((e for e in record.estimates if is_naive(e) and e.outcome == headline.outcome), None)
    if naive is not None and naive.summary()[0]["value"] is not None:
        yield _absolute(record, naive, "Unadjusted difference", "naive: not adjusted", "naive")


def _absolute(record: StudyRecord, estimate: Estimate, label: str, note: str, standing: Standing) -> Size:
    factor, unit = spoken_unit(unit_of(record, estimate))
    row = estimate.summary()[0]
    return Size(label, _signed(factor * row["value"]), unit.strip(), _interval(row, factor, estimate), note, standing)


def _relative(record: StudyRecord, headline: Estimate, label: str, standing: Standing) -> Size:
    try:
        ratio = headline.relative()
    except (IdentificationError, UnsupportedError) as error:
        return Size(label, "none", "", "", error.message, "absent")
    row = ratio.summary()[0]
    level = _level(record, headline)
    note = f"of the untreated level, {level}"
    interval = _interval(row, 100.0, ratio, "%")
    return Size(label, f"{_signed(100 * row['value'])}%", "", interval, note, standing)


def _level(record: StudyRecord, headline: Estimate) -> str:
    value = 0.0 if headline.baseline is None else float(headline.baseline.value[0])
    return amount(value, unit_of(record, headline))


def amount(value: float, unit: str | None) -> str:
    """Write a level of the outcome with its unit; a share as a percentage.

    Examples
    --------
    >>> amount(0.4271, "share"), amount(1214.27, "dollars"), amount(3.0, None)
    ('42.7%', '1,214 dollars', '3.00')
    """
    if unit is None:
        return format_number(value)
    return f"{format_number(100 * value)}%" if unit.lower() in SHARES else f"{format_number(value)} {unit}"


def _interval(row: dict[str, Any], factor: float, estimate: Estimate, sign: str = "") -> str:
    ci: Sequence[float | None] | None = row["ci"]
    if ci is None:
        return "no interval"
    ends = [None if end is None else factor * end for end in ci]
    return f"{level_words(estimate.level)} {format_interval(ends)}{sign}"


def _signed(value: float) -> str:
    return f"+{format_number(value)}" if value > 0 else format_number(value)
