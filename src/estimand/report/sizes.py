"""How large the effect is: absolute, relative, and beside the number that adjusts for nothing."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from estimand.core.estimate import Estimate
from estimand.core.record import StudyRecord
from estimand.core.uncertainty import Regions
from estimand.errors import IdentificationError, UnsupportedError
from estimand.figures.numbers import SHARES, format_interval, format_number, spoken_unit
from estimand.figures.standing import headline_of, is_naive, ratio_of, unit_of, vetoes
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
    if ratio_of(headline) is None:
        risk = " (risk difference)" if headline.binary and not is_naive(headline) else ""
        yield _absolute(record, headline, f"Absolute {word}{risk}", note, standing)
    else:
        yield _ratio(headline, note, standing)
    yield _relative(record, headline, f"Relative {word}", standing)
    if headline.binary and ratio_of(headline) is None and not is_naive(headline):
        yield _needed(record, headline, standing)
    if is_naive(headline):
        return
    same = (e for e in record.estimates if e.outcome == headline.outcome and ratio_of(e) is None)
    naive = next((e for e in same if is_naive(e)), None)
    if naive is not None and naive.summary()[0]["value"] is not None:
        yield _absolute(record, naive, "Unadjusted difference", "naive: not adjusted", "naive")


def _absolute(record: StudyRecord, estimate: Estimate, label: str, note: str, standing: Standing) -> Size:
    factor, unit = spoken_unit(unit_of(record, estimate))
    row = estimate.summary()[0]
    return Size(label, _signed(factor * row["value"]), unit.strip(), _interval(row, factor, estimate), note, standing)


def _ratio(headline: Estimate, note: str, standing: Standing) -> Size:
    """Size of a ratio, named by its kind."""
    row, kind = headline.summary()[0], ratio_of(headline) or "ratio"
    interval = _interval(row, 1.0, headline)
    return Size(f"{kind[0].upper()}{kind[1:]}", format_number(row["value"]), "", interval, note, standing)


def _needed(record: StudyRecord, headline: Estimate, standing: Standing) -> Size:
    """How many to treat for one event more or fewer; where either may be, the set is in two pieces."""
    outcome = record.question.called(headline.outcome)
    try:
        needed = headline.number_needed_to_treat()
    except (IdentificationError, UnsupportedError) as error:
        return Size("Number needed to treat", "none", "", "", error.message, "absent")
    value = float(needed.value[0])
    event = f"for one {'more' if value > 0 else 'fewer'} with {outcome}"
    return Size("Number needed to treat", format_number(abs(value)), event, _sets(needed), "", standing)


def _sets(needed: Estimate) -> str:
    """Write the set of a number needed to treat, pieces with fewer events first."""
    if not isinstance(needed.uncertainty, Regions):
        return "no interval"
    words = [_piece(low, high) for low, high in needed.uncertainty.at(needed.level)[0]]
    return f"{level_words(needed.level)} {', or '.join(words)}" if words else "no interval"


def _piece(low: float, high: float) -> str:
    near, far = sorted((abs(low), abs(high)))
    event = "fewer" if high < 0.0 else "more"
    ends = f"{format_number(near)} or above" if math.isinf(far) else f"{format_number(near)} to {format_number(far)}"
    return f"{ends} for one {event}"


def _relative(record: StudyRecord, headline: Estimate, label: str, standing: Standing) -> Size:
    kind = ratio_of(headline)
    if kind == "odds ratio":
        why = "An odds ratio says nothing of the share of the untreated level."
        return Size(label, "none", "", "", why, "absent")
    if kind is not None:
        row = headline.summary()[0]
        ends = row["ci"] and [None if end is None else end - 1.0 for end in row["ci"]]
        interval = _interval({"ci": ends}, 100.0, headline, "%")
        return Size(label, f"{_signed(100 * (row['value'] - 1.0))}%", "", interval, f"the {kind} less one", standing)
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
