"""Average effects of groups put together by their predicted effect."""

from collections.abc import Sequence

from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.figures.chart import Axis, Chart, Interval, Key, Mark, Pane, Points, Row, Tone, VLine
from estimand.figures.numbers import format_count, format_interval, format_number
from estimand.figures.varying import Varying, holds_tables, merged, needed_tables

CHECK = "heterogeneity.groups"
COLUMNS = ("group", "rows", "predicted", "value", "low", "high", "difference", "difference_low", "difference_high",
           "p_value", "average", "average_low", "average_high", "splits")  # fmt: skip
PARTS = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth"}
PLACES = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def part_name(groups: int) -> str:
    """Name one of so many equal groups.

    Examples
    --------
    >>> part_name(5), part_name(7)
    ('fifth', 'group')
    """
    return PARTS.get(groups, "group")


def has_effect_groups(record: StudyRecord) -> bool:
    """Whether a check averaged effects within groups by predicted effect."""
    return holds_tables(record, CHECK, COLUMNS)


def effect_groups_figure(record: StudyRecord) -> Chart:
    """Average effect of each group by predicted effect, with its interval, beside the average of everyone.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no check averaged effects within groups.
    """
    varying, tables = needed_tables(
        record, CHECK, COLUMNS, "The record has no average effects of groups by predicted effect."
    )
    return Chart(
        title=_title(varying, *tables[0]),
        caption=_caption(varying, tables),
        alt=_alt(varying, tables),
        table=merged([(varying.arms[j], table) for j, table in tables]),
        panels=[_panel(varying, j, table) for j, table in tables],
        aligned=True,
    )


def _panel(varying: Varying, j: int, table: Table) -> Pane:
    rows: list[Row] = []
    marks: list[Mark] = [
        VLine(0.0, "no effect"),
        VLine(
            table["average"][0],
            f"average {format_number(table['average'][0])}",
            varying.tone(),
            band=(table["average_low"][0], table["average_high"][0]),
        ),
    ]
    count = len(table)
    for row in table.rows():
        at = float(len(rows))
        text = f"{format_number(row['value'])} ({format_interval([row['low'], row['high']])})"
        rows.append(Row(at, group_name(row["group"], count), text))
        marks.append(Interval(at, row["value"], ((row["low"], row["high"]),), varying.tone()))
        marks.append(Points((row["predicted"],), (at,), Tone.QUIET, filled=False, small=True))
    keys = [Key("average found", varying.tone()), Key("predicted", Tone.QUIET, filled=False)]
    return Pane(marks, Axis(varying.label), rows=rows, title=varying.named(j), keys=keys)


def group_name(group: int, count: int) -> str:
    """Name a group by its rank of predicted effect.

    Examples
    --------
    >>> group_name(1, 5), group_name(3, 5), group_name(5, 5)
    ('least predicted effects', 'third fifth', 'largest predicted effects')
    """
    if group == 1:
        return "least predicted effects"
    return "largest predicted effects" if group == count else f"{PLACES[group - 2]} {part_name(count)}"


def _title(varying: Varying, j: int, table: Table) -> str:
    """Say what the groups at both ends gain, and whether they differ; of the first arm."""
    rows = list(table.rows())
    least, most = rows[0], rows[-1]
    part = part_name(len(rows))
    name = f"{varying.named(j)}: t" if varying.named(j) else "T"
    said = (
        f"{name}he effect on {varying.outcome} is {varying.told(most['value'])} in the {part} with the largest "
        f"predicted effects, {varying.said(least['value'])} in the {part} with the least"
    )
    low, high = most["difference_low"], most["difference_high"]
    return varying.claim(f"{said}; {'the two may be alike' if low <= 0.0 <= high else 'the two differ'}")


def _caption(varying: Varying, tables: Sequence[tuple[int, Table]]) -> str:
    first = tables[0][1]
    differences = "; ".join(
        f"{varying.named(j) + ': ' if varying.named(j) else ''}{format_number(table['difference'][0])} "
        f"({format_interval([table['difference_low'][0], table['difference_high'][0]])})"
        for j, table in tables
    )
    return (
        f"For {varying.estimate.id}; {len(first)} groups of equal size, of {format_count(sum(first['rows']))} rows: "
        f"one half of the sample predicts effects, in the other they are found. Medians over {first['splits'][0]} "
        f"such splits, with intervals that allow for the splitting. Most less least: {differences}. Shaded is the "
        "average."
    )


def _alt(varying: Varying, tables: Sequence[tuple[int, Table]]) -> str:
    parts = []
    for j, table in tables:
        said = "; ".join(
            f"{group_name(row['group'], len(table))}: {format_number(row['value'])} "
            f"({format_interval([row['low'], row['high']])}), predicted {format_number(row['predicted'])}"
            for row in table.rows()
        )
        parts.append(f"{varying.named(j)}: {said}" if varying.named(j) else said)
    return f"{varying.label} by group: {'; '.join(parts)}."
