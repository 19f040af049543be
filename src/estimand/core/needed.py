"""The set of 1/r over a set of risk differences r: what a number needed to treat may be."""

from estimand.core.uncertainty import Segments

TEST = "inverted risk difference"
UNIT = "treated for one event more"


def inverted(pieces: Segments) -> Segments:
    """Invert every point of a set within [-1, 1]; one that holds zero becomes two unbounded pieces.

    Altman (1998), doi:10.1136/bmj.317.7168.1309.

    Examples
    --------
    >>> inverted(((0.1, 0.25),)), inverted(((-0.1, 0.05),)), inverted(((0.0, 0.5),))
    (((4.0, 10.0),), ((-inf, -10.0), (20.0, inf)), ((2.0, inf),))
    """
    return tuple(sorted(part for low, high in pieces for part in _one(max(low, -1.0), min(high, 1.0))))


def _one(low: float, high: float) -> Segments:
    if low > 0.0 or high < 0.0:
        return ((1.0 / high, 1.0 / low),) if low <= high else ()
    below = ((float("-inf"), 1.0 / low),) if low < 0.0 else ()
    above = ((1.0 / high, float("inf")),) if high > 0.0 else ()
    return (*below, *above)
