"""A figure of the catalog in a file of its own."""

from pathlib import Path
from typing import Any

from estimand.core.catalog import resolve
from estimand.errors import Code, DataError
from estimand.figures.static import to_png, to_svg

ENDINGS = (".svg", ".png")


def ending_of(place: Path) -> str:
    """Return the kind of file that a figure is to be written to, as ``.svg``.

    Raises
    ------
    DataError
        If figures are drawn in no such kind.
    """
    ending = place.suffix.lower()
    if ending not in ENDINGS:
        raise DataError(
            f"'{place.name}' is of no kind that figures are drawn in.",
            remedy=f"End its name in {' or '.join(ENDINGS)}.",
            code=Code.UNSUPPORTED,
            found=ending,
        )
    return ending


def write_figure(place: Path, key: str, *drawn_from: Any) -> Path:
    """Draw a figure and write it, and return its path.

    Parameters
    ----------
    place : Path
        Ends in .svg or .png.
    key : str
        Of the catalog.
    *drawn_from
        What the figure takes.

    Raises
    ------
    DataError
        If the ending is another.
    """
    ending = ending_of(place)
    chart = resolve("figures", key)(*drawn_from)
    place.write_bytes(to_png(chart) if ending == ".png" else to_svg(chart).encode())
    return place
