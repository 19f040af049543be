"""Where everything of a panel goes, measured before anything is drawn; all lengths in points."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.ticker import MaxNLocator

from estimand.figures.chart import Axis, Bars, Box, Curve, Interval, Pane, Points, Row, VLine
from estimand.figures.look import LEADING, SMALL_SIZE, STACK_BELOW, TEXT_SIZE
from estimand.figures.numbers import format_ticks
from estimand.figures.static.type import height_of, lines_of, measure

GUTTER = 14.0
ROW_PAD = 11.0
MARK_ROOM = 20.0
BOX_PAD = 9.0
BOX_GAP = 24.0
BODY = 230.0
LINE = TEXT_SIZE * LEADING
LABEL_LINE = SMALL_SIZE * LEADING
LABEL_SHARE = 0.36

Frame: TypeAlias = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class RowPlan:
    """A row: its lines of text and its place, measured from the top of the panel's body."""

    row: Row
    lines: tuple[str, ...]
    top: float
    height: float
    centre: float


@dataclass(frozen=True, slots=True)
class LinePlan:
    """A vertical line, the centre of its label, and the level above the body on which that stands."""

    line: VLine
    centre: float
    level: int


@dataclass(frozen=True, slots=True)
class PanelPlan:
    """A panel with all its lengths known."""

    panel: Pane
    left: float
    width: float
    body: float
    stacked: bool
    rows: tuple[RowPlan, ...]
    limits: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]
    title: tuple[str, ...]
    x_label: tuple[str, ...]
    y_label: tuple[str, ...]
    lines: tuple[LinePlan, ...]

    @property
    def above(self) -> float:
        """Height of title, keys and labels of lines."""
        levels = 1 + max((plan.level for plan in self.lines if plan.line.label), default=-1)
        keys = 1.6 * LINE if self.panel.keys else 0.0
        titles = height_of(self.title) + (10.0 if self.title else 0.0) + height_of(self.y_label, SMALL_SIZE)
        return titles + keys + levels * LABEL_LINE + (6.0 if levels else 0.0)

    @property
    def below(self) -> float:
        """Height of ticks and axis label."""
        if self.panel.x is None:
            return 0.0
        return 20.0 + height_of(self.x_label, SMALL_SIZE) + 6.0

    def centre_of(self, row: float) -> float:
        """Place of a row, or between two rows, below the top of the body."""
        at = [plan.row.at for plan in self.rows]
        return float(np.interp(row, at, [plan.centre for plan in self.rows]))

    def row_plan(self, at: float) -> RowPlan:
        """Return the row at a position."""
        return next(plan for plan in self.rows if plan.row.at == at)


def plan_panels(panels: Sequence[Pane], canvas: float, aligned: bool = False) -> list[PanelPlan]:
    """Measure panels on a canvas of a given width; aligned ones share the widest margins."""
    own = [_margins(panel, canvas, _stacked(panel, canvas)) for panel in panels]
    shared = tuple(max(sides) for sides in zip(*own, strict=True)) if aligned else ()
    return [plan_panel(panel, canvas, shared or sides) for panel, sides in zip(panels, own, strict=True)]


def _stacked(panel: Pane, canvas: float) -> bool:
    return canvas < STACK_BELOW and any(row.label for row in panel.rows)


def plan_panel(panel: Pane, canvas: float, margins: tuple[float, ...] | None = None) -> PanelPlan:
    """Measure a panel on a canvas of a given width, with its own margins or those given."""
    stacked = _stacked(panel, canvas)
    left, right = margins or _margins(panel, canvas, stacked)
    width = canvas - left - right
    limits = _limits(panel)
    rows = _rows(panel, canvas, left, stacked)
    body = rows[-1].top + rows[-1].height if rows else BODY
    return PanelPlan(
        panel=panel,
        left=left,
        width=width,
        body=body,
        stacked=stacked,
        rows=rows,
        limits=limits,
        ticks=_ticks(panel.x, limits, (left, width, canvas)),
        title=lines_of(panel.title, canvas, TEXT_SIZE, bold=True),
        x_label=() if panel.x is None else lines_of(panel.x.label, width, SMALL_SIZE),
        y_label=() if panel.y is None else lines_of(panel.y.label, canvas, SMALL_SIZE),
        lines=_lines(panel, limits, (left, width, canvas)),
    )


def _margins(panel: Pane, canvas: float, stacked: bool) -> tuple[float, float]:
    if panel.x is None:
        return 1.0, 1.0
    if stacked:
        return 8.0, 8.0
    if panel.y is not None:
        texts = [text for _, text in panel.y.ticks]
        return max((measure(SMALL_SIZE)(text) for text in texts), default=30.0) + 8.0, 12.0
    plain = [row for row in panel.rows if not row.heading]
    labels = max((measure(TEXT_SIZE, row.strong)(row.label) for row in plain), default=0.0)
    values = max((measure(TEXT_SIZE, row.strong)(row.value) for row in plain), default=0.0)
    return min(labels, LABEL_SHARE * canvas) + GUTTER, (values + GUTTER if values else 12.0)


def _rows(panel: Pane, canvas: float, left: float, stacked: bool) -> tuple[RowPlan, ...]:
    plans: list[RowPlan] = []
    top = 0.0
    for row in panel.rows:
        bold = row.strong or row.heading
        if row.heading:
            room = canvas
        elif stacked:
            room = canvas - measure(TEXT_SIZE, bold)(row.value) - GUTTER
        else:
            room = left - GUTTER
        lines = lines_of(row.label, room, TEXT_SIZE, bold)
        boxes = [mark for mark in panel.marks if isinstance(mark, Box) and mark.row == row.at]
        height = len(lines) * LINE + ROW_PAD
        if boxes:
            height = max(box_height(box, canvas) for box in boxes) + BOX_GAP
        elif row.heading:
            height += 6.0
        elif stacked:
            height += MARK_ROOM - 4.0
        centre = top + height - MARK_ROOM / 2 - 2.0 if stacked and not row.heading else top + height / 2
        plans.append(RowPlan(row, lines, top, height, centre))
        top += height
    return tuple(plans)


def box_lines(box: Box, canvas: float) -> tuple[str, ...]:
    """Lines of a box's text."""
    return lines_of(box.text, box.width * canvas - 2 * BOX_PAD, SMALL_SIZE)


def box_height(box: Box, canvas: float) -> float:
    """Height that a box needs for its text."""
    return 2 * BOX_PAD + (LINE if box.number else 0.0) + height_of(box_lines(box, canvas), SMALL_SIZE)


def _limits(panel: Pane) -> tuple[float, float]:
    if panel.x is None:
        return 0.0, 1.0
    if panel.x.limits is not None:
        return panel.x.limits
    values = [value for value in _positions(panel) if math.isfinite(value)] or [0.0]
    low, high = min(values), max(values)
    open_ended = any(math.isinf(value) for value in _positions(panel))
    pad = (high - low) * (0.12 if open_ended else 0.05) or abs(high) * 0.1 or 1.0
    return low - pad, high + pad


def _positions(panel: Pane) -> Iterator[float]:
    for mark in panel.marks:
        if isinstance(mark, Interval):
            yield mark.value
            yield from (end for segment in mark.segments for end in segment)
        elif isinstance(mark, Points | Curve):
            yield from mark.x
        elif isinstance(mark, Bars):
            yield from mark.edges
        elif isinstance(mark, VLine):
            yield from (mark.at, *(mark.band or ()))


def _ticks(axis: Axis | None, limits: tuple[float, float], frame: Frame) -> tuple[tuple[float, str], ...]:
    """Round places within the limits whose texts stay on the canvas."""
    left, width, canvas = frame
    if axis is None:
        return ()
    if axis.ticks:
        return tuple(axis.ticks)
    locator = MaxNLocator(nbins=int(min(7, max(2, width // 62))), steps=[1, 2, 2.5, 5, 10])
    places = [float(place) for place in locator.tick_values(*limits)]
    inside = [place for place in places if limits[0] <= place <= limits[1]]
    return tuple(
        (place, text)
        for place, text in zip(inside, format_ticks(inside), strict=True)
        if _fits(left + width * (place - limits[0]) / (limits[1] - limits[0]), text, canvas)
    )


def _fits(centre: float, text: str, canvas: float) -> bool:
    half = measure(SMALL_SIZE)(text) / 2
    return half <= centre <= canvas - half


def _lines(panel: Pane, limits: tuple[float, float], frame: Frame) -> tuple[LinePlan, ...]:
    """Give each label the lowest level on which it touches no other."""
    left, width, canvas = frame
    taken: list[list[tuple[float, float]]] = []
    plans = []
    for line in sorted((m for m in panel.marks if isinstance(m, VLine)), key=lambda mark: mark.at):
        half = measure(SMALL_SIZE)(line.label) / 2 + 5.0
        place = left + width * (line.at - limits[0]) / (limits[1] - limits[0])
        centre = min(max(place, half), max(half, canvas - half))
        level = _free_level(taken, centre - half, centre + half) if line.label else 0
        plans.append(LinePlan(line, centre, level))
    return tuple(plans)


def _free_level(taken: list[list[tuple[float, float]]], low: float, high: float) -> int:
    for level, spans in enumerate(taken):
        if all(high <= start or low >= end for start, end in spans):
            spans.append((low, high))
            return level
    taken.append([(low, high)])
    return len(taken) - 1


def total_height(plans: Sequence[PanelPlan], gap: float) -> float:
    """Height of panels under each other."""
    return sum(plan.above + plan.body + plan.below for plan in plans) + gap * (len(plans) - 1)
