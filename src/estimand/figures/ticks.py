"""Where an axis ends, and the round places on it."""

import math
from collections.abc import Iterable

from estimand.figures.numbers import format_ticks

ROOM = 0.06
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
MOST = 6.5


def limits_around(values: Iterable[float | None], zero: bool = True) -> tuple[float, float]:
    """Ends of an axis that holds all finite values, and zero where asked, with some room.

    Examples
    --------
    >>> limits_around([1.0, 2.0, None])
    (-0.12, 2.12)
    """
    held = [value for value in values if value is not None and math.isfinite(value)]
    held += [0.0] if zero or not held else []
    low, high = min(held), max(held)
    room = ROOM * (high - low) or ROOM * abs(high) or 1.0
    return low - room, high + room


def round_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Five or so round places, zero among them where it is inside.

    Examples
    --------
    >>> round_ticks(-1.2, 1.1)
    [(-1.0, '−1.0'), (-0.5, '−0.5'), (0.0, '0'), (0.5, '0.5'), (1.0, '1.0')]
    """
    power = 10.0 ** math.floor(math.log10((high - low) / 5.0))
    step = next((step * power for step in STEPS if (high - low) / (step * power) < MOST), 10.0 * power)
    places = [j * step for j in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return list(zip(places, format_ticks(places), strict=True))
