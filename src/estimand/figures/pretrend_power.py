"""Which difference in trends the periods before treatment would have shown, beside what was estimated."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

from estimand.core.display import true_minus
from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number
from estimand.figures.ticks import limits_around, round_ticks

COLUMNS = ("event_time", "value", "std_error", "found_80")
REACH = NormalDist().inv_cdf(0.975)
STARTS, EDGE = -0.5, 0.6


def pretrend_power_figure(finding: Finding) -> Chart:
    """Event study with the line through its reference that a pre-test finds four times in five.

    The line is drawn in the direction of the effects, which it would explain in part.

    Parameters
    ----------
    finding : Finding
        Of ``panel.pretrend_power``. Its evidence has a row per ``event_time``, the reference among them, with
        ``value``, ``std_error`` and ``found_80``, the line found with probability 0.8.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = list(evidence.rows())
    after = [row for row in rows if row["event_time"] >= 0]
    sign = -1.0 if after and sum(row["value"] for row in after) < 0.0 else 1.0
    return Chart(
        title=_title(rows, after, sign),
        caption=f"For {finding.about}: points with 95% intervals, one at a time, hollow before treatment. The dashed "
        "line is a difference in trends that leaves a point before treatment significant with probability 0.8; "
        "so does its mirror image.",
        alt=_alt(rows, sign),
        table=evidence,
        panels=(_panel(rows, sign),),
    )


def _panel(rows: Sequence[dict[str, Any]], sign: float) -> Pane:
    times = [row["event_time"] for row in rows]
    limits = (min(times) - EDGE, max(times) + EDGE)
    marks: list[Mark] = [
        Curve(limits, (0.0, 0.0), Tone.QUIET),
        VLine(STARTS, "treatment starts"),
        Curve(times, [sign * row["found_80"] for row in rows], Tone.SECOND, dashed=True),
        *(Curve((row["event_time"],) * 2, _ends(row), Tone.FIRST) for row in rows),
    ]
    for own, tone, filled in _groups(rows):
        marks.append(Points([row["event_time"] for row in own], [row["value"] for row in own], tone, filled))
    values = [end for row in rows for end in (*_ends(row), sign * row["found_80"])]
    ends = limits_around(values)
    ticks = [(float(time), true_minus(str(time))) for time in range(min(times), max(times) + 1)]
    keys = [
        Key("estimate", Tone.FIRST),
        Key("reference", Tone.QUIET),
        Key("line found with probability 0.8", Tone.SECOND, kind="dashes"),
    ]
    y = Axis("Effect (units of the outcome)", ends, round_ticks(*ends))
    return Pane(marks, Axis("Periods since treatment started", limits, ticks), y, keys=keys)


def _groups(rows: Sequence[dict[str, Any]]) -> list[tuple[list[dict[str, Any]], Tone, bool]]:
    free = [row for row in rows if row["std_error"] > 0.0]
    return [
        ([row for row in rows if row["std_error"] == 0.0], Tone.QUIET, True),
        ([row for row in free if row["event_time"] < 0], Tone.FIRST, False),
        ([row for row in free if row["event_time"] >= 0], Tone.FIRST, True),
    ]


def _ends(row: dict[str, Any]) -> tuple[float, float]:
    return row["value"] - REACH * row["std_error"], row["value"] + REACH * row["std_error"]


def _title(rows: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], sign: float) -> str:
    first, last = rows[0], rows[-1]
    slope = abs(last["found_80"] - first["found_80"]) / (last["event_time"] - first["event_time"])
    said = f"Trends that part by {format_number(slope)} a period would have been seen four times in five"
    if not after:
        return said
    off = sign * sum(row["found_80"] for row in after) / len(after)
    mean = sum(row["value"] for row in after) / len(after)
    return f"{said}; they would put the average effect of {format_number(mean)} off by {format_number(off)}"


def _alt(rows: Sequence[dict[str, Any]], sign: float) -> str:
    said = "; ".join(
        f"{true_minus(str(row['event_time']))}: {format_number(row['value'])}, "
        f"line {format_number(sign * row['found_80'])}"
        for row in rows
    )
    return f"Effects by periods since treatment started, and the line found with probability 0.8: {said}."
