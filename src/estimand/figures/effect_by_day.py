"""The effect on each day since exposure."""

from typing import Any

from estimand.core.finding import Finding, Grade
from estimand.figures.chart import Axis, Band, Chart, Curve, Mark, Pane, Points, Tone
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_interval, format_number
from estimand.figures.ticks import limits_around, round_ticks

COLUMNS = ("arm", "day", "rows", "value", "low", "high")
SPOKEN, DATES = 14, 5


def effect_by_day_figure(finding: Finding) -> Chart:
    """Effect by day since exposure with its intervals, a panel for each arm; by day of exposure where days have dates.

    Parameters
    ----------
    finding : Finding
        Of ``experiment.novelty``: a row for each arm and day, and its ``date`` where it has one.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in evidence.rows():
        parts.setdefault(row["arm"], []).append(row)
    limits = limits_around(value for row in evidence.rows() for value in (row["low"], row["high"]))
    return Chart(
        title=_title(finding, parts),
        caption=f"{finding.message} Shaded are intervals, one day at a time.",
        alt=_alt(finding.about, parts),
        table=evidence,
        panels=[_panel(finding.about, rows, arm if len(parts) > 1 else "", limits) for arm, rows in parts.items()],
        aligned=True,
    )


def _panel(outcome: str, rows: list[dict[str, Any]], title: str, limits: tuple[float, float]) -> Pane:
    days, values = [row["day"] for row in rows], [row["value"] for row in rows]
    low, high = ([row[end] for row in rows] for end in ("low", "high"))
    room = 0.04 * (days[-1] - days[0])
    span = (days[0] - room, days[-1] + room)
    marks: list[Mark] = [
        Band(days, low, high),
        Curve(span, (0.0, 0.0), Tone.QUIET),
        Curve(days, values, Tone.HEADLINE, heavy=True),
        Points(days, values, Tone.HEADLINE, small=len(days) > 15),
    ]
    x = Axis(_since(rows), span, _day_ticks(rows))
    return Pane(marks, x, Axis(f"Effect on {outcome}", limits, round_ticks(*limits)), title=title)


def _since(rows: list[dict[str, Any]]) -> str:
    return "Day of exposure" if "date" in rows[0] else "Days since exposure"


def _named(row: dict[str, Any]) -> str:
    return str(row.get("date", f"day {row['day']:g}"))


def _day_ticks(rows: list[dict[str, Any]]) -> list[tuple[float, str]]:
    """Whole days; dates, of which few have room, where days have them."""
    if "date" not in rows[0]:
        return round_ticks(rows[0]["day"], rows[-1]["day"])
    step = -(-len(rows) // DATES)
    return [(row["day"], row["date"]) for row in rows[::step]]


def _title(finding: Finding, parts: dict[str, list[dict[str, Any]]]) -> str:
    rows = parts[finding.subject]
    first, last = rows[0], rows[-1]
    lead = f"{finding.subject}: the" if len(parts) > 1 else "The"
    if finding.grade is Grade.PASS:
        return f"{lead} effect on {finding.about} is not seen to move with the {_since(rows).lower()}"
    begins, ends = _named(first), _named(last)
    return (
        f"{lead} effect on {finding.about} goes from {format_number(first['value'])} on {begins} to "
        f"{format_number(last['value'])} on {ends}"
    )


def _alt(outcome: str, parts: dict[str, list[dict[str, Any]]]) -> str:
    told = "; ".join(
        f"{arm}, {_named(row)}: {format_number(row['value'])} ({format_interval([row['low'], row['high']])})"
        for arm, rows in parts.items()
        for row in rows[:SPOKEN]
    )
    days = _since(next(iter(parts.values()))).lower()
    return f"Effect on {outcome} by {days}: {told}."
