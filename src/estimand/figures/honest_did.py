"""What remains of an effect as trends may differ more and more: robust intervals up to where zero is inside."""

from collections.abc import Sequence
from typing import Any

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_interval, format_number, format_plain
from estimand.figures.ticks import limits_around, round_ticks

COLUMNS = ("restriction", "target", "bound", "low", "high", "value", "breakdown", "usual_low", "usual_high")
RELATIVE, SMOOTH = "relative magnitudes", "smoothness"
AXES = {
    RELATIVE: "M̄: most that trends may part from one period to the next, in multiples of the most they did before",
    SMOOTH: "M: most that the slope of the difference in trends may change from one period to the next",
}
TITLES = {RELATIVE: "If trends part as they did before, or more", SMOOTH: "If trends part along a line, or bend"}
SYMBOLS = {RELATIVE: "M̄", SMOOTH: "M"}
TARGETS = {"first period": "the effect in the first treated period", "average": "the average effect"}
APART = 0.11
ROOM = 0.06


def honest_did_figure(finding: Finding) -> Chart:
    """Robust intervals over the bound on how far trends may differ, the usual interval at the left.

    Parameters
    ----------
    finding : Finding
        Of ``panel.honest_did``, whose subject is the target drawn where it has several. Its evidence has a row per
        ``restriction``, ``target`` and ``bound`` with the ends ``low`` and ``high`` of the interval, None where every
        value is rejected; and ``value``, ``usual_low``, ``usual_high`` and ``breakdown``, the same for all bounds;
        ``breakdown`` is None where zero is rejected however far trends differ.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = list(evidence.rows())
    named = list(dict.fromkeys(row["target"] for row in rows))
    target = finding.subject if finding.subject in named else named[0]
    own = [row for row in rows if row["target"] == target]
    groups = {name: [row for row in own if row["restriction"] == name] for name in (RELATIVE, SMOOTH)}
    limits = limits_around(row[name] for row in own for name in ("low", "high", "usual_low", "usual_high"))
    return Chart(
        title=_title(target, groups),
        caption=_caption(finding, target, named),
        alt=_alt(target, groups),
        table=evidence,
        panels=[_panel(name, group, limits) for name, group in groups.items() if group],
    )


def _panel(restriction: str, rows: Sequence[dict[str, Any]], limits: tuple[float, float]) -> Pane:
    far = max(row["bound"] for row in rows) or 1.0
    usual = -APART * far
    ends = (usual - ROOM * far, far + ROOM * far)
    first, turn = rows[0], rows[0]["breakdown"]
    marks: list[Mark] = [Curve(ends, (0.0, 0.0), Tone.QUIET)]
    if turn is not None and 0.0 < turn <= far:
        marks.append(VLine(turn, f"zero inside from {SYMBOLS[restriction]} = {format_plain(_short(turn))}", Tone.NAIVE))
    marks.append(Curve((usual, usual), (first["usual_low"], first["usual_high"]), Tone.PLAIN, heavy=True))
    marks += [
        Curve((row["bound"],) * 2, (row["low"], row["high"]), Tone.FIRST, heavy=True)
        for row in rows
        if row["low"] is not None and row["high"] is not None
    ]
    places = [(place, text) for place, text in round_ticks(0.0, far) if place >= 0.0]
    x = Axis(AXES[restriction], ends, places)
    keys = [Key("usual interval", Tone.PLAIN, kind="bar"), Key("robust interval", Tone.FIRST, kind="bar")]
    y = Axis("Effect (units of the outcome)", limits, round_ticks(*limits))
    return Pane(marks, x, y, title=TITLES[restriction], keys=keys)


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _title(target: str, groups: dict[str, list[dict[str, Any]]]) -> str:
    """Say how far trends may part before the effect may be none."""
    rows = groups[RELATIVE] or groups[SMOOTH]
    turn = rows[0]["breakdown"]
    named = TARGETS.get(target, target)
    if turn is None:
        return f"No difference in trends within reach takes {named} to zero"
    if turn == 0.0:
        return f"Zero is inside the interval of {named} even if trends are parallel"
    if rows is groups[SMOOTH]:
        amount = format_number(turn)
        return f"{_capital(named)} stands until the slope of the trends' difference may change by {amount} a period"
    amount = format_plain(_short(turn))
    return f"{_capital(named)} stands until trends may part {amount} times as much as they most did before treatment"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _caption(finding: Finding, target: str, named: Sequence[str]) -> str:
    others = [TARGETS.get(name, name) for name in named if name != target]
    rest = f" For {' and '.join(others)} see the table." if others else ""
    return (
        f"For {finding.about}: {TARGETS.get(target, target)}. A bar holds all effects that are not rejected under its "
        f"bound; the usual interval takes trends to be parallel.{rest}"
    )


def _alt(target: str, groups: dict[str, list[dict[str, Any]]]) -> str:
    parts = []
    for restriction, rows in groups.items():
        if not rows:
            continue
        said = "; ".join(
            f"{SYMBOLS[restriction]} = {format_number(row['bound'])}: "
            f"{'every value rejected' if row['low'] is None else format_interval([row['low'], row['high']])}"
            for row in rows
        )
        turn = rows[0]["breakdown"]
        end = "never" if turn is None else f"at {SYMBOLS[restriction]} = {format_number(turn)}"
        parts.append(f"{_capital(restriction)}: {said}; zero is inside {end}.")
    return f"Robust intervals of {TARGETS.get(target, target)}. {' '.join(parts)}"
