"""The estimate without each covariate in turn."""

from typing import Any

from estimand.core.finding import Finding
from estimand.figures.chart import Axis, Chart, Interval, Mark, Pane, Row, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_interval, format_number

COLUMNS = ("covariate", "estimate", "low", "high", "move", "full", "full_low", "full_high", "std_error")
SHOWN = 20


def leave_one_out_figure(finding: Finding) -> Chart:
    """Estimate with all covariates, then without each, the one that moves it most on top.

    Parameters
    ----------
    finding : Finding
        Of ``stress.leave_one_covariate_out``. Its evidence has the columns ``covariate``, ``estimate``, ``low``,
        ``high`` and ``move``, and ``full``, ``full_low``, ``full_high`` and ``std_error``, the same in every row.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = sorted(evidence.rows(), key=lambda row: -abs(row["move"]))
    shown, first = rows[:SHOWN], rows[0]
    ends = [first["full_low"], first["full_high"], *(row[end] for row in shown for end in ("low", "high"))]
    marks: list[Mark] = [VLine(first["full"], "with all", Tone.HEADLINE)]
    if min(ends) <= 0.0 <= max(ends):
        marks.append(VLine(0.0, "no effect"))
    marks.append(Interval(0.0, first["full"], ((first["full_low"], first["full_high"]),), Tone.HEADLINE))
    marks += [
        Interval(j + 1.0, row["estimate"], ((row["low"], row["high"]),), _tone(row)) for j, row in enumerate(shown)
    ]
    numbers = f"{format_number(first['full'])} ({format_interval([first['full_low'], first['full_high']])})"
    panel = Pane(
        marks=marks,
        x=Axis(f"Estimate for {finding.subject}"),
        rows=[
            Row(0.0, "all covariates", numbers, True, tone=Tone.HEADLINE),
            *(Row(j + 1.0, f"without {row['covariate']}", _moved(row), tone=_tone(row)) for j, row in enumerate(shown)),
        ],
    )
    return Chart(
        title=_title(rows),
        caption=_caption(finding, rows),
        alt=_alt(rows),
        table=evidence,
        panels=(panel,),
    )


def _turns(row: dict[str, Any]) -> bool:
    return bool(row["estimate"] * row["full"] < 0.0)


def _tone(row: dict[str, Any]) -> Tone:
    return Tone.NAIVE if _turns(row) else Tone.PLAIN


def _moved(row: dict[str, Any]) -> str:
    return f"{format_number(row['estimate'])} (moves {abs(row['move']) / row['std_error']:.2f} SE)"


def _title(rows: list[dict[str, Any]]) -> str:
    top = rows[0]
    turned = [row["covariate"] for row in rows if _turns(row)]
    if turned:
        others = f" and {len(turned) - 1} more" if len(turned) > 1 else ""
        return f"The sign rests on {turned[0]}{others}: without it the estimate is {_bare(rows, turned[0])}"
    return (
        f"{top['covariate']} moves the estimate most, from {format_number(top['full'])} to "
        f"{format_number(top['estimate'])}; whichever is left out, it keeps its sign"
    )


def _bare(rows: list[dict[str, Any]], name: str) -> str:
    return format_number(next(row["estimate"] for row in rows if row["covariate"] == name))


def _caption(finding: Finding, rows: list[dict[str, Any]]) -> str:
    shown = f"The {SHOWN} of {len(rows)} covariates that move it most" if len(rows) > SHOWN else "Every covariate"
    turned = " Diamonds: the sign turns." if any(map(_turns, rows)) else ""
    return (
        f"{shown}, left out one at a time, for {finding.about}; moves in standard errors (SE) of the estimate with "
        f"all.{turned}"
    )


def _alt(rows: list[dict[str, Any]]) -> str:
    named = "; ".join(f"without {row['covariate']} {format_number(row['estimate'])}" for row in rows[:SHOWN])
    return f"Estimate with all covariates {format_number(rows[0]['full'])}; {named}."
