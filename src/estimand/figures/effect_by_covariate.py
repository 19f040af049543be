"""How the effect goes with single covariates."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Band, Chart, Curve, Interval, Key, Mark, Pane, Points, Row, VLine
from estimand.figures.numbers import format_count, format_interval, format_number, format_plain
from estimand.figures.ticks import limits_around, round_ticks
from estimand.figures.varying import Varying, detail_rows, needed, varying_of

DETAIL = "by_covariate"
COLUMNS = ("arm", "covariate", "level", "at", "value", "low", "high", "band_low", "band_high", "rows")
MOST = 4
MOST_ARMS = 3


def has_effects_by_covariate(record: StudyRecord) -> bool:
    """Whether an estimate has average effects along covariates."""
    varying = varying_of(record)
    return varying is not None and bool(detail_rows(varying, DETAIL, COLUMNS))


def effect_by_covariate_figure(record: StudyRecord) -> Chart:
    """Average effect along each of the covariates that effects turn on most, with a band that holds for all of it.

    A panel per covariate: a curve for numbers, rows for categories; arms in their colours.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate has average effects along covariates.
    """
    varying = needed(record)
    rows = detail_rows(varying, DETAIL, COLUMNS)
    if not rows:
        raise UnsupportedError(
            f"'{varying.estimate.id}' has no average effects along covariates.",
            remedy="Run method 'causal_forest', or one of the learners of effects.",
        )
    named = _by_name(rows)
    shown = list(named.items())[:MOST]
    ends = limits_around(row[end] for _, own in shown for row in own for end in ("band_low", "band_high"))
    panels = [_panel(varying, record.question.called(name), own, ends) for name, own in shown]
    return Chart(
        title=_title(varying, record.question.called(shown[0][0]), shown[0][1]),
        caption=_caption(varying, len(named) - len(shown)),
        alt=_alt(varying, shown),
        table=Table({name: [row[name] for row in rows] for name in COLUMNS}),
        panels=panels,
    )


def _by_name(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows by covariate, in the order given: effects turn most on the first."""
    out: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        out.setdefault(row["covariate"], []).append(row)
    return out


def _panel(varying: Varying, name: str, rows: Sequence[dict[str, Any]], ends: tuple[float, float]) -> Pane:
    by_arm = [(varying.arms.index(arm), list(own)) for arm, own in groupby(rows, key=lambda row: row["arm"])]
    arms = by_arm[:MOST_ARMS]
    keys = [Key(varying.arms[j], varying.tone(j)) for j, _ in arms] if len(varying.arms) > 1 else []
    return (
        _levels(varying, name, arms, ends, keys) if rows[0]["at"] is None else _curves(varying, name, arms, ends, keys)
    )


def _curves(
    varying: Varying,
    name: str,
    arms: Sequence[tuple[int, list[dict[str, Any]]]],
    ends: tuple[float, float],
    keys: Sequence[Key],
) -> Pane:
    places = [row["at"] for row in arms[0][1]]
    limits = limits_around(places, zero=False)
    marks: list[Mark] = [Curve(limits, (0.0, 0.0))]
    for j, own in arms:
        x = [row["at"] for row in own]
        marks += [
            Band(x, [row["band_low"] for row in own], [row["band_high"] for row in own], varying.tone(j)),
            Curve(x, [row["value"] for row in own], varying.tone(j)),
            Points(x, [row["value"] for row in own], varying.tone(j), small=True),
        ]
    return Pane(
        marks,
        Axis(name, limits, round_ticks(*limits)),
        Axis(varying.label, ends, round_ticks(*ends)),
        title=name,
        keys=keys,
    )


def _levels(
    varying: Varying,
    name: str,
    arms: Sequence[tuple[int, list[dict[str, Any]]]],
    ends: tuple[float, float],
    keys: Sequence[Key],
) -> Pane:
    rows: list[Row] = []
    marks: list[Mark] = [VLine(0.0, "")]
    several = len(arms) > 1
    for k, first in enumerate(arms[0][1]):
        for j, own in arms:
            row, at = own[k], float(len(rows))
            named = f"{first['level']} · {varying.arms[j]}" if several else first["level"]
            rows.append(Row(at, named, f"n = {format_count(row['rows'])}"))
            marks.append(Interval(at, row["value"], ((row["band_low"], row["band_high"]),), varying.tone(j)))
    return Pane(marks, Axis(varying.label, ends, round_ticks(*ends)), rows=rows, title=name, keys=keys)


def _title(varying: Varying, name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Say how the effect goes along the covariate that it turns on most, for the first arm."""
    own = [row for row in rows if row["arm"] == rows[0]["arm"]]
    first, last = min(own, key=lambda row: row["value"]), max(own, key=lambda row: row["value"])
    subject = f"{varying.named(0)}: along" if varying.named(0) else "Along"
    said = (
        f"{subject} {name}, the effect on {varying.outcome} goes from {varying.told(first['value'])} ({_place(first)}) "
        f"to {varying.said(last['value'])} ({_place(last)})"
    )
    one = max(row["band_low"] for row in own) <= min(row["band_high"] for row in own)
    return varying.claim(f"{said}; {'one effect for all fits its band' if one else 'no one effect fits all'}")


def _place(row: dict[str, Any]) -> str:
    return str(row["level"]) if row["at"] is None else f"at {format_plain(float(format(row['at'], '.3g')))}"


def _caption(varying: Varying, hidden: int) -> str:
    level = f"{100 * varying.estimate.level:g}%"
    more = f" {hidden} more covariates are in the table." if hidden > 0 else ""
    return (
        f"{varying.source()} Averages over everyone with such a value, by doubly robust scores; other covariates are "
        f"not held fixed. Shaded and lines: {level} bands that hold for all of a panel at once. Points on a curve have "
        f"as many rows between each and the next, from the 2nd to the 98th percentile.{more}"
    )


def _alt(varying: Varying, shown: Sequence[tuple[str, list[dict[str, Any]]]]) -> str:
    parts = []
    for name, rows in shown:
        for arm, grouped in groupby(rows, key=lambda row: row["arm"]):
            own = list(grouped)
            some = own if own[0]["at"] is None else [own[k * (len(own) - 1) // 4] for k in range(5)]
            said = "; ".join(
                f"{_place(row)}: {format_number(row['value'])} "
                f"(band {format_interval([row['band_low'], row['band_high']])})"
                for row in some
            )
            parts.append(f"{name}{f', {arm}' if len(varying.arms) > 1 else ''}: {said}.")
    return f"{varying.label} by covariate. {' '.join(parts)}"
