"""Numbers as a reader sees them: about three digits, thousands apart, a true minus sign."""

import math
from collections.abc import Sequence

from estimand.core.display import LARGEST, NONE, SMALLEST, format_interval, format_number, true_minus

__all__ = [
    "NONE",
    "SHARES",
    "aligned",
    "format_count",
    "format_interval",
    "format_number",
    "format_p",
    "format_plain",
    "format_share",
    "format_ticks",
    "spoken_period",
    "spoken_unit",
]

SHARES = ("share", "proportion", "probability", "fraction")
_FIGURE_SPACE, _POINT_SPACE = "\u2007", "\u2008"


def format_p(value: float | None) -> str:
    """Write a p-value with three decimals; a tiny one as a bound.

    Examples
    --------
    >>> format_p(0.04251), format_p(2e-9), format_p(None)
    ('0.043', '< 0.001', 'none')
    """
    if value is None or math.isnan(value):
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def format_count(value: float) -> str:
    """Write a count, thousands apart; a weighted one keeps three digits."""
    return true_minus(f"{int(value):,}") if float(value).is_integer() else format_number(value)


def format_share(value: float) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> format_share(0.98), format_share(0.0004), format_share(1.0)
    ('98.0%', '< 0.1%', '100%')
    """
    percent = 100.0 * value
    if 0.0 < percent < 0.1:
        return "< 0.1%"
    if 99.9 < percent < 100.0:
        return "> 99.9%"
    return f"{percent:.0f}%" if percent in {0.0, 100.0} else f"{percent:.1f}%"


def spoken_unit(unit: str | None) -> tuple[float, str]:
    """Factor and words with which a sentence tells a number: a share is told in percentage points.

    Examples
    --------
    >>> spoken_unit("share"), spoken_unit("dollars"), spoken_unit(None)
    ((100.0, ' percentage points'), (1.0, ' dollars'), (1.0, ''))
    """
    if unit is None:
        return 1.0, ""
    return (100.0, " percentage points") if unit.lower() in SHARES else (1.0, f" {unit}")


def spoken_period(label: str) -> str:
    """Name a period in a sentence: a year or a month by itself, a bare count or a day as a period.

    Examples
    --------
    >>> spoken_period("2007"), spoken_period("2024-03"), spoken_period("7")
    ('2007', '2024-03', 'period 7')
    """
    return label if len("2007") <= len(label) <= len("2024-03") else f"period {label}"


def format_plain(value: float) -> str:
    """Write a threshold or a tick: no more digits than it needs.

    Examples
    --------
    >>> format_plain(0.1), format_plain(-2500.0)
    ('0.1', '−2,500')
    """
    if value != 0 and not SMALLEST <= abs(value) < LARGEST:
        return format_number(value)
    digits = 0 if value == 0 else max(0, 5 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return true_minus(text.rstrip("0").rstrip(".") if "." in text else text)


def format_ticks(values: Sequence[float]) -> tuple[str, ...]:
    """Write the ticks of one axis, all but zero with the same number of decimals.

    Examples
    --------
    >>> format_ticks([-0.025, 0.0, 0.05])
    ('−0.025', '0', '0.050')
    """
    texts = [format_plain(value) for value in values]
    decimals = max((_tail(text) - 1 for text in texts), default=0)
    if decimals < 1 or any("×" in text for text in texts):
        return tuple(texts)
    return tuple("0" if value == 0 else true_minus(f"{value:,.{decimals}f}") for value in values)


def aligned(texts: Sequence[str]) -> tuple[str, ...]:
    """Pad number texts on the right so that, set flush right, their decimal points stand in one line.

    Words stay as they are. The padding is spaces as wide as a digit and a point.
    """
    longest = max((_tail(text) for text in texts), default=0)
    return tuple(text + _padding(_tail(text), longest) if _is_number(text) else text for text in texts)


def _padding(tail: int, longest: int) -> str:
    if tail == longest:
        return ""
    return _FIGURE_SPACE * (longest - tail) if tail else _POINT_SPACE + _FIGURE_SPACE * (longest - 1)


def _is_number(text: str) -> bool:
    return text[-1:].isdigit()


def _tail(text: str) -> int:
    """Length of the decimal point and what follows it."""
    return len(text) - text.index(".") if "." in text and _is_number(text) else 0
