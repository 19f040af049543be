"""The effect in every segment that the design names."""

from typing import Any

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Interval, Mark, Pane, Row, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_count, format_interval, format_number

COLUMNS = ("segment", "level", "rows", "value", "low", "high", "adjusted")
APART = 0.05
SPOKEN = 12


def segment_effects_figure(finding: Finding) -> Chart:
    """Forest plot: effect in each level of each segment, those that differ from all others after correction in colour.

    Parameters
    ----------
    finding : Finding
        Of ``heterogeneity.segments`` or ``experiment.segments``: a row for each level, ``adjusted`` is Holm's p-value
        that its effect is that of all others.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows: list[Row] = []
    marks: list[Mark] = [VLine(0.0, "no effect")]
    heading = ""
    for row in evidence.rows():
        if row["segment"] != heading:
            heading = str(row["segment"])
            rows.append(Row(float(len(rows)), heading, heading=True))
        at = float(len(rows))
        tone = Tone.HEADLINE if row["adjusted"] < APART else Tone.PLAIN
        numbers = f"{format_number(row['value'])} ({format_interval([row['low'], row['high']])})"
        label = f"{row['level']}, {format_count(row['rows'])}"
        rows.append(Row(at, label, numbers, tone is Tone.HEADLINE, tone=tone))
        marks.append(Interval(at, row["value"], ((row["low"], row["high"]),), tone))
    return Chart(
        title=_title(list(evidence.rows())),
        caption=f"For {finding.about}, arm {finding.subject}. Level, and its rows; intervals one at a time. In colour: "
        f"unlike all other units (Holm's p over all levels below {APART:g}).",
        alt=_alt(list(evidence.rows())),
        table=evidence,
        panels=(Pane(marks, Axis(f"Effect of {finding.subject}"), rows=rows),),
    )


def _title(rows: list[dict[str, Any]]) -> str:
    apart = sorted((row for row in rows if row["adjusted"] < APART), key=lambda row: float(row["adjusted"]))
    if not apart:
        return f"In none of {len(rows)} segments can the effect be told from that of all others"
    first = apart[0]
    more = f", and {len(apart) - 1} more differ" if len(apart) > 1 else ""
    found = f"its effect is {format_number(first['value'])}"
    return f"{first['segment']} {first['level']} differs from all others: {found}{more}"


def _alt(rows: list[dict[str, Any]]) -> str:
    told = "; ".join(
        f"{row['segment']} {row['level']} {format_number(row['value'])} ({format_interval([row['low'], row['high']])})"
        for row in rows[:SPOKEN]
    )
    return f"Effect by segment: {told}."
