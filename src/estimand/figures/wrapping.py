"""Text broken into lines of a given width, so that nothing is cut off."""

import re
from collections.abc import Callable
from typing import TypeAlias

Measure: TypeAlias = Callable[[str], float]

_PIECES = re.compile(r"[^\s_/=-]*[\s_/=-]?")


def wrap(text: str, width: float, measure: Measure) -> tuple[str, ...]:
    """Break text after spaces, underscores, slashes and hyphens; within a word only where one is too long.

    Parameters
    ----------
    text : str
    width : float
        In the unit of ``measure``.
    measure : callable
        Width of a text.
    """
    lines = [""]
    for piece in _PIECES.findall(plain(text)):
        if measure((lines[-1] + piece).rstrip()) <= width:
            lines[-1] += piece
            continue
        if lines[-1]:
            lines.append("")
        for letter in piece:
            if lines[-1] and measure(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return tuple(line.strip() for line in lines if line.strip()) or ("",)


def plain(text: str) -> str:
    """Return text on one line, without control characters, which no SVG may hold."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
