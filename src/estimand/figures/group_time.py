"""Effects of each cohort in each period, as coloured cells: which were estimated, and where they are large."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from estimand.core.estimate import Estimate
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Chart, Mark, Pane, Row, Tile
from estimand.figures.heat import cell_text, colour_scale
from estimand.figures.numbers import format_count, format_number, spoken_period, spoken_unit
from estimand.figures.standing import headline_of, leading_outcome, unit_of, vetoes

DETAIL = "group_time"
COLUMNS = ("cohort", "period", "event_time", "value")
MOST_COHORTS = 25


@dataclass(frozen=True, slots=True)
class Cell:
    """Effect on one cohort in one period; before treatment, where the event time is below zero, a placebo.

    Attributes
    ----------
    cohort, period : str
    event_time : int
    value : float
    """

    cohort: str
    period: str
    event_time: int
    value: float


def cells_of_estimate(estimate: Estimate) -> tuple[Cell, ...]:
    """Cells that an estimate declares in its detail ``group_time``; none where it declares none."""
    detail = estimate.details.get(DETAIL)
    columns = detail.columns if isinstance(detail, Table) else detail
    if not isinstance(columns, Mapping) or any(name not in columns for name in COLUMNS):
        return ()
    rows = zip(*(columns[name] for name in COLUMNS), strict=True)
    known = (row for row in rows if row[3] is not None and math.isfinite(row[3]))
    return tuple(Cell(str(cohort), str(period), int(time), float(value)) for cohort, period, time, value in known)


def has_cells(record: StudyRecord) -> bool:
    """Whether some estimate of the leading outcome has effects by cohort and period."""
    return _source(record) is not None


def group_time_figure(record: StudyRecord) -> Chart:
    """Heat map of effects, a row per cohort and a column per period, centred at no effect.

    A heavy line marks where a cohort's treatment starts; cells that were not estimated are crossed out in grey.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate of the leading outcome has effects by cohort and period.
    """
    estimate = _source(record)
    if estimate is None:
        raise UnsupportedError(
            "The record has no effects by cohort and period to draw.",
            remedy="Run method 'staggered_did' or 'imputation_did'.",
        )
    cells = cells_of_estimate(estimate)
    cohorts, periods = _ordered({cell.cohort for cell in cells}), _ordered({cell.period for cell in cells})
    unit = unit_of(record, estimate)
    label = f"Effect on {record.question.called(estimate.outcome)}" + (f" ({unit})" if unit else "")
    shown = cohorts[:MOST_COHORTS]
    top = max(abs(cell.value) for cell in cells if cell.cohort in shown) or 1.0
    return Chart(
        title=_title(record, estimate, cells),
        caption=_caption(estimate, len(cohorts), len(cells) < len(cohorts) * len(periods)),
        alt=_alt(label, cells),
        table=Table({name: [getattr(cell, name) for cell in cells] for name in COLUMNS}),
        panels=(_map(cells, shown, periods, top), colour_scale(label, top)),
        aligned=True,
    )


def _source(record: StudyRecord) -> Estimate | None:
    """The headline where it has cells, else the first estimate of its outcome that has."""
    lead, headline = leading_outcome(record), headline_of(record)
    fitting = [estimate for estimate in record.estimates if estimate.outcome == lead and cells_of_estimate(estimate)]
    return next((estimate for estimate in fitting if estimate is headline), next(iter(fitting), None))


def _ordered(labels: set[str]) -> list[str]:
    """Labels of periods in time: numbers by size, dates as they are written."""
    try:
        return sorted(labels, key=float)
    except ValueError:
        return sorted(labels)


def _map(cells: Sequence[Cell], cohorts: Sequence[str], periods: Sequence[str], top: float) -> Pane:
    known = {(cell.cohort, cell.period): cell for cell in cells}
    rows = [Row(0.0, "Cohort, by first treated period", heading=True)]
    marks: list[Mark] = []
    for cohort in cohorts:
        at = float(len(rows))
        rows.append(Row(at, cohort))
        for j, period in enumerate(periods):
            cell = known.get((cohort, period))
            share = None if cell is None else cell.value / top
            text = "" if cell is None else cell_text(cell.value, top)
            marks.append(Tile(float(j), at, share, text, starts=period == cohort))
    ticks = [(float(j), period) for j, period in enumerate(periods)]
    return Pane(marks, Axis("Period", (-0.5, len(periods) - 0.5), ticks), rows=rows)


def _title(record: StudyRecord, estimate: Estimate, cells: Sequence[Cell]) -> str:
    factor, unit = spoken_unit(unit_of(record, estimate))
    after = [cell for cell in cells if cell.event_time >= 0]
    if not after:
        return "No effect after treatment was estimated in any cohort"
    least, most = min(after, key=lambda cell: cell.value), max(after, key=lambda cell: cell.value)
    if least is most:
        said = f"The one cell after treatment, {_place(most)}, has an effect of {_amount(most, factor)}{unit}"
    else:
        said = (
            f"Effects after treatment go from {_amount(least, factor)} ({_place(least)}) to "
            f"{_amount(most, factor)}{unit} ({_place(most)})"
        )
    return f"{said}, and are not to be relied on" if vetoes(record, estimate) else said


def _amount(cell: Cell, factor: float) -> str:
    return format_number(factor * cell.value)


def _place(cell: Cell) -> str:
    return f"cohort {cell.cohort} in {spoken_period(cell.period)}"


def _caption(estimate: Estimate, cohorts: int, gaps: bool) -> str:
    missing = " Grey cells were not estimated." if gaps else ""
    more = f" {cohorts - MOST_COHORTS} later cohorts are in the table." if cohorts > MOST_COHORTS else ""
    return (
        f"By {estimate.id}; n = {format_count(estimate.n_obs)} rows. The heavy line is where a cohort's treatment "
        f"starts; what stands before it is no effect of treatment.{missing}{more}"
    )


def _alt(label: str, cells: Sequence[Cell]) -> str:
    said = "; ".join(f"{_place(cell)}: {format_number(cell.value)}" for cell in cells)
    return f"{label} by cohort and period: {said}."
