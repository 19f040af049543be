"""From the rows read to the rows used: every row left out, by reason."""

from collections.abc import Sequence

from estimand.core.audit import AuditRecord
from estimand.core.design import Panel
from estimand.core.record import SampleFlow, StudyRecord
from estimand.core.table import Table
from estimand.figures.chart import Box, Chart, Link, Mark, Pane, Row, Tone
from estimand.figures.numbers import format_count, format_share

TRUNK, SIDE = 0.25, 0.75
TRUNK_WIDTH, SIDE_WIDTH = 0.44, 0.46
ARMS_A_ROW = 4
GUTTER = 0.03


def sample_flow_figure(record: StudyRecord | AuditRecord) -> Chart:
    """Boxes from rows read, through each reason for leaving rows out, to rows used and the arms.

    Parameters
    ----------
    record : StudyRecord or AuditRecord
    """
    flow = record.sample
    trunk = TRUNK if flow.drops else 0.5
    read = Box(trunk, TRUNK_WIDTH, 0.0, format_count(flow.rows_read), "rows read")
    dropped = [
        Box(SIDE, SIDE_WIDTH, 1.0 + j, format_count(drop.rows), f"left out: {_reason(drop.reason, drop.column)}")
        for j, drop in enumerate(flow.drops)
    ]
    last = 1.0 + len(dropped)
    used = Box(trunk, TRUNK_WIDTH, last, format_count(flow.rows_used), "rows used", Tone.HEADLINE)
    groups = _groups(record)
    arms = _arms(groups, last + 1.0)
    marks: list[Mark] = [
        Link(read, used),
        *(Link(read, box, "side") for box in dropped),
        *(Link(used, box) for box in arms if box.row == last + 1.0),
        read,
        *dropped,
        used,
        *arms,
    ]
    rows = sorted({mark.row for mark in marks if isinstance(mark, Box)})
    return Chart(
        title=_title(flow),
        caption=f"Data: {record.data}. n = {format_count(flow.rows_used)} rows used.",
        alt=_alt(flow, groups),
        table=_table(flow, groups),
        panels=(Pane(marks, rows=[Row(at) for at in rows]),),
    )


def _reason(reason: str, column: str) -> str:
    return reason if not column or column in reason else f"{reason} ({column})"


def _groups(record: StudyRecord | AuditRecord) -> list[tuple[str, int]]:
    """Rows used of each arm; those of a panel were treated by then, or not."""
    arms = record.sample.arms
    if isinstance(record.design, Panel):
        return list(zip(("not treated, or not yet", "treated by then"), arms.values(), strict=False))
    return [(f"in arm {label}", rows) for label, rows in arms.items()]


def _arms(groups: Sequence[tuple[str, int]], top: float) -> list[Box]:
    """Boxes of the arms, at most four in a row."""
    boxes = []
    for start in range(0, len(groups), ARMS_A_ROW):
        group = groups[start : start + ARMS_A_ROW]
        step = 1.0 / len(group)
        width = min(TRUNK_WIDTH, step - GUTTER)
        for j, (words, rows) in enumerate(group):
            row = top + start // ARMS_A_ROW
            boxes.append(Box((j + 0.5) * step, width, row, format_count(rows), words))
    return boxes


def _title(flow: SampleFlow) -> str:
    if flow.rows_used == flow.rows_read:
        return f"All {format_count(flow.rows_read)} rows were used"
    share = f" ({format_share(flow.rows_used / flow.rows_read)})" if flow.rows_read else ""
    return f"{format_count(flow.rows_used)} of {format_count(flow.rows_read)} rows were used{share}"


def _alt(flow: SampleFlow, groups: Sequence[tuple[str, int]]) -> str:
    drops = "; ".join(f"{format_count(drop.rows)} left out: {_reason(drop.reason, drop.column)}" for drop in flow.drops)
    arms = ", ".join(f"{words.removeprefix('in arm ')} {format_count(rows)}" for words, rows in groups)
    return (
        f"{format_count(flow.rows_read)} rows read; {drops or 'none left out'}; "
        f"{format_count(flow.rows_used)} rows used; by arm: {arms}."
    )


def _table(flow: SampleFlow, groups: Sequence[tuple[str, int]]) -> Table:
    steps = [
        ("rows read", flow.rows_read),
        *((f"left out: {_reason(drop.reason, drop.column)}", drop.rows) for drop in flow.drops),
        ("rows used", flow.rows_used),
        *groups,
    ]
    return Table({"step": [name for name, _ in steps], "rows": [rows for _, rows in steps]})
