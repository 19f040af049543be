"""Where everything of a panel goes, measured before anything is drawn; all lengths in points."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from matplotlib.ticker import MaxNLocator

from estimand.figures.chart import Axis, Band, Bars, Box, Curve, Interval, Key, Pane, Points, Row, Tile, VLine
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
KEY_LINE, KEY_LEADING = 1.6 * LINE, 1.15 * LINE
KEY_MARK, KEY_GAP = 16.0, 18.0
TICK_GAP = 7.0
TILE_PAD = 2.0

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
class KeyPlan:
    """An entry of a legend: the lines of its text, its place from the panel's left, and its first line."""

    key: Key
    lines: tuple[str, ...]
    x: float
    line: int


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
    keys: tuple[KeyPlan, ...]
    tile_text: bool

    @property
    def tiled(self) -> bool:
        """Whether its rows are of tiles, which need no grid."""
        return _tiled(self.panel)

    @property
    def above(self) -> float:
        """Height of title, keys and labels of lines."""
        levels = 1 + max((plan.level for plan in self.lines if plan.line.label), default=-1)
        key_lines = max((plan.line + len(plan.lines) for plan in self.keys), default=0)
        keys = KEY_LINE + (key_lines - 1) * KEY_LEADING if key_lines else 0.0
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
    return canvas < STACK_BELOW and not _tiled(panel) and any(row.label for row in panel.rows)


def _tiled(panel: Pane) -> bool:
    return any(isinstance(mark, Tile) for mark in panel.marks)


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
        keys=_keys(panel.keys, canvas - left),
        tile_text=_tiles_have_room(panel, width / (limits[1] - limits[0])),
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
            # What was added to the widest label comes off with a rounding error.
            room = left - GUTTER + 0.01
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
        elif isinstance(mark, Points | Curve | Band):
            yield from mark.x
        elif isinstance(mark, Tile):
            yield from (mark.x - mark.width / 2, mark.x + mark.width / 2)
        elif isinstance(mark, Bars):
            yield from mark.edges
        elif isinstance(mark, VLine):
            yield from (mark.at, *(mark.band or ()))


def _ticks(axis: Axis | None, limits: tuple[float, float], frame: Frame) -> tuple[tuple[float, str], ...]:
    """Round places within the limits whose texts stay on the canvas."""
    left, width, canvas = frame
    if axis is None:
        return ()
    scale = width / (limits[1] - limits[0])
    if axis.ticks:
        return _apart([(place, text, left + scale * (place - limits[0])) for place, text in axis.ticks], canvas)
    locator = MaxNLocator(nbins=int(min(7, max(2, width // 62))), steps=[1, 2, 2.5, 5, 10])
    places = [float(place) for place in locator.tick_values(*limits)]
    inside = [place for place in places if limits[0] <= place <= limits[1]]
    return tuple(
        (place, text)
        for place, text in zip(inside, format_ticks(inside), strict=True)
        if _fits(left + scale * (place - limits[0]), text, canvas)
    )


def _apart(ticks: Sequence[tuple[float, str, float]], canvas: float) -> tuple[tuple[float, str], ...]:
    """Every first, second, third, … tick, so that texts are apart and on the canvas; zero stays where it is one."""
    zero = next((j for j, (place, _, _) in enumerate(ticks) if place == 0.0), 0)
    for every in range(1, len(ticks) + 1):
        kept = [tick for tick in ticks[zero % every :: every] if _fits(tick[2], tick[1], canvas)]
        ends = [(at - measure(SMALL_SIZE)(text) / 2, at + measure(SMALL_SIZE)(text) / 2) for _, text, at in kept]
        if all(after[0] - before[1] >= TICK_GAP for before, after in pairwise(ends)):
            break
    return tuple((place, text) for place, text, _ in kept)


def _fits(centre: float, text: str, canvas: float) -> bool:
    half = measure(SMALL_SIZE)(text) / 2
    return half <= centre <= canvas - half


def _keys(keys: Sequence[Key], room: float) -> tuple[KeyPlan, ...]:
    """Place a legend's entries beside each other, on a new line where one is full."""
    plans: list[KeyPlan] = []
    x, line = 0.0, 0
    for key in keys:
        lines = lines_of(key.text, room - KEY_MARK, SMALL_SIZE) or ("",)
        wide = KEY_MARK + max(measure(SMALL_SIZE)(text) for text in lines)
        if plans and x + wide > room:
            x, line = 0.0, line + len(plans[-1].lines)
        plans.append(KeyPlan(key, lines, x, line))
        x += wide + KEY_GAP
    return tuple(plans)


def _tiles_have_room(panel: Pane, scale: float) -> bool:
    """Tell whether every tile is wide enough for its text."""
    tiles = [mark for mark in panel.marks if isinstance(mark, Tile)]
    return all(measure(SMALL_SIZE)(tile.text) + 2 * TILE_PAD <= scale * tile.width for tile in tiles)


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
