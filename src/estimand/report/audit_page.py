"""One self-contained page for one audit: what to mend before any estimate."""

from collections.abc import Callable
from pathlib import Path

from estimand.core.audit import AuditRecord
from estimand.core.finding import Finding, Grade
from estimand.figures.balance import love_plot_figure
from estimand.figures.chart import Chart
from estimand.figures.flow import sample_flow_figure
from estimand.figures.missingness import missingness_figure
from estimand.figures.overlap import propensity_overlap_figure
from estimand.report.plates import Figure, figure, rendered
from estimand.report.rows import GRADES, plain_pairs

FROM_EVIDENCE: tuple[tuple[str, str, Callable[[Finding], Chart]], ...] = (
    ("missing", "audit.missing", missingness_figure),
    ("overlap", "audit.overlap", propensity_overlap_figure),
    ("balance", "audit.balance", love_plot_figure),
)


def audit_html(record: AuditRecord) -> str:
    """Return an audit as one HTML page."""
    return rendered(
        "audit.html.j2",
        record=record,
        answer=answer(record),
        verdict=GRADES[record.verdict.grade],
        open_findings=[finding for finding in record.findings if finding.grade is not Grade.PASS],
        words=GRADES,
        passed=[finding for finding in record.findings if finding.grade is Grade.PASS],
        figures=_figures(record),
        columns=_columns(record),
        run=plain_pairs(record.run),
    )


def write_audit(record: AuditRecord, path: str | Path) -> Path:
    """Write the page of an audit to a file, and return its path."""
    place = Path(path)
    place.write_text(audit_html(record), encoding="utf-8")
    return place


def answer(record: AuditRecord) -> str:
    """Say in a sentence whether the data can carry the question."""
    counts = {grade: sum(finding.grade is grade for finding in record.findings) for grade in Grade}
    treatment, outcomes = record.design.treatment, " and ".join(record.design.outcome)
    if counts[Grade.VETO]:
        return f"These data cannot show what {treatment} did to {outcomes} as they are"
    if counts[Grade.WARN]:
        things = "one thing" if counts[Grade.WARN] == 1 else f"{counts[Grade.WARN]} things"
        return f"Mend or explain {things} before estimating what {treatment} did to {outcomes}"
    if not counts[Grade.PASS]:
        return "No check could be run on these data"
    return f"Nothing found that stands in the way of estimating what {treatment} did to {outcomes}"


def _figures(record: AuditRecord) -> list[Figure]:
    charts = [("sample", sample_flow_figure(record))]
    for key, check, draw in FROM_EVIDENCE:
        finding = next((f for f in record.of(check) if f.evidence is not None and len(f.evidence)), None)
        if finding is not None:
            charts.append((key, draw(finding)))
    return [figure(key, chart) for key, chart in charts if chart.panels]


def _columns(record: AuditRecord) -> tuple[tuple[str, str], ...]:
    """Columns of the design by the part they play."""
    given = record.design.to_dict()
    roles = given.pop("roles", {})
    return plain_pairs(given) + plain_pairs(roles)
