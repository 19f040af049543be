"""What every page is made of: figures drawn for wide and for narrow screens, and one look."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from estimand.figures.chart import Chart
from estimand.figures.look import NARROW, WIDE
from estimand.figures.static import to_svg
from estimand.report.rows import data_rows

NO_CONTROLS = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\t\n")
TEMPLATES = files("estimand.report") / "templates"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure on a page: drawn twice, for wide and for narrow screens, with its data beside it."""

    key: str
    chart: Chart
    wide: str
    narrow: str
    rows: tuple[tuple[str, ...], ...]


def figure(key: str, chart: Chart) -> Figure:
    """Draw a chart for a page."""
    return Figure(
        key=key,
        chart=chart,
        wide=_inline(to_svg(chart, WIDE, heading=False)),
        narrow=_inline(to_svg(chart, NARROW, heading=False)),
        rows=data_rows(chart.table),
    )


def rendered(template: str, **context: Any) -> str:
    """Fill a template of this folder; whatever is put in is escaped, and control characters are left out."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(_read(template)).render(css=_read("report.css"), **context)
    return text.translate(NO_CONTROLS)


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _inline(svg: str) -> str:
    """Drop what only a file of its own needs; names and labels in it are escaped by the renderer."""
    bare = svg.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "", 1)
    return bare.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)
