"""Marks put on matplotlib axes; rows run downwards in points, x in data units."""

import math
from functools import singledispatch
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from estimand.figures.chart import Band, Bars, Box, Curve, Interval, Link, Mark, Note, Points, Tile, Tone, VLine
from estimand.figures.look import (
    COLOURS,
    EDGE,
    GRID,
    INK,
    LEADING,
    MUTED,
    PAPER,
    SMALL_SIZE,
    TEXT_SIZE,
    TINTS,
    diverging,
)
from estimand.figures.static.layout import BOX_GAP, LABEL_LINE, LINE, PanelPlan, box_lines
from estimand.figures.static.type import lines_of
from estimand.figures.wrapping import plain

HEAVY = {Tone.HEADLINE: 3.2}
SIZES = {Tone.HEADLINE: 9.0, Tone.NAIVE: 6.5}
SHAPES = {Tone.NAIVE: "D"}
SMALL_POINT = 4.4
HEAVY_LINE = 3.4
SEAM, LEAST_SEAMED, OVERLAP = 1.5, 8.0, 0.4
DARK = 0.75
SHADE = 0.16


def draw_marks(axes: Axes, plan: PanelPlan) -> None:
    """Draw every mark of a panel."""
    for mark in plan.panel.marks:
        draw(mark, axes, plan)


@singledispatch
def draw(mark: Mark, axes: Axes, plan: PanelPlan) -> None:
    """Draw one mark."""
    raise TypeError(f"{type(mark).__name__} is no mark")


@draw.register
def _interval(mark: Interval, axes: Axes, plan: PanelPlan) -> None:
    if not math.isfinite(mark.value):
        return
    colour, y = COLOURS[mark.tone], plan.centre_of(mark.row)
    low, high = plan.limits
    for start, end in mark.segments:
        ends = (max(start, low), min(end, high))
        axes.plot(ends, (y, y), color=colour, lw=HEAVY.get(mark.tone, 1.8), clip_on=False, zorder=4)
        for bound, edge, shape in ((start, low, "<"), (end, high, ">")):
            if math.isinf(bound):
                axes.plot([edge], [y], shape, color=colour, ms=7.0, clip_on=False, zorder=4)
    _points(
        Points((mark.value,), (mark.row,), mark.tone, filled=bool(mark.segments)),
        axes,
        plan,
    )


@draw.register
def _points(mark: Points, axes: Axes, plan: PanelPlan) -> None:
    colour = COLOURS[mark.tone]
    axes.plot(
        mark.x,
        [plan.centre_of(row) for row in mark.y] if plan.rows else mark.y,
        SHAPES.get(mark.tone, "o"),
        color=colour,
        ms=SMALL_POINT if mark.small else SIZES.get(mark.tone, 7.0),
        mfc=colour if mark.filled else PAPER,
        mew=1.0 if mark.small else 1.6,
        clip_on=False,
        zorder=5,
    )


@draw.register
def _curve(mark: Curve, axes: Axes, plan: PanelPlan) -> None:
    dashes = (0, (4, 3)) if mark.dashed else "solid"
    width = HEAVY_LINE if mark.heavy else 1.4
    axes.plot(mark.x, mark.y, color=COLOURS[mark.tone], lw=width, ls=dashes, solid_capstyle="butt", zorder=3)
    if mark.label:
        axes.annotate(
            plain(mark.label),
            (mark.x[mark.label_at], mark.y[mark.label_at]),
            ha="center",
            va="center",
            fontsize=SMALL_SIZE,
            color=COLOURS[mark.tone] if mark.tone is not Tone.QUIET else MUTED,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
            zorder=4,
        )


@draw.register
def _band(mark: Band, axes: Axes, plan: PanelPlan) -> None:
    axes.fill_between(mark.x, mark.low, mark.high, color=COLOURS[mark.tone], alpha=SHADE, lw=0, zorder=1)


@draw.register
def _bars(mark: Bars, axes: Axes, plan: PanelPlan) -> None:
    edges = np.asarray(mark.edges, dtype=float)
    axes.bar(
        edges[:-1],
        mark.heights,
        np.diff(edges),
        align="edge",
        color=COLOURS[mark.tone],
        edgecolor=PAPER,
        linewidth=0.7,
        zorder=3,
    )


@draw.register
def _vline(mark: VLine, axes: Axes, plan: PanelPlan) -> None:
    where = next(item for item in plan.lines if item.line is mark)
    to_x = axes.get_xaxis_transform()
    if mark.band is not None:
        low, high = mark.band
        tint = TINTS.get(mark.tone, TINTS[Tone.PLAIN])
        axes.axvspan(low, high, color=tint, lw=0, zorder=1)
    reach = 1.0 + (3.0 + where.level * LABEL_LINE) / plan.body if mark.label else 1.0
    dashes = (0, (4, 3)) if mark.tone is not Tone.QUIET else "solid"
    axes.plot(
        (mark.at, mark.at),
        (0.0, reach),
        color=COLOURS[mark.tone],
        lw=1.2,
        ls=dashes,
        transform=to_x,
        clip_on=False,
        zorder=2,
    )
    if mark.label:
        axes.annotate(
            plain(mark.label),
            ((where.centre - plan.left) / plan.width, 1.0),
            (0.0, 5.0 + where.level * LABEL_LINE),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL_SIZE,
            color=COLOURS[mark.tone] if mark.tone is not Tone.QUIET else MUTED,
        )


@draw.register
def _note(mark: Note, axes: Axes, plan: PanelPlan) -> None:
    low, high = plan.limits
    room = plan.width * (high - mark.x) / (high - low)
    lines = lines_of(mark.text, room, TEXT_SIZE, bold=True)
    start = 0.0 if mark.anchor == "top" else (len(lines) - 1) * LINE
    for j, line in enumerate(lines):
        axes.annotate(
            line,
            (mark.x, mark.y),
            (0.0, start - j * LINE),
            textcoords="offset points",
            color=COLOURS[mark.tone],
            fontsize=TEXT_SIZE,
            fontweight="bold",
            va=mark.anchor,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
            zorder=6,
        )


@draw.register
def _box(mark: Box, axes: Axes, plan: PanelPlan) -> None:
    top, bottom = _ends(mark, plan)
    edge = COLOURS[mark.tone] if mark.tone in {Tone.HEADLINE, Tone.BENCHMARK} else EDGE
    axes.add_patch(
        Rectangle(
            (mark.x - mark.width / 2, top),
            mark.width,
            bottom - top,
            facecolor=TINTS.get(mark.tone, PAPER),
            edgecolor=edge,
            linewidth=1.0,
            clip_on=False,
            zorder=3,
        )
    )
    lines = box_lines(mark, plan.width)
    used = (LINE if mark.number else 0.0) + len(lines) * SMALL_SIZE * LEADING
    y = top + (bottom - top - used) / 2
    style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4}
    if mark.number:
        size = TEXT_SIZE + 1
        axes.text(mark.x, y + LINE / 2, mark.number, fontsize=size, weight="bold", color=INK, **style)
        y += LINE
    for j, line in enumerate(lines):
        middle = y + (j + 0.5) * SMALL_SIZE * LEADING
        axes.text(mark.x, middle, line, fontsize=SMALL_SIZE, color=MUTED, **style)


def _ends(box: Box, plan: PanelPlan) -> tuple[float, float]:
    """Top and bottom of a box, below the top of the body."""
    row = plan.row_plan(box.row)
    return row.top + BOX_GAP / 2, row.top + row.height - BOX_GAP / 2


@draw.register
def _tile(mark: Tile, axes: Axes, plan: PanelPlan) -> None:
    row, scale = plan.row_plan(mark.row), plan.width / (plan.limits[1] - plan.limits[0])
    seam = SEAM if scale * mark.width >= LEAST_SEAMED else 0.0
    left, wide = mark.x - mark.width / 2 + seam / scale / 2, mark.width - (seam or -OVERLAP) / scale
    top, high = row.top + seam / 2, row.height - seam
    fill = GRID if mark.share is None else diverging(mark.share)
    axes.add_patch(Rectangle((left, top), wide, high, facecolor=fill, edgecolor="none", zorder=3))
    if mark.share is None:
        axes.plot((left, left + wide), (top + high, top), color=EDGE, lw=1.0, solid_capstyle="butt", zorder=4)
    elif mark.text and plan.tile_text:
        colour = PAPER if abs(mark.share) > DARK else INK
        style: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4}
        axes.text(mark.x, row.top + row.height / 2, plain(mark.text), fontsize=SMALL_SIZE, color=colour, **style)
    if mark.starts:
        at, ends = mark.x - mark.width / 2, (row.top, row.top + row.height)
        axes.plot((at, at), ends, color=INK, lw=2.4, solid_capstyle="butt", clip_on=False, zorder=5)


@draw.register
def _link(mark: Link, axes: Axes, plan: PanelPlan) -> None:
    source, target = mark.source, mark.target
    _, foot = _ends(source, plan)
    head, floor = _ends(target, plan)
    if mark.enter == "side":
        middle = (head + floor) / 2
        side = target.x - target.width / 2 if target.x > source.x else target.x + target.width / 2
        path = [(source.x, foot), (source.x, middle), (side, middle)]
    elif math.isclose(source.x, target.x):
        path = [(source.x, foot), (source.x, head)]
    else:
        turn = foot + BOX_GAP / 2
        path = [(source.x, foot), (source.x, turn), (target.x, turn), (target.x, head)]
    axes.plot(*zip(*path[:-1], strict=True), color=EDGE, lw=1.2, clip_on=False, zorder=2)
    axes.annotate(
        "",
        path[-1],
        path[-2],
        arrowprops={"arrowstyle": "-|>", "color": EDGE, "lw": 1.2, "shrinkA": 0, "shrinkB": 0},
        zorder=2,
        annotation_clip=False,
    )
