"""One picture of all cells: coverage of every setting in every world, what misses standing out."""

from collections.abc import Iterator, Sequence
from html import escape

from estimand.core.calibration import Cell
from estimand.figures.look import FONT_STACK, INK, MUTED, PAPER
from estimand.laboratory.worlds.catalog import ROLLOUT_KEYS

LEFT, TOP, WIDE, HIGH, GAP = 190, 150, 44, 22, 2
BELOW = 20
FILLS = {
    "pass": ("#dcefe8", INK, "passes"),
    "known": ("#ffe1ad", INK, "misses, as declared beforehand"),
    "fail": ("#c8401e", PAPER, "fails"),
    "refused": ("#f1f2f1", MUTED, "refused, or no interval"),
}
KEY = {"pass": 0, "known": 90, "fail": 300, "refused": 370}


def picture(cells: Sequence[Cell]) -> str:
    """Draw the cells as grids in SVG, worlds of two arms above rollouts: a row for each setting, a column a world."""
    kinds = ([cell for cell in cells if (cell.world in ROLLOUT_KEYS) is apart] for apart in (False, True))
    grids = [kind for kind in kinds if kind] or [[]]
    heights = [TOP + len(rows_of(grid)) * HIGH for grid in grids]
    width = LEFT + max(len({cell.world for cell in grid}) for grid in grids) * WIDE + 110
    height = sum(heights) + BELOW * (len(grids) - 1) + 46
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{FONT_STACK}" font-size="11" role="img" aria-labelledby="title">'
    )
    parts = [
        opening,
        '<title id="title">Coverage of 95 % intervals, by method and world, in per cent</title>',
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
    ]
    for j, grid in enumerate(grids):
        parts += _grid(grid, sum(heights[:j]) + j * BELOW + TOP)
    return "\n".join([*parts, *_key(height - 28), "</svg>"]) + "\n"


def _grid(cells: Sequence[Cell], top: int) -> Iterator[str]:
    """Draw one grid, whose boxes begin at ``top``."""
    settings = rows_of(cells)
    worlds = list(dict.fromkeys(cell.world for cell in cells))
    yield from _worlds(worlds, top)
    yield from _settings(settings, top)
    for cell in cells:
        yield _cell(cell, top + settings.index(cell.setting) * HIGH, LEFT + worlds.index(cell.world) * WIDE)


def rows_of(cells: Sequence[Cell]) -> list[str]:
    """Settings in the order of their methods, a method's own side by side."""
    methods = list(dict.fromkeys(cell.method for cell in cells))
    by_setting = {cell.setting: cell.method for cell in cells}
    return sorted(by_setting, key=lambda setting: methods.index(by_setting[setting]))


def _worlds(worlds: Sequence[str], top: int) -> Iterator[str]:
    for j, world in enumerate(worlds):
        x, y = LEFT + j * WIDE + WIDE // 2, top - 8
        words = escape(world.replace("_", " "))
        yield f'<text x="{x}" y="{y}" transform="rotate(-45 {x} {y})" fill="{INK}">{words}</text>'


def _settings(settings: Sequence[str], top: int) -> Iterator[str]:
    for i, setting in enumerate(settings):
        words = escape(setting.replace("_", " "))
        yield f'<text x="{LEFT - 10}" y="{top + i * HIGH + 15}" text-anchor="end" fill="{INK}">{words}</text>'


def _cell(cell: Cell, y: int, x: int) -> str:
    fill, ink, _ = FILLS[cell.ruling]
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
