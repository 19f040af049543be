"""The record as rows of text, ready for a table on paper, a page or a terminal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.question import Benchmark
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.core.verdict import concerning
from estimand.figures.standing import (
    benchmark_interval,
    headline_of,
    is_naive,
    is_timed,
    leading_outcome,
    level_of,
    ratio_of,
    unit_of,
    vetoes,
)
from estimand.report.words import (
    NONE,
    aligned,
    format_count,
    format_interval,
    format_number,
    level_words,
)

Standing = Literal["headline", "plain", "naive", "vetoed", "benchmark"]
GRADES = {
    Grade.VETO: "Veto",
    Grade.WARN: "Warning",
    Grade.NOTE: "Note",
    Grade.NOT_RUN: "Not run",
    Grade.PASS: "Passed",
}
ORDER = list(GRADES)


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """One number of one estimate, or a benchmark, in text."""

    method: str
    arm: str
    target: str
    target_words: str
    value: str
    std_error: str
    interval: str
    n: str
    note: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class EstimateTable:
    """All that was estimated of one outcome as one kind of contrast: a difference, or a kind of ratio.

    Terms of a panel by time since treatment, cohort or period are apart, in ``timed``.
    """

    outcome: str
    what: str
    unit: str | None
    interval: str
    rows: tuple[EstimateRow, ...]
    timed: tuple[EstimateRow, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding in text."""

    grade: str
    word: str
    check: str
    about: str
    subject: str
    message: str
    remedy: str | None


def estimate_tables(record: StudyRecord) -> tuple[EstimateTable, ...]:
    """One table per outcome and kind of contrast, the headline's first; rows as planned, then the benchmarks."""
    outcomes = dict.fromkeys((leading_outcome(record), *(e.outcome for e in record.estimates)))
    headline = headline_of(record)
    first = None if headline is None else ratio_of(headline)
    kinds = dict.fromkeys((first, None, *(ratio_of(e) for e in record.estimates)))
    tables = (_table(record, outcome, kind) for outcome in outcomes for kind in kinds)
    return tuple(table for table in tables if table.rows)


def _table(record: StudyRecord, outcome: str, kind: str | None) -> EstimateTable:
    """Rows of one kind; benchmarks are differences, and stand with those."""
    estimates = [e for e in record.estimates if e.outcome == outcome and ratio_of(e) == kind]
    every = [row for estimate in estimates for row in _estimate_rows(record, estimate)]
    rows = [row for row, timed in every if not timed]
    if outcome == leading_outcome(record) and kind is None:
        rows += _benchmark_rows(record)
    levels = {estimate.level for estimate in estimates} or {0.95}
    units = [unit_of(record, estimate) for estimate in estimates] or [record.question.unit]
    named = level_words(levels.pop()) if len(levels) == 1 else "interval"
    what = "Effect on" if kind is None else f"{kind[0].upper()}{kind[1:]} of"
    timed = _in_line([row for row, timed in every if timed])
    return EstimateTable(outcome, what, units[0] if kind is None else None, named, _in_line(rows), timed)


def _in_line(rows: list[EstimateRow]) -> tuple[EstimateRow, ...]:
    """Pad values and errors so that their decimal points stand in one line."""
    values = aligned([row.value for row in rows])
    errors = aligned([row.std_error for row in rows])
    return tuple(
        replace(row, value=value, std_error=error) for row, value, error in zip(rows, values, errors, strict=True)
    )


def _estimate_rows(record: StudyRecord, estimate: Estimate) -> Iterable[tuple[EstimateRow, bool]]:
    """Rows of an estimate, each with whether it stands apart as one of many by time."""
    timed = [is_timed(term) for term in estimate.terms]
    many = timed.count(False) > 1 or len(record.sample.arms) > 2
    for j, row in enumerate(estimate.summary()):
        standing = _standing(record, estimate, j)
        made = EstimateRow(
            method=method_name(estimate),
            arm=str(row["label"]) if many or timed[j] else "",
            target=str(estimate.target),
            target_words=estimate.target.words,
            value=format_number(row["value"]),
            std_error=format_number(row["std_error"]),
            interval=format_interval(row["ci"]),
            n=format_count(estimate.n_obs),
            note=_note(record, estimate, standing),
            standing=standing,
        )
        yield made, timed[j] and j > 0


def method_name(estimate: Estimate) -> str:
    """Name an estimate by its id, with the method where that is another word."""
    own = estimate.id in {estimate.method, f"{estimate.method}:{estimate.outcome}"}
    return estimate.id if own else f"{estimate.id} ({estimate.method})"


def _standing(record: StudyRecord, estimate: Estimate, j: int) -> Standing:
    if vetoes(record, estimate):
        return "vetoed"
    if is_naive(estimate):
        return "naive"
    return "headline" if estimate.id == record.headline and j == 0 else "plain"


def _note(record: StudyRecord, estimate: Estimate, standing: Standing) -> str:
    notes = ["headline"] if estimate.id == record.headline else []
    if standing == "vetoed":
        notes.append("vetoed: not to be relied on")
    if is_naive(estimate):
        notes.append("naive: not adjusted")
    if estimate.population.rule:
        notes.append(f"about {estimate.population.label}")
    return "; ".join(notes)


def _benchmark_rows(record: StudyRecord) -> list[EstimateRow]:
    return [
        EstimateRow(
            method=benchmark.label,
            arm="",
            target="",
            target_words="",
            value=format_number(benchmark.value),
            std_error=format_number(benchmark.std_error),
            interval=_benchmark_interval(record, benchmark),
            n="",
            note="benchmark",
            standing="benchmark",
        )
        for benchmark in record.question.benchmarks
    ]


def _benchmark_interval(record: StudyRecord, benchmark: Benchmark) -> str:
    ends = benchmark_interval(benchmark, level_of(record))
    return NONE if ends is None else format_interval(ends)


def finding_rows(record: StudyRecord) -> tuple[tuple[FindingRow, ...], tuple[FindingRow, ...]]:
    """Findings that concern the headline, and the others; each worst first."""
    headline = headline_of(record)
    near = concerning(record.findings, record.headline, None if headline is None else headline.outcome)
    own = {id(finding) for finding in near}
    others = [finding for finding in record.findings if id(finding) not in own]
    return _worst_first(near), _worst_first(others)


def _worst_first(findings: Iterable[Finding]) -> tuple[FindingRow, ...]:
    ordered = sorted(findings, key=lambda finding: ORDER.index(finding.grade))
    return tuple(
        FindingRow(
            grade=str(finding.grade),
            word=GRADES[finding.grade],
            check=finding.check,
            about="the study" if finding.about == STUDY else finding.about,
            subject=finding.subject,
            message=finding.message,
            remedy=finding.remedy,
        )
        for finding in ordered
    )


def data_rows(table: Table) -> tuple[tuple[str, ...], ...]:
    """Cells of a table as text."""
    return tuple(tuple(_cell(value) for value in row.values()) for row in table.rows())


def _cell(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return format_count(value) if isinstance(value, int) else format_number(value)


def plain_pairs(mapping: Mapping[str, Any], prefix: str = "") -> tuple[tuple[str, str], ...]:
    """Flatten a mapping to pairs of text; inner names follow outer ones."""
    pairs: list[tuple[str, str]] = []
    for key, value in mapping.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            pairs.extend(plain_pairs(value, f"{name}: "))
        else:
            pairs.append((name, _said(value)))
    return tuple(pairs)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {_said(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        apart = "; " if any(isinstance(item, Mapping) for item in value) else ", "
        return apart.join(_said(item) for item in value) or NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _cell(value) if not isinstance(value, float) else f"{value:g}".replace("-", "−")
