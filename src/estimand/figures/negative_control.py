"""Negative controls: what is found where there is nothing to find."""

from typing import Any

from estimand.core.finding import Finding, Grade
from estimand.figures.chart import Axis, Chart, Interval, Mark, Pane, Row, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_interval, format_number, format_p

COLUMNS = ("control", "term", "standardised", "standardised_low", "standardised_high", "p_holm")
SHOWN = 24


def negative_control_figure(finding: Finding) -> Chart:
    """Association with each negative control in standard deviations, the study's own effect beside them.

    Parameters
    ----------
    finding : Finding
        Of ``stress.negative_control_outcome`` or ``stress.negative_control_exposure``. Its evidence has the columns
        ``control``, ``term``, ``standardised``, ``standardised_low``, ``standardised_high`` and ``p_holm``; and, where
        there is an effect to hold them against, ``effect``, ``effect_low`` and ``effect_high``.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, COLUMNS)
    rows = list(evidence.rows())
    shown = rows[:SHOWN]
    effects = _effects(rows) if "effect" in evidence.columns else []
    lines = [*effects, *(_line(row, finding, rows) for row in shown)]
    marks: list[Mark] = [VLine(0.0, "nothing, as it should be")]
    marks += [Interval(float(j), mid, ((low, high),), tone) for j, (_, mid, low, high, tone) in enumerate(lines)]
    what = "Effect (" if effects else "Association with the outcome ("
    panel = Pane(
        marks=marks,
        x=Axis(f"{what}standard deviations within arms)"),
        rows=[_row(j, line) for j, line in enumerate(lines)],
    )
    return Chart(
        title=_title(finding, rows),
        caption=_caption(finding, rows, bool(effects)),
        alt=_alt(rows, effects),
        table=evidence,
        panels=(panel,),
    )


def _effects(rows: list[dict[str, Any]]) -> list[tuple[str, float, float, float, Tone]]:
    """The study's own effect, once for each arm."""
    terms = {row["term"]: row for row in rows}
    many = len(terms) > 1
    return [
        (
            f"the study's effect{f' · {term}' if many else ''}",
            row["effect"],
            row["effect_low"],
            row["effect_high"],
            Tone.HEADLINE,
        )
        for term, row in terms.items()
    ]


def _line(row: dict[str, Any], finding: Finding, rows: list[dict[str, Any]]) -> tuple[str, float, float, float, Tone]:
    tone = Tone.NAIVE if _beyond(row, finding) else Tone.PLAIN
    return _name(row, rows), row["standardised"], row["standardised_low"], row["standardised_high"], tone


def _row(j: int, line: tuple[str, float, float, float, Tone]) -> Row:
    name, value, low, high, tone = line
    numbers = f"{format_number(value)} ({format_interval([low, high])})"
    return Row(float(j), name, numbers, tone is Tone.HEADLINE, tone=tone)


def _beyond(row: dict[str, Any], finding: Finding) -> bool:
    return bool(row["p_holm"] < (0.05 if finding.threshold is None else finding.threshold))


def _name(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The control; the term beside it where a control has several."""
    several = sum(other["control"] == row["control"] for other in rows) > 1
    return f"{row['control']} · {row['term']}" if several and row["term"] != row["control"] else str(row["control"])


def _title(finding: Finding, rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(row["control"] for row in rows))
    caught = list(dict.fromkeys(row["control"] for row in rows if _beyond(row, finding)))
    if finding.grade is Grade.PASS or not caught:
        return f"Where there is nothing to find, nothing is found ({len(names)} control{'s'[: len(names) != 1]})"
    worst = rows[0]
    size = f"{format_number(worst['standardised'])} standard deviations"
    more = f", and {len(caught) - 1} more" if len(caught) > 1 else ""
    return f"Something is found where there is nothing to find: {worst['control']}, {size}{more}"


def _caption(finding: Finding, rows: list[dict[str, Any]], effects: bool) -> str:
    shown = f"The {SHOWN} of {len(rows)} with the smallest p-values. " if len(rows) > SHOWN else ""
    whose = (
        f"The method of {finding.about} on outcomes that treatment cannot have changed"
        if effects
        else f"Columns that cannot have changed {finding.about}, given treatment and covariates"
    )
    return f"{shown}{whose}. Lines are intervals of one test each; diamonds are beyond chance after Holm."


def _alt(rows: list[dict[str, Any]], effects: list[tuple[str, float, float, float, Tone]]) -> str:
    named = [f"{name} {format_number(value)}" for name, value, *_ in effects]
    named += [
        f"{_name(row, rows)} {format_number(row['standardised'])}, p {format_p(row['p_holm'])}" for row in rows[:SHOWN]
    ]
    return f"Negative controls in standard deviations, with Holm-adjusted p: {'; '.join(named)}."
