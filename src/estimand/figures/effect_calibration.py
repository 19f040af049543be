"""Whether predicted effects mean what they say: predicted against found, bin by bin."""

from collections.abc import Sequence

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Tone
from estimand.figures.numbers import format_count, format_interval, format_number
from estimand.figures.ticks import limits_around, round_ticks
from estimand.figures.varying import Varying, holds_tables, merged, needed_tables, spoken_p

CHECK = "heterogeneity.calibration"
COLUMNS = (
    "bin", "rows", "predicted", "value", "std_error", "low", "high", "slope", "slope_low", "slope_high", "p_value",
    "mean", "predicted_mean",
)  # fmt: skip


def has_effect_calibration(record: StudyRecord) -> bool:
    """Whether a check held predicted effects against those found."""
    return holds_tables(record, CHECK, COLUMNS)


def effect_calibration_figure(record: StudyRecord) -> Chart:
    """Average effect found over the effect predicted, by bin of the rows, with the fitted line.

    On the dashed line predictions mean what they say; if they lie level, predictions tell nothing.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no check held predicted effects against those found.
    """
    varying, tables = needed_tables(
        record, CHECK, COLUMNS, "The record has no predicted effects held against those found."
    )
    return Chart(
        title=_title(varying, *tables[0]),
        caption=_caption(varying, tables),
        alt=_alt(varying, tables),
        table=merged([(varying.arms[j], table) for j, table in tables]),
        panels=[_panel(varying, j, table) for j, table in tables],
    )


def _panel(varying: Varying, j: int, table: Table) -> Pane:
    x_limits = limits_around(table["predicted"], zero=False)
    y_limits = limits_around([*table["low"], *table["high"]])
    mean, middle, slope = (float(table[name][0]) for name in ("mean", "predicted_mean", "slope"))
    tone = varying.tone()
    marks: list[Mark] = [
        Curve(x_limits, (0.0, 0.0)),
        Curve(x_limits, x_limits, Tone.QUIET, dashed=True),
        Curve(x_limits, [mean + slope * (end - middle) for end in x_limits], tone),
    ]
    for x, low, high in zip(table["predicted"], table["low"], table["high"], strict=True):
        marks.append(Curve((x, x), (low, high), tone))
    marks.append(Points(table["predicted"], table["value"], tone))
    keys = [
        Key("average found in a bin", tone),
        Key(f"fitted line, slope {format_number(slope)}", tone, kind="line"),
        Key("predictions mean what they say", Tone.QUIET, kind="dashes"),
    ]
    return Pane(
        marks,
        Axis(f"Predicted e{varying.label[1:]}, mean of the bin", x_limits, round_ticks(*x_limits)),
        Axis(f"Average e{varying.label[1:]}", y_limits, round_ticks(*y_limits)),
        title=varying.named(j),
        keys=keys,
    )


def _title(varying: Varying, j: int, table: Table) -> str:
    """Say what the slope's interval leaves open, for the first arm."""
    low, high = table["slope_low"][0], table["slope_high"][0]
    words = f"slope {format_number(table['slope'][0])} ({format_interval([low, high])})"
    start = f"{varying.named(j)}: w" if varying.named(j) else "W"
    if low <= 0.0 <= high:
        said = f"{start}here larger effects are predicted, larger ones are not clearly found"
    elif high < 0.0:
        said = f"{start}here larger effects are predicted, smaller ones are found"
    elif high < 1.0:
        said = f"{start}here larger effects are predicted, larger ones are found, though less than predicted"
    elif low > 1.0:
        said = f"{start}here larger effects are predicted, larger ones are found, by more than predicted"
    else:
        said = f"{start}here larger effects are predicted, larger ones are found"
    return varying.claim(f"{said}: {words}")


def _caption(varying: Varying, tables: Sequence[tuple[int, Table]]) -> str:
    table = tables[0][1]
    level = f"{100 * varying.estimate.level:g}%"
    return (
        f"For {varying.estimate.id}; n = {format_count(sum(table['rows']))} rows in {len(table)} bins by the effect "
        f"predicted for them by models fitted without them; points are average doubly robust scores with {level} "
        f"intervals. No slope at all: {spoken_p(table['p_value'][0])}, one-sided."
    )


def _alt(varying: Varying, tables: Sequence[tuple[int, Table]]) -> str:
    parts = []
    for j, table in tables:
        said = "; ".join(
            f"{format_number(row['predicted'])} predicted, {format_number(row['value'])} found "
            f"({format_interval([row['low'], row['high']])})"
            for row in table.rows()
        )
        parts.append(f"{varying.named(j)}: {said}" if varying.named(j) else said)
    return f"{varying.label} by bin: {'; '.join(parts)}."
