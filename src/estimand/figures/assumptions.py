"""What is left of an effect under each assumption: a bar from its least to its greatest value, with its interval."""

from typing import Any

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Interval, Key, Mark, Pane, Points, Row, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_interval, format_number

COLUMNS = ("assumption", "low", "high", "ci_low", "ci_high")
KEYS = (Key("what the assumption leaves", Tone.HEADLINE), Key("interval for the effect", Tone.QUIET))


def assumption_bounds_figure(finding: Finding) -> Chart:
    """Bounds by assumption, the weakest first.

    Parameters
    ----------
    finding : Finding
        Of ``stress.manski_bounds`` or ``stress.lee_bounds``. Its evidence has the columns ``assumption``, ``low``,
        ``high``, ``ci_low`` and ``ci_high``.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = list(evidence.rows())
    panel = Pane(
        marks=_marks(rows),
        x=Axis("Effect (units of the outcome)"),
        rows=[Row(float(j), row["assumption"], _range(row)) for j, row in enumerate(rows)],
        keys=KEYS,
    )
    said = "; ".join(f"{row['assumption']}, {_range(row)}" for row in rows)
    return Chart(
        title=_title(rows),
        caption=f"For {finding.about}, {finding.subject}: each row is what the data say if that alone is assumed.",
        alt=f"Least and greatest effect by what is assumed: {said}.",
        table=evidence,
        panels=(panel,),
    )


def _marks(rows: list[dict[str, Any]]) -> list[Mark]:
    """The interval under the set, the set with a point at either end."""
    marks: list[Mark] = [VLine(0.0, "no effect")]
    for j, row in enumerate(rows):
        at = float(j)
        marks.append(Interval(at, row["low"], ((row["ci_low"], row["ci_high"]),), Tone.QUIET))
        marks.append(Interval(at, row["high"], ((row["low"], row["high"]),), Tone.HEADLINE))
        marks.append(Points((row["low"],), (at,), Tone.HEADLINE))
    return marks


def _range(row: dict[str, Any]) -> str:
    point = row["low"] == row["high"]
    return format_number(row["low"]) if point else format_interval((row["low"], row["high"]))


def _title(rows: list[dict[str, Any]]) -> str:
    settled = [row for row in rows if row["ci_low"] > 0.0 or row["ci_high"] < 0.0]
    if not settled:
        return f"None of {len(rows)} assumptions settles the sign of the effect"
    count = len(settled)
    verb = "settles" if count == 1 else "settle"
    return (
        f"{count} of {len(rows)} assumptions {verb} the sign of the effect; the first is '{settled[0]['assumption']}'"
    )
