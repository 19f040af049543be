"""Figures that commands draw to files."""

from pathlib import Path
from typing import Any

from estimand.cli.output import tell_places, writing
from estimand.report.drawn import ending_of, write_figure


def drawable(place: Path | None) -> Path | None:
    """Return where a figure is to go, before the work, if it is of a kind that can be drawn."""
    if place is not None:
        ending_of(place)
    return place


def draw(place: Path | None, figure: str, *drawn_from: Any) -> None:
    """Draw a figure of the catalog to a file, and say where; nothing where none is wanted."""
    if place is None:
        return
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_figure(place, figure, *drawn_from)
    tell_places(figure=place)
