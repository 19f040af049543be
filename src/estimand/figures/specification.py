"""The specification curve: every estimate in order, and under it which choices made it."""

import math
from typing import Any

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Row, Tone
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_number, format_plain

COLUMNS = ("estimate", "low", "high", "method", "covariates", "covariate", "form", "trim", "planned", "counted")
MOST_COVARIATES = 14
INK, THIN = Tone.PLAIN, Tone.VETOED


def specification_curve_figure(finding: Finding) -> Chart:
    """Estimates with intervals from the smallest to the largest; below, a dot for each choice of each.

    Parameters
    ----------
    finding : Finding
        Of ``stress.specification_curve``. Its evidence has a row per specification: ``estimate``, ``low`` and
        ``high``; the choices ``method``, ``covariates`` ("all", "none", "without" or "only" the ``covariate``),
        ``form`` and ``trim``; whether it is the study's own (``planned``), and ``counted``.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = sorted(evidence.rows(), key=lambda row: row["estimate"])
    limits = (0.3, len(rows) + 0.7)
    return Chart(
        title=_title(rows),
        caption=_caption(finding, rows),
        alt=_alt(rows),
        table=evidence,
        panels=(_curve(finding, rows, limits), _matrix(rows, limits)),
        aligned=True,
    )


def _curve(finding: Finding, rows: list[dict[str, Any]], limits: tuple[float, float]) -> Pane:
    ends = [0.0, *(row["low"] for row in rows), *(row["high"] for row in rows)]
    room = 0.05 * (max(ends) - min(ends)) or 1.0
    marks: list[Mark] = [Curve(limits, (0.0, 0.0), Tone.QUIET, dashed=True)]
    marks += [_intervals(rows, tone) for tone in (THIN, Tone.HEADLINE)]
    groups = {tone: [j for j, row in enumerate(rows) if _tone(row) is tone] for tone in (THIN, INK, Tone.HEADLINE)}
    for tone, own in groups.items():
        marks.append(Points([j + 1.0 for j in own], [rows[j]["estimate"] for j in own], tone, small=True))
    low, high = min(ends) - room, max(ends) + room
    named = ((Tone.HEADLINE, "as planned"), (INK, "other"), (THIN, "not counted"))
    return Pane(
        marks=marks,
        x=Axis("", limits, _ranks(len(rows))),
        y=Axis(f"Effect ({finding.subject})", (low, high), _levels(low, high)),
        keys=[Key(text, tone) for tone, text in named if groups[tone]],
    )


def _intervals(rows: list[dict[str, Any]], tone: Tone) -> Curve:
    """All intervals of a tone as one line, which breaks between them."""
    own = [(j + 1.0, row) for j, row in enumerate(rows) if _thin(row) is tone]
    x = [place for at, _ in own for place in (at, at, math.nan)]
    return Curve(x, [end for _, row in own for end in (row["low"], row["high"], math.nan)], tone)


def _tone(row: dict[str, Any]) -> Tone:
    if row["planned"]:
        return Tone.HEADLINE
    return INK if row["counted"] else THIN


def _thin(row: dict[str, Any]) -> Tone:
    return Tone.HEADLINE if row["planned"] else THIN


def _ranks(count: int) -> list[tuple[float, str]]:
    step = next((step for step in (1, 2, 5, 10, 20, 50) if count / step <= 8), 100)
    return [(1.0, "1"), *((float(j), str(j)) for j in range(step, count + 1, step) if j > 1)]


def _levels(low: float, high: float) -> list[tuple[float, str]]:
    """Round places on the vertical axis, about five."""
    raw = (high - low) / 4.0
    size = 10.0 ** (len(f"{raw:.0f}") - 1) if raw >= 1.0 else _decade(raw)
    step = next(factor * size for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * size >= raw)
    first = int(low / step) - 1
    places = [round(j * step, 12) for j in range(first, first + 12) if low <= j * step <= high]
    return [(place, format_plain(place)) for place in places]


def _decade(value: float) -> float:
    size = 1.0
    while size > value:
        size /= 10.0
    return size


def _matrix(rows: list[dict[str, Any]], limits: tuple[float, float]) -> Pane:
    lines: list[Row] = []
    dots: list[tuple[Tone, float, float]] = []
    for heading, choices in _choices(rows):
        lines.append(Row(float(len(lines)), heading, heading=True))
        for label, chosen in choices:
            at = float(len(lines))
            lines.append(Row(at, label))
            dots += [(_tone(row), j + 1.0, at) for j, row in enumerate(rows) if chosen[j]]
    marks: list[Mark] = []
    for tone in (THIN, INK, Tone.HEADLINE):
        own = [(x, y) for held, x, y in dots if held is tone]
        marks.append(Points([x for x, _ in own], [y for _, y in own], tone, small=True))
    x = Axis("Specification, from the smallest estimate to the largest", limits, _ranks(len(rows)))
    return Pane(marks, x, rows=lines)


def _choices(rows: list[dict[str, Any]]) -> list[tuple[str, list[tuple[str, list[bool]]]]]:
    """Choices that differ between specifications, by heading: a label, and which specifications chose it."""
    groups = [
        ("Method", [(name, [row["method"] == name for row in rows]) for name in _distinct(rows, "method")]),
        ("Covariates", _covariates(rows)),
        ("Form", [(_form(name), [row["form"] == name for row in rows]) for name in _distinct(rows, "form")]),
        ("Trimming", [(_trim(value), [row["trim"] == value for row in rows]) for value in sorted(_trims(rows))]),
    ]
    return [(heading, choices) for heading, choices in groups if len(choices) > 1]


def _covariates(rows: list[dict[str, Any]]) -> list[tuple[str, list[bool]]]:
    """Each covariate, with the specifications that adjust for it."""
    names = [name for name in dict.fromkeys(row["covariate"] for row in rows) if name]
    names = sorted(names)[:MOST_COVARIATES]
    if not names:
        return [(name, [row["covariates"] == name for row in rows]) for name in _distinct(rows, "covariates")]
    return [(name, [_holds(row, name) for row in rows]) for name in names]


def _holds(row: dict[str, Any], name: str) -> bool:
    chosen, own = row["covariates"], row["covariate"] == name
    return bool(chosen == "all" or (chosen == "without" and not own) or (chosen == "only" and own))


def _distinct(rows: list[dict[str, Any]], name: str) -> list[str]:
    return sorted({str(row[name]) for row in rows})


def _trims(rows: list[dict[str, Any]]) -> set[float]:
    return {row["trim"] for row in rows}


def _form(name: str) -> str:
    return "as they are" if name == "linear" else "with squares"


def _trim(value: float) -> str:
    return f"below {format_plain(value)}" if value else "none"


def _title(rows: list[dict[str, Any]]) -> str:
    values = [row["estimate"] for row in rows if row["counted"]]
    if not values:
        return f"{len(rows)} specifications, none of which adjusts for enough"
    low, high = min(values), max(values)
    agree = sum(value > 0.0 for value in values) in {0, len(values)}
    said = "agree on the sign" if agree else "do not agree on the sign"
    clear = sum(row["counted"] and (row["low"] > 0.0 or row["high"] < 0.0) for row in rows)
    return (
        f"{len(values)} specifications {said}: from {format_number(low)} to {format_number(high)}; "
        f"{clear} interval{'s' if clear != 1 else ''} exclude{'s' if clear == 1 else ''} zero"
    )


def _caption(finding: Finding, rows: list[dict[str, Any]]) -> str:
    hidden = len({row["covariate"] for row in rows if row["covariate"]}) - MOST_COVARIATES
    more = f" {hidden} more covariates are in the table." if hidden > 0 else ""
    return (
        f"Effect on {finding.about}. Each column is one analysis: its estimate with its interval above, its choices "
        f"as dots below. Not counted: what adjusts for nearly nothing.{more}"
    )


def _alt(rows: list[dict[str, Any]]) -> str:
    first, last = rows[0], rows[-1]
    planned = [f"{row['method']} {format_number(row['estimate'])}" for row in rows if row["planned"]]
    return (
        f"Specification curve of {len(rows)} estimates, from {format_number(first['estimate'])} ({_said(first)}) to "
        f"{format_number(last['estimate'])} ({_said(last)}). As planned: {'; '.join(planned) or 'none'}."
    )


def _said(row: dict[str, Any]) -> str:
    chosen = row["covariates"]
    covariates = f"{chosen} covariates" if chosen in {"all", "none"} else f"{chosen} {row['covariate']}"
    trim = f", trimmed below {format_plain(row['trim'])}" if row["trim"] else ""
    return f"{row['method']}, {covariates}{', squares' if row['form'] != 'linear' else ''}{trim}"
