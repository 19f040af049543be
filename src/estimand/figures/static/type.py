"""How wide text is, in the one font that is the same on every machine."""

from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import text_to_path

from estimand.figures.look import LEADING, TEXT_SIZE
from estimand.figures.wrapping import Measure, wrap

FAMILY = "DejaVu Sans"


@cache
def _font(size: float, bold: bool) -> FontProperties:
    return FontProperties(family=FAMILY, size=size, weight="bold" if bold else "normal")


def measure(size: float, bold: bool = False) -> Measure:
    """Return the function that measures text of a size, in points.

    A letter that the font lacks is given a full square.
    """
    font = _font(size, bold)
    letters = get_font(findfont(font))

    def width(text: str) -> float:
        known = "".join(letter for letter in text if letters.get_char_index(ord(letter)))
        known_width, _, _ = text_to_path.get_text_width_height_descent(known, font, False)
        return float(known_width) + size * (len(text) - len(known))

    return width


def lines_of(text: str, width: float, size: float = TEXT_SIZE, bold: bool = False) -> tuple[str, ...]:
    """Break text of a size into lines no wider than ``width``; no line where there is no text."""
    return wrap(text, width, measure(size, bold)) if text else ()


def height_of(lines: tuple[str, ...], size: float = TEXT_SIZE) -> float:
    """Height of lines of a size."""
    return len(lines) * size * LEADING
