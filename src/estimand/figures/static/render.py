"""A chart drawn by matplotlib: measured first, then put on a canvas of just that size."""

import hashlib
import html
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from threading import Lock
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from estimand.figures.chart import Chart, Tone
from estimand.figures.look import (
    COLOURS,
    EDGE,
    FONT_STACK,
    GRID,
    INK,
    LEADING,
    MUTED,
    PAPER,
    SMALL_SIZE,
    TEXT_SIZE,
    TITLE_SIZE,
    WIDE,
)
from estimand.figures.static.layout import KEY_LEADING, KEY_MARK, LINE, PanelPlan, plan_panels, total_height
from estimand.figures.static.marks import HEAVY_LINE, draw_marks
from estimand.figures.static.type import FAMILY, height_of, lines_of
from estimand.figures.wrapping import plain

POINTS_PER_INCH = 72.0
MARGIN = 4.0
GAP = 26.0

# matplotlib's settings are global: one figure at a time
_ONE_AT_A_TIME = Lock()
_TAG = re.compile(r"<[^>]*>")
_IDLE = re.compile(r' id="[\w.]+_\d+"| transform="rotate\(-0 [^)]*\)"')
_FAMILY = re.compile(r"font-family: [^;\"]+;? ?")


def to_svg(chart: Chart, width: float = WIDE, heading: bool = True) -> str:
    """Draw a chart as SVG whose text is text; the same chart gives the same bytes.

    Parameters
    ----------
    chart : Chart
    width : float
        In CSS pixels; below 480 labels stand above their rows.
    heading : bool
        Whether title and caption are in the picture; a page that sets them as text leaves them out.
    """
    salt = hashlib.sha256(f"{width}|{heading}|{chart.alt}".encode()).hexdigest()
    with _settings(salt):
        figure = _figure(chart, width, heading)
        out = StringIO()
        figure.savefig(out, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Type", "Format")))
    return _tidied(out.getvalue(), chart.alt)


def to_png(chart: Chart, dpi: float = 144.0, width: float = WIDE) -> bytes:
    """Draw a chart as PNG; 72 dots per inch give one dot per CSS pixel."""
    with _settings("png"):
        figure = _figure(chart, width, heading=True)
        out = BytesIO()
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


@contextmanager
def _settings(salt: str) -> Iterator[None]:
    settings = mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": salt,
            "font.family": [FAMILY],
            "text.parse_math": False,
            "text.usetex": False,
            "text.hinting": "none",
            "savefig.bbox": None,
        }
    )
    with _ONE_AT_A_TIME, settings, warnings.catch_warnings():
        # a letter that the measuring font lacks is still in the reader's
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _figure(chart: Chart, width: float, heading: bool) -> Figure:
    inner = width - 2 * MARGIN
    title = lines_of(chart.title, inner, TITLE_SIZE, bold=True) if heading else ()
    caption = lines_of(chart.caption, inner, SMALL_SIZE) if heading else ()
    plans = plan_panels(chart.panels, inner, chart.aligned)
    head = height_of(title, TITLE_SIZE) + (12.0 if title else 0.0)
    foot = height_of(caption, SMALL_SIZE) + (10.0 if caption else 0.0)
    height = head + total_height(plans, GAP) + foot + 2 * MARGIN
    figure = Figure(figsize=(width / POINTS_PER_INCH, height / POINTS_PER_INCH), facecolor=PAPER)
    page = _Page(figure, width, height)
    page.lines(title, MARGIN, MARGIN, TITLE_SIZE, weight="bold")
    top = MARGIN + head
    for plan in plans:
        _draw_panel(page, plan, top)
        top += plan.above + plan.body + plan.below + GAP
    page.lines(caption, MARGIN, height - MARGIN - foot + 10.0, SMALL_SIZE, color=MUTED)
    return figure


class _Page:
    """A figure measured in points from its top left corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes without frame or ticks at a place."""
        bottom = self.height - top - height
        axes = self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))
        axes.set_facecolor("none")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=SMALL_SIZE, labelcolor=MUTED, pad=5)
        return axes

    def text(self, x: float, y: float, text: str, size: float = TEXT_SIZE, **style: Any) -> None:
        """One line of text, its middle at y."""
        style = {"color": INK, "va": "center"} | style
        self.figure.text(x / self.width, 1.0 - y / self.height, plain(text), fontsize=size, **style)

    def lines(self, lines: tuple[str, ...], x: float, top: float, size: float, **style: Any) -> None:
        """Lines of text from a top downwards."""
        for j, line in enumerate(lines):
            self.text(x, top + (j + 0.5) * size * LEADING, line, size, **style)


def _draw_panel(page: _Page, plan: PanelPlan, top: float) -> None:
    page.lines(plan.title, MARGIN, top, TEXT_SIZE, weight="bold")
    y_label_top = top + height_of(plan.title) + (10.0 if plan.title else 0.0)
    page.lines(plan.y_label, MARGIN, y_label_top, SMALL_SIZE, color=MUTED)
    body_top = top + plan.above
    left = MARGIN + plan.left
    axes = page.axes(left, body_top, plan.width, plan.body)
    axes.set_xlim(*plan.limits)
    _scale_y(axes, plan)
    if plan.panel.x is not None:
        axes.set_xticks([at for at, _ in plan.ticks], [plain(text) for _, text in plan.ticks])
        if not plan.tiled:
            axes.grid(axis="x", color=GRID, linewidth=0.8)
        axes.spines["bottom"].set(visible=True, color=EDGE, linewidth=0.8)
    else:
        axes.set_xticks([])
    axes.set_axisbelow(True)
    draw_marks(axes, plan)
    _draw_rows(page, plan, body_top)
    _draw_keys(page, plan, left, y_label_top + height_of(plan.y_label, SMALL_SIZE))
    page.lines(plan.x_label, left, body_top + plan.body + 22.0, SMALL_SIZE, color=MUTED)


def _scale_y(axes: Axes, plan: PanelPlan) -> None:
    axis = plan.panel.y
    if axis is None:
        axes.set_ylim(plan.body, 0.0)
        axes.set_yticks([])
        return
    if axis.limits is not None:
        axes.set_ylim(*axis.limits)
    axes.set_yticks([at for at, _ in axis.ticks], [plain(text) for _, text in axis.ticks])
    axes.grid(axis="y", color=GRID, linewidth=0.8)


def _draw_rows(page: _Page, plan: PanelPlan, body_top: float) -> None:
    for item in plan.rows:
        row = item.row
        weight: Literal["bold", "normal"] = "bold" if row.strong or row.heading else "normal"
        colour = COLOURS[row.tone] if row.tone in {Tone.VETOED, Tone.NAIVE, Tone.HEADLINE} else INK
        height = height_of(item.lines)
        top = body_top + (item.top + 5.0 if plan.stacked else item.top + (item.height - height) / 2)
        back = _backing(0.85 if plan.stacked else 1.0) if row.heading or plan.stacked else None
        page.lines(item.lines, MARGIN, top, TEXT_SIZE, weight=weight, color=colour, bbox=back, zorder=6)
        if row.value:
            y = top + LINE / 2 if plan.stacked else body_top + item.centre
            edge = page.width - MARGIN
            page.text(edge, y, row.value, ha="right", weight=weight, color=colour, bbox=back, zorder=6)


def _backing(alpha: float) -> dict[str, Any]:
    """Paper behind words that stand in the plot area."""
    return {"facecolor": PAPER, "edgecolor": "none", "pad": 1.5, "alpha": alpha}


def _draw_keys(page: _Page, plan: PanelPlan, left: float, top: float) -> None:
    for item in plan.keys:
        key, x, y = item.key, left + item.x, top + item.line * KEY_LEADING + LINE / 2
        axes = page.axes(x, y - 5.0, 10.0, 10.0)
        axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
        colour = COLOURS[key.tone]
        if key.kind == "point":
            face = colour if key.filled else PAPER
            axes.plot([0.5], [0.5], "o", color=colour, ms=7.0, mfc=face, mew=1.6, clip_on=False)
        else:
            width = {"bar": HEAVY_LINE, "line": 1.6, "dashes": 1.6}[key.kind]
            dashes = (0, (2.2, 1.4)) if key.kind == "dashes" else "solid"
            axes.plot((-0.25, 1.1), (0.5, 0.5), color=colour, lw=width, ls=dashes, clip_on=False)
        for j, text in enumerate(item.lines):
            page.text(x + KEY_MARK, y + j * KEY_LEADING, text, SMALL_SIZE, color=INK)


def _tidied(svg: str, alt: str) -> str:
    """Keep the picture alone: no prolog, no names nobody refers to, the reader's own font."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"\s*<defs>\s*<style[^<]*</style>\s*</defs>", "", body, count=1)
    body = _TAG.sub(lambda tag: _FAMILY.sub("", _IDLE.sub("", tag[0])), body)
    body = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', body, count=2)
    root = f'<svg role="img" aria-label="{html.escape(plain(alt))}" font-family="{FONT_STACK}" '
    return body.replace("<svg ", root + 'stroke-linejoin="round" ', 1)
