"""Predicted effects from the least to the largest, each with its own interval."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Band, Chart, Curve, Mark, Pane
from estimand.figures.numbers import format_interval, format_number, format_share
from estimand.figures.ticks import limits_around, round_ticks
from estimand.figures.varying import ERRORS, Floats, Varying, merged, needed, row_effects, varying_of

PLACES = 50
COLUMNS = ("share", "value", "low", "high")


def has_sorted_effects(record: StudyRecord) -> bool:
    """Whether an estimate has an effect for every row with its standard error."""
    varying = varying_of(record)
    return varying is not None and row_effects(varying) is not None and row_effects(varying, ERRORS) is not None


def sorted_effects_figure(record: StudyRecord) -> Chart:
    """Rows in fifty groups by the rank of their predicted effect: mean effect and typical pointwise interval.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no estimate has effects and their standard errors for every row, or the record was read without its arrays.
    """
    varying = needed(record)
    effects, errors = row_effects(varying), row_effects(varying, ERRORS)
    if effects is None or errors is None:
        raise UnsupportedError(
            f"'{varying.estimate.id}' has no standard errors of single effects to draw.",
            remedy="Run method 'causal_forest', and load the record with its arrays.",
        )
    reach = NormalDist().inv_cdf(0.5 + varying.estimate.level / 2)
    tables = [_table(own, error, reach) for own, error in zip(effects.T, errors.T, strict=True)]
    ends = limits_around(end for table in tables for name in ("low", "high") for end in table[name])
    return Chart(
        title=_title(varying, effects[:, 0], reach * errors[:, 0]),
        caption=_caption(varying),
        alt=_alt(varying, tables),
        table=merged(list(zip(varying.arms, tables, strict=True))),
        panels=[_panel(varying, j, table, ends) for j, table in enumerate(tables)],
        aligned=True,
    )


def _table(effects: Floats, errors: Floats, reach: float) -> Table:
    """Groups of neighbouring ranks: their middle rank, mean effect, and interval with their median error."""
    order = np.argsort(effects, kind="stable")
    n = order.shape[0]
    count = min(PLACES, n)
    group = np.arange(n) * count // n
    value = np.bincount(group, effects[order]) / np.bincount(group)
    starts = np.flatnonzero(np.r_[True, np.diff(group) > 0])
    error = np.array([np.median(part) for part in np.split(errors[order], starts[1:])])
    share = (np.r_[starts[1:], n] + starts) / (2.0 * n)
    columns = (share, value, value - reach * error, value + reach * error)
    return Table({name: column.tolist() for name, column in zip(COLUMNS, columns, strict=True)})


def _panel(varying: Varying, j: int, table: Table, ends: tuple[float, float]) -> Pane:
    average = float(varying.estimate.value[j])
    marks: list[Mark] = [
        Band(table["share"], table["low"], table["high"], varying.tone(j)),
        Curve((0.0, 1.02), (0.0, 0.0)),
        Curve((0.0, 1.02), (average, average), dashed=True),
        Curve(table["share"], table["value"], varying.tone(j), heavy=True),
    ]
    ticks = [(j / 4, f"{25 * j}%") for j in range(5)]
    x = Axis("Rows, from the least predicted effect to the largest", (0.0, 1.02), ticks)
    return Pane(marks, x, Axis(varying.label, ends, round_ticks(*ends)), title=varying.named(j))


def _title(varying: Varying, effects: Floats, reach: Floats) -> str:
    above, below = float((effects - reach > 0.0).mean()), float((effects + reach < 0.0).mean())
    name = f"{varying.named(0)}: o" if varying.named(0) else "O"
    return varying.claim(
        f"{name}ne row at a time, {format_share(above)} of effects on {varying.outcome} lie above zero, "
        f"{format_share(below)} below; of the rest the sign is open"
    )


def _caption(varying: Varying) -> str:
    level = f"{100 * varying.estimate.level:g}%"
    return (
        f"{varying.source()} Rows in up to {PLACES} groups by rank, with their mean effect; shaded is the {level} "
        "interval of one effect, by the median standard error of the group. Such intervals hold one row at a time, "
        "leave out the bias of smoothing, and cover less often than they say. Dashed is the average."
    )


def _alt(varying: Varying, tables: Sequence[Table]) -> str:
    said = []
    for j, table in enumerate(tables):
        rows = list(table.rows())
        shown = [rows[k * (len(rows) - 1) // 4] for k in range(5)] if len(rows) > 4 else rows
        at = "; ".join(
            f"{format_share(row['share'])}: {format_number(row['value'])} "
            f"({format_interval([row['low'], row['high']])})"
            for row in shown
        )
        said.append(f"{varying.named(j)}: {at}" if varying.named(j) else at)
    return f"{varying.label} by rank of the prediction: {'; '.join(said)}."
