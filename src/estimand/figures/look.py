"""The one look of all figures: colours that colour-blind readers tell apart, and a few sizes."""

from typing import Final

from estimand.figures.chart import Tone

INK: Final = "#20272c"
MUTED: Final = "#5c666d"
GRID: Final = "#e4e7e6"
EDGE: Final = "#b9c0c2"
PAPER: Final = "#ffffff"

COLOURS: Final = {
    Tone.HEADLINE: "#0067a5",
    Tone.PLAIN: "#4c5860",
    Tone.NAIVE: "#b35400",
    Tone.VETOED: "#a3abb0",
    Tone.BENCHMARK: "#007a5a",
    Tone.QUIET: "#7b868c",
    Tone.FIRST: "#0072b2",
    Tone.SECOND: "#d98200",
    Tone.THIRD: "#00896a",
    Tone.FOURTH: "#b5558a",
}
TINTS: Final = {Tone.BENCHMARK: "#dcefe8", Tone.PLAIN: "#f5f6f5", Tone.QUIET: "#ffffff", Tone.FIRST: "#deebf4"}
ARM_TONES: Final = (Tone.SECOND, Tone.FIRST, Tone.THIRD, Tone.FOURTH)

FONT_STACK: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
TITLE_SIZE: Final = 15.0
TEXT_SIZE: Final = 12.0
SMALL_SIZE: Final = 11.0
LEADING: Final = 1.3

WIDE: Final = 680.0
NARROW: Final = 350.0
STACK_BELOW: Final = 480.0

_MIDDLE, _LOW, _HIGH = (247, 247, 245), (168, 77, 0), (11, 90, 148)


def diverging(share: float) -> str:
    """Colour of a value from -1 over 0 to 1: orange, nearly white, blue; beyond the ends it stays that of the end."""
    reach = min(1.0, abs(share))
    end = _LOW if share < 0.0 else _HIGH
    mixed = (round(middle + reach * (far - middle)) for middle, far in zip(_MIDDLE, end, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
