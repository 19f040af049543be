"""One self-contained page for one record: no network, no script, fit for paper."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord
from estimand.figures.balance import love_plot_figure
from estimand.figures.chart import Chart
from estimand.figures.comparison import estimate_comparison_figure
from estimand.figures.flow import sample_flow_figure
from estimand.figures.look import NARROW, WIDE
from estimand.figures.overlap import propensity_overlap_figure
from estimand.figures.standing import headline_of, leading_outcome, vetoes
from estimand.figures.static import to_svg
from estimand.report.rows import (
    GRADES,
    data_rows,
    estimate_tables,
    finding_rows,
    method_name,
    plain_pairs,
)
from estimand.report.words import answer_parts, answer_sentence, design_sentence

NO_CONTROLS = dict.fromkeys(code for code in (*range(32), 127) if chr(code) not in "\t\n")
TEMPLATES = files("estimand.report") / "templates"
FROM_EVIDENCE: tuple[tuple[str, tuple[str, ...], Callable[[Finding], Chart]], ...] = (
    ("overlap", ("overlap.propensity",), propensity_overlap_figure),
    ("balance", ("balance.smd", "balance.before"), love_plot_figure),
)


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure on the page: drawn twice, for wide and for narrow screens, with its data beside it."""

    key: str
    chart: Chart
    wide: str
    narrow: str
    rows: tuple[tuple[str, ...], ...]


def html(record: StudyRecord) -> str:
    """Return the report of a record as one HTML page."""
    own, others = finding_rows(record)
    tables = estimate_tables(record)
    headline = headline_of(record)
    page = _environment().from_string(_read("report.html.j2"))
    text = page.render(
        css=_read("report.css"),
        record=record,
        answer=answer_parts(record),
        sentence=answer_sentence(record),
        doubted=headline is not None and bool(vetoes(record, headline)),
        verdict=GRADES[record.verdict.grade],
        open_findings=[row for row in own if row.grade != Grade.PASS],
        passed=[row for row in own if row.grade == Grade.PASS],
        other_findings=others,
        tables=tables,
        targets={row.target: row.target_words for table in tables for row in table.rows if row.target},
        plates=_plates(record),
        design=design_sentence(record),
        columns=_columns(record),
        methods=[(method_name(e), e.inference, plain_pairs(e.options)) for e in record.estimates],
        run=plain_pairs(record.run),
    )
    return text.translate(NO_CONTROLS)


def write_report(record: StudyRecord, path: str | Path) -> Path:
    """Write the report of a record to a file, and return its path."""
    place = Path(path)
    place.write_text(html(record), encoding="utf-8")
    return place


def _environment() -> Environment:
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _plates(record: StudyRecord) -> list[Plate]:
    charts = [("estimates", estimate_comparison_figure(record))] if record.estimates else []
    for key, checks, draw in FROM_EVIDENCE:
        finding = next((found for check in checks if (found := _finding(record, check))), None)
        if finding is not None:
            charts.append((key, draw(finding)))
    charts.append(("sample", sample_flow_figure(record)))
    return [_plate(key, chart) for key, chart in charts]


def _finding(record: StudyRecord, check: str) -> Finding | None:
    """Find what a check says of the headline, else of its outcome, else of the first thing it saw."""
    drawable = [f for f in record.findings if f.check == check and f.evidence is not None and len(f.evidence)]
    order = (record.headline, leading_outcome(record))
    near = (finding for place in order for finding in drawable if finding.about == place)
    return next(near, next(iter(drawable), None))


def _plate(key: str, chart: Chart) -> Plate:
    return Plate(
        key=key,
        chart=chart,
        wide=_inline(to_svg(chart, WIDE, heading=False)),
        narrow=_inline(to_svg(chart, NARROW, heading=False)),
        rows=data_rows(chart.table),
    )


def _inline(svg: str) -> str:
    """Drop what only a file of its own needs; names and labels in it are escaped by the renderer."""
    bare = svg.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "", 1)
    return bare.replace(' xmlns="http://www.w3.org/2000/svg"', "", 1)


def _columns(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    """Columns of the design by the part they play."""
    given = record.design.to_dict()
    given.pop("kind")
    roles = given.pop("roles", {})
    return plain_pairs(given) + plain_pairs(roles)
