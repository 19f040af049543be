"""The part of the page that says how often each check is right."""

from collections.abc import Iterable, Sequence

from estimand.core.calibration import CheckCell, Measured
from estimand.laboratory.markdown import NONE, share, table
from estimand.laboratory.troubles import trouble

HEADER = ("Check", "Looks for", "Alarm", "False alarms", "Detections")
EXPLAINED = (
    "Share of answers, in per cent with its Monte-Carlo standard error, at the alarm grade or above: in worlds "
    "where the trouble is absent, and where it is present. Where all tables answered alike, the rule of three "
    "bounds the error. A dash: no world of the laboratory is of that kind."
)


def checks_table(asked: Sequence[CheckCell]) -> str:
    """Lay out a line for each check: false alarms pooled over worlds, detections world by world."""
    rows = []
    for key in dict.fromkeys(cell.check for cell in asked):
        own = [cell for cell in asked if cell.check == key]
        held = trouble(key)
        rows.append(
            (
                f"`{key}`",
                held.what,
                NONE if held.alarm is None else str(held.alarm),
                _pooled([cell for cell in own if cell.role == "absent"]) if held.alarm else "descriptive",
                _rates(own, "present") if held.alarm else "descriptive",
            )
        )
    return table(HEADER, rows)


def _pooled(own: Sequence[CheckCell]) -> str:
    """One rate over worlds, every table alike, and the worst world beside it."""
    if not own:
        return NONE
    tables, places = sum(cell.tables for cell in own), f"{len(own)} world{'s' if len(own) > 1 else ''}"
    rate = sum((cell.rate.value or 0.0) * cell.tables for cell in own) / tables
    if rate == 0.0:
        return f"0 (within {300 / max(tables, 3):.0f}) in {places}"
    error = sum(((cell.rate.error or 0.0) * cell.tables) ** 2 for cell in own) ** 0.5 / tables
    worst = max(own, key=lambda cell: cell.rate.value or 0.0)
    beside = f"; worst: {worst.world.replace('_', ' ')} {_rate(worst)}" if len(own) > 1 else ""
    return f"{share(Measured(rate, error))} in {places}{beside}"


def _rates(own: Iterable[CheckCell], role: str) -> str:
    chosen = [cell for cell in own if cell.role == role]
    return "; ".join(f"{cell.world.replace('_', ' ')} {_rate(cell)}" for cell in chosen) or NONE


def _rate(cell: CheckCell) -> str:
    """A rate with its error; where every table answered alike, how far off it may be (the rule of three)."""
    if cell.rate.value in {0.0, 1.0}:
        return f"{100 * cell.rate.value:.0f} (within {300 / max(cell.tables, 3):.0f})"
    return share(cell.rate)
