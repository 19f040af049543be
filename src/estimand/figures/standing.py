"""Which estimate leads a record, and which are not to be relied on."""

from statistics import NormalDist

from estimand.core.estimate import Estimate, Term
from estimand.core.finding import Finding, Grade
from estimand.core.question import Benchmark, Target
from estimand.core.record import StudyRecord
from estimand.core.verdict import concerning

TIMES = ("event_time", "cohort", "period")


def headline_of(record: StudyRecord) -> Estimate | None:
    """Return the headline estimate, or None where the record has none."""
    return next((estimate for estimate in record.estimates if estimate.id == record.headline), None)


def vetoes(record: StudyRecord, estimate: Estimate) -> tuple[Finding, ...]:
    """Findings that veto an estimate: about it, its outcome or the whole study."""
    relevant = concerning(record.findings, estimate.id, estimate.outcome)
    return tuple(finding for finding in relevant if finding.grade is Grade.VETO)


def is_naive(estimate: Estimate) -> bool:
    """Tell whether the number compares the arms as they are."""
    return estimate.target is Target.ASSOCIATION


def unit_of(record: StudyRecord, estimate: Estimate) -> str | None:
    """Unit of an estimate; the question's where its own is not said and it is of the leading outcome."""
    if estimate.terms[0].unit is not None:
        return estimate.terms[0].unit
    return record.question.unit if estimate.outcome == leading_outcome(record) else None


def ratio_of(estimate: Estimate) -> str | None:
    """What kind of ratio an estimate is: "risk ratio", "odds ratio", …; None where it is a difference."""
    return None if estimate.scale != "log" else estimate.terms[0].unit or "ratio"


def is_timed(term: Term) -> bool:
    """Whether a term is of one time since treatment, one cohort or one period."""
    return any(name in term.at for name in TIMES)


def no_effect(estimate: Estimate) -> float:
    """The value that means no effect: one for a ratio, else zero."""
    return 0.0 if ratio_of(estimate) is None else 1.0


def leading_outcome(record: StudyRecord) -> str:
    """Outcome that the question, its unit and its benchmarks are about."""
    headline = headline_of(record)
    return record.design.outcome[0] if headline is None else headline.outcome


def level_of(record: StudyRecord) -> float:
    """Confidence level of the headline, or of the first estimate."""
    leading = headline_of(record) or next(iter(record.estimates), None)
    return 0.95 if leading is None else leading.level


def benchmark_interval(benchmark: Benchmark, level: float) -> tuple[float, float] | None:
    """Normal interval of a benchmark; None where its uncertainty is not known."""
    if benchmark.std_error is None:
        return None
    half = NormalDist().inv_cdf(0.5 + level / 2) * benchmark.std_error
    return benchmark.value - half, benchmark.value + half
