"""An experiment as it was looked at: the effect and its always-valid interval at every look."""

import math
from collections.abc import Mapping
from typing import Any

from estimand.core.estimate import Estimate
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Band, Chart, Curve, Key, Mark, Pane, Points, Tone
from estimand.figures.numbers import format_count, format_number
from estimand.figures.standing import headline_of, unit_of, vetoes
from estimand.figures.ticks import limits_around, round_ticks

METHOD = "sequential"
COLUMNS = ("look", "units", "term", "value", "std_error", "low", "high", "p_value")
LOOKS = 2


def has_sequential_path(record: StudyRecord) -> bool:
    """Whether some estimate followed an experiment over two or more looks."""
    return _followed(record) is not None


def sequential_path_figure(record: StudyRecord) -> Chart:
    """Effect over the units there were at each look, with the set that holds at all looks; a panel for each arm.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate has a path of two looks.
    """
    estimate = _followed(record)
    if estimate is None:
        raise UnsupportedError(
            "The record has no path over looks.",
            remedy="Run method: sequential, and name the column of the day in the design: exposed or day.",
        )
    rows = _rows(estimate)
    terms = list(dict.fromkeys(str(row["term"]) for row in rows))
    parts = {term: [row for row in rows if row["term"] == term] for term in terms}
    vetoed = bool(vetoes(record, estimate))
    unit = unit_of(record, estimate)
    label = f"Effect on {record.question.called(estimate.outcome)}" + (f" ({unit})" if unit else "")
    return Chart(
        title=_title(estimate, parts, vetoed),
        caption=f"For {estimate.id}; {len(next(iter(parts.values())))} looks. Shaded is the {estimate.level:.0%} set, "
        "which holds at all looks together, so that stopping at any of them is allowed for.",
        alt=_alt(label, parts),
        table=Table({name: [row[name] for row in rows] for name in COLUMNS}),
        panels=[_panel(label, part, term if len(terms) > 1 else "", vetoed) for term, part in parts.items()],
        aligned=True,
    )


def _followed(record: StudyRecord) -> Estimate | None:
    """The headline if it has a path, else the first that has."""
    lead = headline_of(record)
    known = [estimate for estimate in record.estimates if estimate.method == METHOD]
    ordered = [estimate for estimate in known if lead is not None and estimate.id == lead.id] + known
    return next((one for one in ordered if len({row["look"] for row in _rows(one)}) >= LOOKS), None)


def _rows(estimate: Estimate) -> list[dict[str, Any]]:
    path = estimate.details.get("path")
    if not isinstance(path, Mapping) or any(name not in path for name in COLUMNS):
        return []
    return list(Table(path).rows())


def _bounded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["low"] is not None and math.isfinite(row["low"])]


def _panel(label: str, rows: list[dict[str, Any]], title: str, vetoed: bool) -> Pane:
    tone = Tone.VETOED if vetoed else Tone.HEADLINE
    held = _bounded(rows)
    marks: list[Mark] = []
    if held:
        units, low, high = ([float(row[end]) for row in held] for end in ("units", "low", "high"))
        marks.append(Band(units, low, high, Tone.QUIET if vetoed else Tone.FIRST))
    marks.append(Curve([row["units"] for row in rows], [row["value"] for row in rows], tone, heavy=True))
    marks.append(Points([row["units"] for row in rows], [row["value"] for row in rows], tone, small=len(rows) > 15))
    first, last = rows[0]["units"], rows[-1]["units"]
    marks.insert(0, Curve((0.0, 2.0 * last), (0.0, 0.0), Tone.QUIET))
    spans = [row[end] for row in _settled(held) for end in ("low", "high")] + [row["value"] for row in rows]
    limits = limits_around(spans)
    room = 0.04 * (last - first)
    x = Axis("Units in all arms", (first - room, last + room), round_ticks(first, last))
    return Pane(
        marks, x, Axis(label, limits, round_ticks(*limits)), title=title,
        keys=[Key("effect so far", tone, kind="line")],
    )  # fmt: skip


def _settled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Looks whose sets are at most six times as wide as the last: earlier ones run out of the panel."""
    if not rows:
        return []
    width = rows[-1]["high"] - rows[-1]["low"]
    return [row for row in rows if row["high"] - row["low"] <= 6.0 * width]


def _crossed(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((row for row in _bounded(rows) if row["low"] > 0.0 or row["high"] < 0.0), None)


def _title(estimate: Estimate, parts: Mapping[str, list[dict[str, Any]]], vetoed: bool) -> str:
    if vetoed:
        return f"The looks at {estimate.outcome} are vetoed, and not to be relied on"
    term, rows = next(iter(parts.items()))
    crossed = _crossed(rows)
    lead, the = (f"{term}: ", "the") if len(parts) > 1 else ("", "The")
    if crossed is None:
        return f"{lead}{len(rows)} looks at {estimate.outcome}, and none tells its effect from zero"
    units = format_count(round(crossed["units"]))
    return (
        f"{lead}{the} effect on {estimate.outcome} was told from zero at {units} units, "
        f"and is {format_number(rows[-1]['value'])} at {format_count(round(rows[-1]['units']))}"
    )


def _alt(label: str, parts: Mapping[str, list[dict[str, Any]]]) -> str:
    told = []
    for term, rows in parts.items():
        last = rows[-1]
        ends = "" if last["low"] is None else f" ({format_number(last['low'])} to {format_number(last['high'])})"
        told.append(f"{term}: {format_number(rows[0]['value'])} at first, {format_number(last['value'])}{ends} at last")
    return f"{label} over looks. {'; '.join(told)}."
