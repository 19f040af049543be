"""What treating those first whose predicted effect is largest would bring: the targeting operator characteristic."""

from collections.abc import Sequence

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.figures.chart import Axis, Band, Chart, Curve, Mark, Pane, Points
from estimand.figures.numbers import format_interval, format_number, format_share
from estimand.figures.ticks import limits_around, round_ticks
from estimand.figures.varying import Varying, holds_tables, merged, needed_tables, spoken_p

CHECK = "heterogeneity.rate"
COLUMNS = ("share", "value", "std_error", "low", "high", "band_low", "band_high", "autoc", "autoc_low", "autoc_high",
           "autoc_p", "qini", "qini_low", "qini_high", "qini_p")  # fmt: skip
FIRST = 0.2


def has_targeting(record: StudyRecord) -> bool:
    """Whether a check told what it would bring to treat those first whose predicted effect is largest."""
    return holds_tables(record, CHECK, COLUMNS)


def targeting_figure(record: StudyRecord) -> Chart:
    """Average effect among those treated first, less that of everyone, over the share treated, with its band.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no check told what such an order brings.
    """
    varying, tables = needed_tables(
        record,
        CHECK,
        COLUMNS,
        "The record does not say what it brings to treat those first whose predicted effect is largest.",
    )
    ends = limits_around(end for _, table in tables for name in ("band_low", "band_high") for end in table[name])
    return Chart(
        title=_title(varying, *tables[0]),
        caption=_caption(varying, tables),
        alt=_alt(varying, tables),
        table=merged([(varying.arms[j], table) for j, table in tables]),
        panels=[_panel(varying, j, table, ends) for j, table in tables],
        aligned=True,
    )


def _panel(varying: Varying, j: int, table: Table, ends: tuple[float, float]) -> Pane:
    tone = varying.tone()
    marks: list[Mark] = [
        Band(table["share"], table["band_low"], table["band_high"], tone),
        Curve((0.0, 1.0), (0.0, 0.0)),
        Curve(table["share"], table["low"], tone, dashed=True),
        Curve(table["share"], table["high"], tone, dashed=True),
        Curve(table["share"], table["value"], tone, heavy=True),
        Points(table["share"], table["value"], tone, small=True),
    ]
    ticks = [(k / 5, f"{20 * k}%") for k in range(6)]
    return Pane(
        marks,
        Axis("Share treated first, those with the largest predicted effect", (0.0, 1.02), ticks),
        Axis(f"E{varying.label[1:]}, above the average of everyone", ends, round_ticks(*ends)),
        title=varying.named(j),
    )


def _title(varying: Varying, j: int, table: Table) -> str:
    """Say how much more those treated first gain, and whether the whole order is better than none; first arm."""
    row = next(row for row in table.rows() if row["share"] >= FIRST - 1e-9)
    whom = f"the {100 * row['share']:.0f}% with the largest predicted effects"
    name = f"{varying.named(j)}: among" if varying.named(j) else "Among"
    if row["low"] <= 0.0 <= row["high"]:
        said = f"{name} {whom} the effect on {varying.outcome} is not clearly larger than among everyone"
    else:
        way = "larger" if row["value"] > 0.0 else "smaller"
        size = varying.told(abs(row["value"]))
        said = f"{name} {whom} the effect on {varying.outcome} is {size} {way} than among everyone"
    low, high = table["autoc_low"][0], table["autoc_high"][0]
    order = f"the order by prediction {'may be chance' if low <= 0.0 <= high else 'is better than chance'}"
    if high < 0.0:
        order = "the order by prediction is worse than chance"
    return varying.claim(f"{said}; {order}")


def _caption(varying: Varying, tables: Sequence[tuple[int, Table]]) -> str:
    level = f"{100 * varying.estimate.level:g}%"
    areas = "; ".join(
        f"{varying.named(j) + ': ' if varying.named(j) else ''}area under the curve (AUTOC) "
        f"{format_number(table['autoc'][0])} ({format_interval([table['autoc_low'][0], table['autoc_high'][0]])}), "
        f"weighted by share (Qini) {format_number(table['qini'][0])} "
        f"({format_interval([table['qini_low'][0], table['qini_high'][0]])}), {spoken_p(table['autoc_p'][0])} and "
        f"{spoken_p(table['qini_p'][0])}"
        for j, table in tables
    )
    return (
        f"For {varying.estimate.id}; rows are ordered by models fitted without them. Shaded is the {level} band for "
        f"all shares at once, dashed the interval of one. In numbers: {areas}, one-sided."
    )


def _alt(varying: Varying, tables: Sequence[tuple[int, Table]]) -> str:
    parts = []
    for j, table in tables:
        said = "; ".join(
            f"{format_share(row['share'])}: {format_number(row['value'])} "
            f"({format_interval([row['low'], row['high']])})"
            for row in list(table.rows())[1::4]
        )
        parts.append(f"{varying.named(j)}: {said}" if varying.named(j) else said)
    return f"E{varying.label[1:]} above the average, by share treated first: {'; '.join(parts)}."
