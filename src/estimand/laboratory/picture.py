"""One picture of all cells: coverage of every setting in every world, what misses standing out."""

from collections.abc import Iterator, Sequence
from html import escape

from estimand.core.calibration import Cell
from estimand.figures.look import FONT_STACK, INK, MUTED, PAPER

LEFT, TOP, WIDE, HIGH, GAP = 190, 150, 44, 22, 2
FILLS = {
    "pass": ("#dcefe8", INK, "passes"),
    "known": ("#ffe1ad", INK, "misses, as declared beforehand"),
    "fail": ("#c8401e", PAPER, "fails"),
    "refused": ("#f1f2f1", MUTED, "refused, or no interval"),
}
KEY = {"pass": 0, "known": 90, "fail": 300, "refused": 370}


def picture(cells: Sequence[Cell]) -> str:
    """Draw the cells as a grid in SVG: a row for each setting, a column for each world."""
    settings = rows_of(cells)
    worlds = list(dict.fromkeys(cell.world for cell in cells))
    width = LEFT + len(worlds) * WIDE + 110
    height = TOP + len(settings) * HIGH + 46
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FONT_STACK}" font-size="11" role="img" aria-labelledby="title">'
    )
    parts = [
        opening,
        '<title id="title">Coverage of 95 % intervals, by method and world, in per cent</title>',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        *_worlds(worlds),
        *_settings(settings),
        *(_cell(cell, settings.index(cell.setting), worlds.index(cell.world)) for cell in cells),
        *_key(TOP + len(settings) * HIGH + 18),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def rows_of(cells: Sequence[Cell]) -> list[str]:
    """Settings in the order of their methods, a method's own side by side."""
    methods = list(dict.fromkeys(cell.method for cell in cells))
    by_setting = {cell.setting: cell.method for cell in cells}
    return sorted(by_setting, key=lambda setting: methods.index(by_setting[setting]))


def _worlds(worlds: Sequence[str]) -> Iterator[str]:
    for j, world in enumerate(worlds):
        x, y = LEFT + j * WIDE + WIDE // 2, TOP - 8
        words = escape(world.replace("_", " "))
        yield f'<text x="{x}" y="{y}" transform="rotate(-45 {x} {y})" fill="{INK}">{words}</text>'


def _settings(settings: Sequence[str]) -> Iterator[str]:
    for i, setting in enumerate(settings):
        words = escape(setting.replace("_", " "))
        yield f'<text x="{LEFT - 10}" y="{TOP + i * HIGH + 15}" text-anchor="end" fill="{INK}">{words}</text>'


def _cell(cell: Cell, row: int, column: int) -> str:
    fill, ink, _ = FILLS[cell.ruling]
    x, y = LEFT + column * WIDE, TOP + row * HIGH
    shown = "·" if cell.coverage is None else f"{100 * cell.coverage:.1f}"
    told = escape(f"{cell.setting}, {cell.place}: {shown if cell.coverage is not None else cell.code}")
    weight = ' font-weight="bold"' if cell.ruling == "fail" else ""
    box = f'<rect x="{x}" y="{y}" width="{WIDE - GAP}" height="{HIGH - GAP}" rx="3" fill="{fill}"/>'
    middle = x + (WIDE - GAP) // 2
    number = f'<text x="{middle}" y="{y + 14}" text-anchor="middle" fill="{ink}"{weight}>{shown}</text>'
    return f"<g><title>{told}</title>{box}{number}</g>"


def _key(y: int) -> Iterator[str]:
    for ruling, (fill, _, words) in FILLS.items():
        x = LEFT + KEY[ruling]
        yield f'<rect x="{x}" y="{y}" width="16" height="14" rx="3" fill="{fill}"/>'
        yield f'<text x="{x + 22}" y="{y + 11}" fill="{MUTED}">{words}</text>'
