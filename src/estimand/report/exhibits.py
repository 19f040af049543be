"""Which figures a record has something for, and in which section each stands."""

from collections.abc import Callable, Iterator

from estimand.core.catalog import keys, resolve
from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord
from estimand.errors import EstimandError
from estimand.figures.chart import Chart
from estimand.figures.quantiles import quantile_estimate
from estimand.figures.standing import leading_outcome
from estimand.report.plates import Figure, figure

# section, figure of the catalog, and the checks it is drawn from, the best first
FROM_EVIDENCE = (
    ("comparable", "propensity_overlap", ("overlap.propensity",)),
    ("comparable", "love_plot", ("balance.smd", "balance.before")),
    ("comparable", "calibration", ("nuisance.calibration",)),
    ("sensitivity", "sensitivity_contour", ("stress.omitted_variable",)),
    ("sensitivity", "rosenbaum_bounds", ("stress.rosenbaum_bounds",)),
    ("sensitivity", "marginal_sensitivity", ("stress.marginal_sensitivity",)),
    ("sensitivity", "oster_delta", ("stress.oster_delta",)),
    ("sensitivity", "manski_bounds", ("stress.manski_bounds",)),
    ("sensitivity", "lee_bounds", ("stress.lee_bounds",)),
    ("sensitivity", "negative_control", ("stress.negative_control_outcome", "stress.negative_control_exposure")),
    ("sensitivity", "specification_curve", ("stress.specification_curve",)),
    ("sensitivity", "leave_one_out", ("stress.leave_one_covariate_out",)),
    ("sensitivity", "refit_spread", ("stress.subset_stability", "stress.random_common_cause")),
)
# where all is well, these checks' words say enough
IF_WARNED = ("refit_spread",)
FROM_RECORD = (("evidence", "estimate_comparison"), ("evidence", "quantile_effects"), ("sample", "sample_flow"))
SECTIONS = ("evidence", "sample", "comparable", "sensitivity")


def exhibits(record: StudyRecord) -> dict[str, list[Figure]]:
    """Draw every figure the record has something for, by section."""
    drawn = [(section, figure(key, chart)) for section, key, chart in _charts(record)]
    return {name: [item for section, item in drawn if section == name] for name in SECTIONS}


def _charts(record: StudyRecord) -> Iterator[tuple[str, str, Chart]]:
    known = keys("figures")
    for section, key in FROM_RECORD:
        if _has_something(record, key):
            yield section, key, resolve("figures", key)(record)
    for section, key, checks in FROM_EVIDENCE:
        finding = next((found for check in checks if (found := _finding(record, check))), None)
        idle = finding is None or (key in IF_WARNED and finding.grade is not Grade.WARN)
        chart = None if finding is None or idle or key not in known else _drawn(resolve("figures", key), finding)
        if chart is not None:
            yield section, key, chart


def _has_something(record: StudyRecord, key: str) -> bool:
    """Whether a figure of the whole record has something to draw."""
    if key == "quantile_effects":
        return quantile_estimate(record) is not None
    return key != "estimate_comparison" or bool(record.estimates)


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
