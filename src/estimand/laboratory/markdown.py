"""How cells, rates and tables are written on the page of results."""

from collections.abc import Iterable, Mapping, Sequence

from estimand.core.calibration import Cell, Measured

NONE = "–"
FELT = 0.05
MARKS = {"pass": "", "fail": "**", "known": "*", "refused": ""}


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numbers: int = 0) -> str:
    """Lay out a Markdown table; its last ``numbers`` columns stand to the right."""
    rule = ["---"] * (len(header) - numbers) + ["--:"] * numbers
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)


def coverage_table(cells: Sequence[Cell], settings: Sequence[str], worlds: Mapping[str, str]) -> str:
    """Lay out coverage by setting and world; ``worlds`` gives each its heading."""
    by_place = {(cell.setting, cell.world): cell for cell in cells}
    rows = [(f"`{name}`", *(coverage(by_place.get((name, world))) for world in worlds)) for name in settings]
    return table(("Method", *worlds.values()), rows, len(worlds))


def coverage(cell: Cell | None) -> str:
    """Coverage of a cell in per cent, marked where it misses; a refusal by its code."""
    if cell is None:
        return NONE
    if cell.coverage is None:
        return cell.code.lower().replace("_", " ") or "no interval"
    mark, failed = MARKS[cell.ruling], cell.numbers["failed"].value or 0.0
    refused = f" ({percent(failed)} refused)" if failed > FELT else ""
    return f"{mark}{100 * cell.coverage:.1f}{mark}{refused}"


def number(measured: Measured) -> str:
    """A number with its Monte-Carlo standard error."""
    if measured.value is None:
        return NONE
    error = "" if measured.error is None else f" ± {measured.error:.1g}"
    return f"{measured.value:.3g}{error}".replace("-", "−")


def share(measured: Measured) -> str:
    """A share in per cent with its Monte-Carlo standard error."""
    if measured.value is None:
        return NONE
    error = "" if measured.error is None else f" ± {100 * measured.error:.1f}"
    return f"{100 * measured.value:.1f}{error}"


def percent(part: float) -> str:
    """A share in whole per cent."""
    return f"{100 * part:.0f} %"
