"""Which figures a record has something for, and in which section each stands."""

from collections.abc import Callable, Iterator

from estimand.core.catalog import keys, resolve
from estimand.core.finding import Finding
from estimand.core.record import StudyRecord
from estimand.errors import EstimandError
from estimand.figures.chart import Chart
from estimand.figures.standing import leading_outcome
from estimand.report.plates import Figure, figure

# section, figure of the catalog, and the checks it is drawn from, the best first
FROM_EVIDENCE = (
    ("comparable", "propensity_overlap", ("overlap.propensity",)),
    ("comparable", "love_plot", ("balance.smd", "balance.before")),
    ("comparable", "calibration", ("nuisance.calibration",)),
    ("sensitivity", "sensitivity_contour", ("stress.omitted_variable",)),
)
FROM_RECORD = (("evidence", "estimate_comparison"), ("sample", "sample_flow"))
SECTIONS = ("evidence", "sample", "comparable", "sensitivity")


def exhibits(record: StudyRecord) -> dict[str, list[Figure]]:
    """Draw every figure the record has something for, by section."""
    drawn = [(section, figure(key, chart)) for section, key, chart in _charts(record)]
    return {name: [item for section, item in drawn if section == name] for name in SECTIONS}


def _charts(record: StudyRecord) -> Iterator[tuple[str, str, Chart]]:
    known = keys("figures")
    for section, key in FROM_RECORD:
        if key != "estimate_comparison" or record.estimates:
            yield section, key, resolve("figures", key)(record)
    for section, key, checks in FROM_EVIDENCE:
        finding = next((found for check in checks if (found := _finding(record, check))), None)
        chart = None if finding is None or key not in known else _drawn(resolve("figures", key), finding)
        if chart is not None:
            yield section, key, chart


def _drawn(draw: Callable[[Finding], Chart], finding: Finding) -> Chart | None:
    """Draw a finding; None where its evidence is not what the figure draws."""
    try:
        return draw(finding)
    except EstimandError:
        return None


def _finding(record: StudyRecord, check: str) -> Finding | None:
    """Find what a check says of the headline, else of its outcome, else of the first thing it saw."""
    drawable = [f for f in record.findings if f.check == check and f.evidence is not None and len(f.evidence)]
    order = (record.headline, leading_outcome(record))
    near = (finding for place in order for finding in drawable if finding.about == place)
    return next(near, next(iter(drawable), None))
