"""What was noticed of a metric's values while they were summed."""

from estimand.core.experiment import Experiment
from estimand.core.finding import Finding, Grade
from estimand.core.metric import Metric
from estimand.core.metric_moments import MetricMoments
from estimand.core.table import Table

UNEVEN = 0.01


def metric_findings(design: Experiment, moments: MetricMoments) -> tuple[Finding, ...]:
    """Values left out, cut to a cap, or not expected of the kind."""
    metric = design.metric(moments.metric)
    if metric is None:
        return ()
    return (*_missing(metric, moments), *_capped(metric, moments), *_odd(metric, moments))


def _missing(metric: Metric, moments: MetricMoments) -> tuple[Finding, ...]:
    counts = moments.counts
    total = int(counts.missing.sum())
    if not total:
        return ()
    every = counts.rows + counts.missing
    rates = [float(gone / rows) if rows else 0.0 for gone, rows in zip(counts.missing, every, strict=True)]
    gap = max(rates) - min(rates)
    finding = Finding(
        check="sample.missing_outcome",
        about=metric.name,
        grade=Grade.WARN if gap > UNEVEN else Grade.NOTE,
        subject=metric.name,
        statistic=gap,
        threshold=UNEVEN,
        message=f"{total:,} rows ({total / every.sum():.1%}) lack metric '{metric.name}' and were left out; the share "
        f"by arm goes from {min(rates):.1%} to {max(rates):.1%}.",
        remedy="Ask why it is missing: if treatment decides, the arms left are not comparable. Where no value means "
        "none, write missing: zero.",
        evidence=Table({"arm": moments.arms, "missing": rates}),
    )
    return (finding,)


def _capped(metric: Metric, moments: MetricMoments) -> tuple[Finding, ...]:
    if moments.cap is None:
        return ()
    cut = moments.counts.capped
    how = "" if metric.cap_share is None else f", the {metric.cap_share:.4g} quantile of all arms, taken for known"
    cap = f"{moments.cap:g}"
    return (
        Finding(
            check="metric.winsor",
            about=metric.name,
            grade=Grade.NOTE,
            subject=metric.name,
            statistic=float(cut.sum() / max(moments.counts.rows.sum(), 1.0)),
            message=f"{int(cut.sum()):,} values of metric '{metric.name}' above {cap} count as {cap}{how}: the "
            "effect is on the metric so cut, and smaller where treatment moves large values.",
            remedy="Read the metric without winsor beside it.",
            evidence=Table({"arm": moments.arms, "cut": [int(n) for n in cut]}),
        ),
    )


def _odd(metric: Metric, moments: MetricMoments) -> tuple[Finding, ...]:
    odd = int(moments.counts.odd.sum())
    if not odd:
        return ()
    if metric.kind == "ratio":
        said = f"{odd:,} units have a zero '{metric.denominator}': they count in the ratio of means by their numerator."
        remedy = "Leave them out of the table if they could not have had any."
    else:
        said = f"{odd:,} values of '{metric.column}' are below zero, and count as they are."
        remedy = "Check that they are refunds."
    return (
        Finding(
            check="metric.unexpected",
            about=metric.name,
            grade=Grade.NOTE,
            subject=metric.name,
            statistic=float(odd),
            message=said,
            remedy=remedy,
            evidence=Table({"arm": moments.arms, "rows": [int(n) for n in moments.counts.odd]}),
        ),
    )
