"""What heat maps share: numbers in their cells, and the scale of their colours."""

import math

from estimand.core.display import true_minus
from estimand.figures.chart import Axis, Pane, Row, Tile
from estimand.figures.ticks import round_ticks

LEGEND_TILES = 91
WHOLE = 100.0


def cell_text(value: float, top: float) -> str:
    """Write a value with as many decimals as the largest needs for two digits, and one at least below a hundred.

    Examples
    --------
    >>> cell_text(-0.0312, 0.25), cell_text(1214.2, 1794.0)
    ('−0.03', '1214')
    """
    digits = max(0 if top >= WHOLE else 1, 1 - math.floor(math.log10(top)))
    text = f"{value:.{digits}f}"
    return true_minus(text) if float(text) else text.removeprefix("-")


def colour_scale(label: str, top: float) -> Pane:
    """The colours, from the largest negative to the largest positive value."""
    wide = 2.0 * top / LEGEND_TILES
    marks = [
        Tile(-top + (j + 0.5) * wide, 0.0, 2.0 * (j + 0.5) / LEGEND_TILES - 1.0, width=wide)
        for j in range(LEGEND_TILES)
    ]
    return Pane(marks, Axis(label, (-top, top), round_ticks(-top, top)), rows=[Row(0.0)])
