"""How alike the arms are before and after adjustment, covariate by covariate."""

from typing import Any

from estimand.core.finding import Finding
from estimand.core.table import Table
from estimand.figures.chart import Axis, Chart, Key, Mark, Pane, Points, Row, Tone, VLine
from estimand.figures.evidence import evidence_of

NOTE_LINE, WARN_LINE = 0.1, 0.25
SHOWN = 25
KEYS = {
    "before": Key("before adjustment", Tone.QUIET, filled=False),
    "after": Key("after adjustment", Tone.HEADLINE),
}


def love_plot_figure(finding: Finding) -> Chart:
    """Absolute standardised mean differences before and after, worst first.

    Parameters
    ----------
    finding : Finding
        Its evidence has the columns ``feature``, ``before`` and ``after``: signed standardised mean
        differences [standard deviations], None where undefined.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, ("feature", "before", "after"))
    side = "after" if any(value is not None for value in evidence["after"]) else "before"
    rows = sorted(evidence.rows(), key=lambda row: _badness(row, side), reverse=True)
    shown = rows[:SHOWN]
    ends = [abs(row[name]) for row in shown for name in KEYS if row[name] is not None]
    panel = Pane(
        marks=_marks(shown),
        x=Axis(
            "Absolute standardised mean difference (standard deviations)",
            (0.0, 1.05 * max([*ends, 1.2 * WARN_LINE])),
        ),
        rows=[_row(j, row, side) for j, row in enumerate(shown)],
        keys=[key for name, key in KEYS.items() if name in {"before", side}],
    )
    return Chart(
        title=_title(rows, side),
        caption=_caption(finding, rows),
        alt=_alt(rows),
        table=Table({name: [row[name] for row in rows] for name in evidence.columns}),
        panels=(panel,),
    )


def _badness(row: dict[str, Any], side: str) -> tuple[float, float]:
    """Difference on the side shown, then before; one that could not be worked out comes first."""
    first, then = row[side], row["before"]
    return (float("inf") if first is None else abs(first), 0.0 if then is None else abs(then))


def _marks(rows: list[dict[str, Any]]) -> list[Mark]:
    marks: list[Mark] = [VLine(NOTE_LINE, "0.1"), VLine(WARN_LINE, "0.25")]
    for side, key in KEYS.items():
        known = [(abs(row[side]), float(j)) for j, row in enumerate(rows) if row[side] is not None]
        marks.append(Points([x for x, _ in known], [y for _, y in known], key.tone, key.filled))
    return marks


def _row(j: int, row: dict[str, Any], side: str) -> Row:
    value = row[side]
    return Row(float(j), _name(row), _size(value), value is None or abs(value) > NOTE_LINE)


def _name(row: dict[str, Any]) -> str:
    return f"{row['feature']} ({row['arm']})" if row.get("arm") is not None else str(row["feature"])


def _title(rows: list[dict[str, Any]], side: str) -> str:
    known = [row for row in rows if row[side] is not None]
    undefined = len(rows) - len(known)
    tail = f"; {undefined} could not be worked out" if undefined else ""
    when = f"{side.capitalize()} adjustment"
    if not known:
        return f"Balance is not known for any of {_counted(rows)}"
    worst = max(known, key=lambda row: abs(row[side]))
    beyond = sum(abs(row[side]) > NOTE_LINE for row in known)
    if not beyond:
        return f"{when} none of {_counted(rows)} differs by more than 0.1; the most is {_size(worst[side])}{tail}"
    verb = "differs" if beyond == 1 else "differ"
    return (
        f"{when} {beyond} of {_counted(rows)} {verb} by more than 0.1; "
        f"the worst is {_name(worst)}, at {_size(worst[side])}{tail}"
    )


def _caption(finding: Finding, rows: list[dict[str, Any]]) -> str:
    worst = f"The worst {SHOWN} of " if len(rows) > SHOWN else ""
    return f"{worst}{_counted(rows)}, for {finding.about}. Above 0.1 is worth a note, above 0.25 a warning."


def _counted(rows: list[dict[str, Any]]) -> str:
    """Count the rows for what they are: covariates and categories, once for each arm compared."""
    features, arms = {row["feature"] for row in rows}, {row.get("arm") for row in rows}
    noun = "covariate or category" if len(features) == 1 else "covariates and categories"
    if len(arms) > 1:
        return f"{len(rows)} comparisons ({len(features)} {noun}, {len(arms)} arms)"
    return f"{len(features)} {noun}"


def _alt(rows: list[dict[str, Any]]) -> str:
    named = "; ".join(f"{_name(row)} {_size(row['before'])} to {_size(row['after'])}" for row in rows[:SHOWN])
    rest = f"; and {len(rows) - SHOWN} smaller ones in the table" if len(rows) > SHOWN else ""
    return f"Absolute standardised mean differences, before to after adjustment: {named}{rest}."


def _size(value: float | None) -> str:
    return "undefined" if value is None else f"{abs(value):.2f}"
