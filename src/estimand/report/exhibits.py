"""Which figures a record has something for, and in which section each stands."""

from collections.abc import Callable, Iterator

from estimand.core.catalog import keys, resolve
from estimand.core.finding import Finding, Grade
from estimand.core.record import StudyRecord
from estimand.errors import EstimandError
from estimand.figures.chart import Chart
from estimand.figures.effect_by_covariate import has_effects_by_covariate
from estimand.figures.effect_by_pair import has_effects_by_pair
from estimand.figures.effect_calibration import has_effect_calibration
from estimand.figures.effect_distribution import has_row_effects
from estimand.figures.effect_groups import has_effect_groups
from estimand.figures.effect_importance import has_importance
from estimand.figures.event_study import has_event_study
from estimand.figures.group_time import has_cells
from estimand.figures.quantiles import quantile_estimate
from estimand.figures.scorecard import has_scorecard
from estimand.figures.sequential_path import has_sequential_path
from estimand.figures.sorted_effects import has_sorted_effects
from estimand.figures.standing import leading_outcome
from estimand.figures.targeting import has_targeting
from estimand.figures.trends import has_trends
from estimand.report.plates import Figure, figure

# section, figure of the catalog, and the checks it is drawn from, the best first
FROM_EVIDENCE = (
    ("comparable", "allocation_path", ("experiment.srm_running",)),
    ("comparable", "propensity_overlap", ("overlap.propensity",)),
    ("comparable", "love_plot", ("balance.smd", "balance.before")),
    ("comparable", "calibration", ("nuisance.calibration",)),
    ("comparable", "bacon", ("panel.bacon",)),
    ("evidence", "segment_effects", ("experiment.segments",)),
    ("evidence", "effect_by_day", ("experiment.novelty",)),
    ("explored", "segment_effects", ("heterogeneity.segments",)),
    ("sensitivity", "honest_did", ("panel.honest_did",)),
    ("sensitivity", "pretrend_power", ("panel.pretrend_power",)),
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
# section, figure of the catalog, and whether a record has anything for it
FROM_RECORD: tuple[tuple[str, str, Callable[[StudyRecord], bool]], ...] = (
    ("evidence", "scorecard", has_scorecard),
    ("evidence", "estimate_comparison", lambda record: bool(record.estimates)),
    ("evidence", "sequential_path", has_sequential_path),
    ("evidence", "quantile_effects", lambda record: quantile_estimate(record) is not None),
    ("evidence", "event_study", has_event_study),
    ("evidence", "trends", has_trends),
    ("evidence", "group_time", has_cells),
    ("gains", "effect_groups", has_effect_groups),
    ("gains", "targeting", has_targeting),
    ("gains", "effect_calibration", has_effect_calibration),
    ("explored", "effect_by_covariate", has_effects_by_covariate),
    ("explored", "effect_by_pair", has_effects_by_pair),
    ("explored", "effect_importance", has_importance),
    ("explored", "effect_distribution", has_row_effects),
    ("explored", "sorted_effects", has_sorted_effects),
    ("sample", "sample_flow", lambda _: True),
)
SECTIONS = ("evidence", "gains", "explored", "sample", "comparable", "sensitivity")


def exhibits(record: StudyRecord) -> dict[str, list[Figure]]:
    """Draw every figure the record has something for, by section."""
    drawn = [(section, figure(key, chart)) for section, key, chart in _charts(record)]
    return {name: [item for section, item in drawn if section == name] for name in SECTIONS}


def _charts(record: StudyRecord) -> Iterator[tuple[str, str, Chart]]:
    known = keys("figures")
    for section, key, has_something in FROM_RECORD:
        if has_something(record):
            yield section, key, resolve("figures", key)(record)
    for section, key, checks in FROM_EVIDENCE:
        finding = next((found for check in checks if (found := _finding(record, check))), None)
        idle = finding is None or (key in IF_WARNED and finding.grade is not Grade.WARN)
        chart = None if finding is None or idle or key not in known else _drawn(resolve("figures", key), finding)
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
