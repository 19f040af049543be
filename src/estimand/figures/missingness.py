"""Where values are missing, column by column and arm by arm."""

from typing import Any

from estimand.core.finding import Finding
from estimand.core.table import Table
from estimand.figures.chart import Axis, Chart, Key, Mark, Pane, Points, Row
from estimand.figures.evidence import evidence_of
from estimand.figures.look import ARM_TONES
from estimand.figures.numbers import format_share

SHOWN = 25
ARM = "arm "


def missingness_figure(finding: Finding) -> Chart:
    """Share missing of each column that lacks values, a point for each arm, worst first.

    Parameters
    ----------
    finding : Finding
        Its evidence has the columns ``column``, ``missing`` (share of all rows), and one column of shares for
        each arm, named "arm …"; None where an arm has no row or the arm itself is missing.

    Raises
    ------
    UnsupportedError
        If the finding carries no such evidence.
    """
    evidence = evidence_of(finding, ("column", "missing"))
    arms = [name for name in evidence.columns if name.startswith(ARM)]
    rows = sorted((row for row in evidence.rows() if row["missing"]), key=lambda row: -row["missing"])
    shown = rows[:SHOWN]
    ends = [row[name] for row in shown for name in (*arms, "missing") if row[name] is not None]
    panel = Pane(
        marks=_marks(shown, arms),
        x=Axis("Share of values missing", (0.0, 1.05 * max([*ends, 0.01])), _ticks(max([*ends, 0.01]))),
        rows=[Row(float(j), str(row["column"]), format_share(row["missing"])) for j, row in enumerate(shown)],
        keys=[Key(arm, ARM_TONES[a % len(ARM_TONES)]) for a, arm in enumerate(arms)],
    )
    return Chart(
        title=_title(rows, len(evidence)),
        caption=_caption(rows, len(evidence)),
        alt=_alt(shown, arms),
        table=Table({name: [row[name] for row in rows] for name in ("column", "missing", *arms)}),
        panels=(panel,) if rows else (),
    )


def _marks(rows: list[dict[str, Any]], arms: list[str]) -> list[Mark]:
    marks: list[Mark] = []
    for a, arm in enumerate(arms):
        known = [(row[arm], float(j)) for j, row in enumerate(rows) if row[arm] is not None]
        marks.append(Points([x for x, _ in known], [y for _, y in known], ARM_TONES[a % len(ARM_TONES)]))
    return marks


def _ticks(top: float) -> list[tuple[float, str]]:
    step = next(step for step in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if top / step < 6 or step == 0.25)
    return [(j * step, "0%" if j == 0 else f"{100 * j * step:g}%") for j in range(int(top / step + 1e-9) + 1)]


def _title(rows: list[dict[str, Any]], columns: int) -> str:
    if not rows:
        return f"No value is missing in any of {columns} columns"
    worst = rows[0]
    verb = "lacks" if len(rows) == 1 else "lack"
    return f"{len(rows)} of {columns} columns {verb} values; '{worst['column']}' most, {format_share(worst['missing'])}"


def _caption(rows: list[dict[str, Any]], columns: int) -> str:
    shown = f"The worst {SHOWN} of" if len(rows) > SHOWN else "All"
    return f"{shown} {len(rows)} columns that lack values, of n = {columns}, before any row is left out."


def _alt(rows: list[dict[str, Any]], arms: list[str]) -> str:
    said = []
    for row in rows:
        shares = [f"{arm} {format_share(row[arm])}" for arm in arms if row[arm] is not None]
        said.append(f"{row['column']}: {', '.join(shares) or format_share(row['missing'])}")
    return f"Share of values missing by column and arm: {'; '.join(said) or 'none'}."
