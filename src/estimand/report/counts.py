"""The raw counts: rows and mean outcome of each arm, or units of each cohort, before any method."""

from dataclasses import dataclass

from estimand.core.estimate import Estimate
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.figures.numbers import format_count, format_share
from estimand.figures.standing import unit_of
from estimand.report.sizes import amount

UNADJUSTED = "difference"
COHORTS = "panel.cohorts"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows and mean outcomes by arm, as text.

    Attributes
    ----------
    header : tuple of str
        Arm, rows, share of the rows, and a mean for each outcome that has one.
    rows : tuple of tuple of str
    note : str
        What is missing, and why; empty where nothing is.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


def raw_counts(record: StudyRecord) -> Counts:
    """Rows by arm from the sample, and mean outcomes from the unadjusted comparison, where the study made one.

    Of a panel, the cohorts: units and rows in each.
    """
    cohorts = next((f.evidence for f in record.findings if f.check == COHORTS and f.evidence is not None), None)
    if cohorts is not None:
        return _by_cohort(cohorts)
    arms, total = record.sample.arms, sum(record.sample.arms.values())
    means = {outcome: found for outcome in record.design.outcome if (found := _means(record, outcome))}
    word = "Weighted mean" if record.design.weights else "Mean"
    rows = tuple(
        (
            f"{record.design.treatment} = {arm}{' (control)' if j == 0 else ''}",
            format_count(count),
            format_share(count / total) if total else "",
            *(by_arm.get(arm, "") for by_arm in means.values()),
        )
        for j, (arm, count) in enumerate(arms.items())
    )
    header = ("Arm", "Rows", "Share", *(f"{word} of {record.question.called(outcome)}" for outcome in means))
    lost = [record.question.called(outcome) for outcome in record.design.outcome if outcome not in means]
    note = f"Mean {' and '.join(lost)} by arm: not in the record, since the study did not run '{UNADJUSTED}'."
    return Counts(header, rows, note if lost else "")


def _by_cohort(evidence: Table) -> Counts:
    """Cohorts as they were read, with what each is of the whole."""
    first, *numbers = evidence.columns
    total = sum(evidence[numbers[0]])
    rows = tuple(
        (str(cohort), *(format_count(row[name]) for name in numbers), format_share(row[numbers[0]] / total))
        for row in evidence.rows()
        for cohort in (row[first],)
    )
    header = ("First treated", *(name.capitalize() for name in numbers), f"Share of {numbers[0]}")
    return Counts(header, rows, "")


def _means(record: StudyRecord, outcome: str) -> dict[str, str]:
    """Mean outcome by arm; nothing where no unadjusted comparison tells."""
    plain = (e for e in record.estimates if e.method == UNADJUSTED and e.scale == "identity")
    made = (e for e in plain if e.outcome == outcome)
    estimate = next((e for e in made if e.baseline is not None and len(record.sample.arms) == 1 + len(e.terms)), None)
    return {} if estimate is None else _told(record, estimate)


def _told(record: StudyRecord, estimate: Estimate) -> dict[str, str]:
    if estimate.baseline is None:
        return {}
    control, *others = record.sample.arms
    levels = [estimate.baseline.value[0], *(estimate.baseline.value + estimate.value)]
    unit = unit_of(record, estimate)
    return {arm: amount(float(level), unit) for arm, level in zip([control, *others], levels, strict=True)}
