"""Results as a reader sees them: numbers of about three digits, and small tables for a notebook."""

import html
import math
import re
from collections.abc import Sequence

DIGITS = 3
SMALLEST, LARGEST = 1e-4, 1e12
NONE = "none"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MARKED = re.compile(r"([\\`*_\[\]|~$])")
_CELL = "padding: 0.2em 0.8em; text-align: {side}; white-space: nowrap"


def format_number(value: float | None) -> str:
    """Write a number with three significant digits; whole digits are never dropped.

    Examples
    --------
    >>> format_number(1214.27), format_number(-0.04712), format_number(None)
    ('1,214', '−0.0471', 'none')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    mantissa, _, power = f"{value:.{DIGITS - 1}e}".partition("e")
    exponent = int(power)
    if not SMALLEST <= abs(value) < LARGEST:
        return true_minus(f"{mantissa} × 10{str(exponent).translate(_RAISED)}")
    return true_minus(f"{value:,.{max(0, DIGITS - 1 - exponent)}f}")


def format_interval(ci: Sequence[float | None] | None) -> str:
    """Write an interval; a null end is unbounded, and no interval is "none".

    Examples
    --------
    >>> format_interval([-330.4, 2760.1]), format_interval([None, 2.5]), format_interval(None)
    ('−330 to 2,760', '−∞ to 2.50', 'none')
    """
    if ci is None:
        return NONE
    low, high = ci
    return f"{format_number(-math.inf if low is None else low)} to {format_number(_or_infinite(high))}"


def _or_infinite(high: float | None) -> float:
    return math.inf if high is None else high


def true_minus(text: str) -> str:
    """Put minus signs for hyphens."""
    return text.replace("-", "−")


def html_table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """Set rows of text as an HTML table; every text is escaped, and columns of numbers are set flush right.

    Parameters
    ----------
    caption, note : str
        Above and below the table.
    header : sequence of str
    rows : sequence of sequence of str
        As long as the header.
    """
    sides = ["right" if _numeric([row[j] for row in rows]) else "left" for j in range(len(header))]
    head = "".join(_cell("th", text, side) for text, side in zip(header, sides, strict=True))
    body = "".join(
        f"<tr>{''.join(_cell('td', text, side) for text, side in zip(row, sides, strict=True))}</tr>" for row in rows
    )
    foot = f"<p>{html.escape(note)}</p>" if note else ""
    return (
        f'<table><caption style="text-align: left">{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Set rows of text as a Markdown table; every text is escaped, and columns of numbers are set flush right."""
    sides = ["---:" if _numeric([row[j] for row in rows]) else "---" for j in range(len(header))]
    lines = [header, *rows]
    marked = [f"| {' | '.join(markdown_text(text) for text in line)} |" for line in lines]
    return "\n".join([marked[0], f"|{'|'.join(sides)}|", *marked[1:]])


def markdown_text(text: str) -> str:
    r"""Write a text so that Markdown shows it as it is, on one line.

    Examples
    --------
    >>> markdown_text("a_b | <i>")
    'a\\_b \\| &lt;i&gt;'
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return _MARKED.sub(r"\\\1", html.escape(line, quote=False))


def _cell(tag: str, text: str, side: str) -> str:
    return f'<{tag} style="{_CELL.format(side=side)}">{html.escape(text)}</{tag}>'


def _numeric(texts: Sequence[str]) -> bool:
    """Whether every text that says something begins as a number does."""
    return all(text[:1].isdigit() or text[:1] in {"−", "∞"} or text in {"", NONE} for text in texts)
