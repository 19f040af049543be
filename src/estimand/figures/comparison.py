"""The estimates side by side: what each method says, about whom, and how surely."""

from collections.abc import Iterable
from dataclasses import dataclass

from estimand.core.estimate import Estimate
from estimand.core.panel import Panel
from estimand.core.question import Target
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.core.uncertainty import Regions, Segments
from estimand.figures.chart import Axis, Chart, Interval, Mark, Pane, Row, Tone, VLine
from estimand.figures.numbers import format_count, format_interval, format_number, spoken_unit
from estimand.figures.standing import (
    benchmark_interval,
    headline_of,
    is_naive,
    is_timed,
    leading_outcome,
    level_of,
    no_effect,
    ratio_of,
    unit_of,
    vetoes,
)

SPOKEN = 12


@dataclass(frozen=True, slots=True)
class _Line:
    """One number of one estimate, ready to be shown."""

    name: str
    estimate: Estimate
    value: float | None
    ci: list[float | None] | None
    segments: Segments
    tone: Tone
    unit: str | None
    first: bool

    @property
    def numbers(self) -> str:
        """Value and interval, as text."""
        if self.value is None:
            return "not defined"
        interval = "no interval" if self.ci is None else format_interval(self.ci)
        return f"{format_number(self.value)} ({interval})"


def estimate_comparison_figure(record: StudyRecord) -> Chart:
    """Forest plot of every estimate, a panel per outcome and kind of contrast, grouped by target.

    The headline is emphasised, comparisons that adjust for nothing are labelled as such, vetoed
    estimates are grey, and benchmarks are vertical lines.

    Parameters
    ----------
    record : StudyRecord
    """
    lead = leading_outcome(record)
    outcomes = dict.fromkeys((lead, *(estimate.outcome for estimate in record.estimates)))
    lines = {outcome: _lines(record, outcome) for outcome in outcomes}
    shown = [line for group in lines.values() for line in group]
    groups = [(outcome, part) for outcome, group in lines.items() for part in _by_contrast(record, group)]
    panels = [_panel(record, outcome, group, len(groups) > 1) for outcome, group in groups]
    return Chart(
        title=_title(record, shown),
        caption=_caption(record),
        alt=_alt(record, lines),
        table=_table(shown),
        panels=panels,
    )


def _lines(record: StudyRecord, outcome: str) -> list[_Line]:
    """Numbers about one outcome: the headline's target and average first, what is not adjusted last."""
    headline = headline_of(record)
    first = record.question.target if headline is None else headline.target
    estimates = [estimate for estimate in record.estimates if estimate.outcome == outcome]
    order = list(dict.fromkeys((first, *(e.target for e in estimates if not is_naive(e)), Target.ASSOCIATION)))
    leading = [] if headline is None else [headline.population.label]
    averages = list(dict.fromkeys((*leading, *(e.population.label for e in estimates))))
    timed = isinstance(record.design, Panel)
    estimates.sort(key=lambda e: (order.index(e.target), averages.index(e.population.label) if timed else 0))
    return [line for estimate in estimates for line in _lines_of(record, estimate)]


def _by_contrast(record: StudyRecord, lines: list[_Line]) -> list[list[_Line]]:
    """Lines that share an axis: differences, and each kind of ratio; the headline's first."""
    headline = headline_of(record)
    first = [] if headline is None else [ratio_of(headline)]
    kinds = dict.fromkeys([*first, *(ratio_of(line.estimate) for line in lines)])
    parts = ([line for line in lines if ratio_of(line.estimate) == kind] for kind in kinds)
    return [part for part in parts if part]


def _lines_of(record: StudyRecord, estimate: Estimate) -> Iterable[_Line]:
    """Lines of an estimate; effects by time since treatment, cohort or period have figures of their own."""
    shown = [j == 0 or not is_timed(term) for j, term in enumerate(estimate.terms)]
    many = sum(shown) > 1 or len(record.sample.arms) > 2
    for j, row in enumerate(estimate.summary()):
        if not shown[j]:
            continue
        own = estimate.id.removesuffix(f":{estimate.outcome}")
        name = f"{own} · {row['label']}" if many else own
        segments = _segments(estimate, j, row["ci"])
        tone = _tone(record, estimate, j)
        yield _Line(name, estimate, row["value"], row["ci"], segments, tone, unit_of(record, estimate), j == 0)


def _segments(estimate: Estimate, j: int, ci: list[float | None] | None) -> Segments:
    if isinstance(estimate.uncertainty, Regions):
        return estimate.uncertainty.at(estimate.level)[j]
    if ci is None:
        return ()
    low, high = ci
    return ((float("-inf") if low is None else low, float("inf") if high is None else high),)


def _tone(record: StudyRecord, estimate: Estimate, j: int) -> Tone:
    if vetoes(record, estimate):
        return Tone.VETOED
    if is_naive(estimate):
        return Tone.NAIVE
    return Tone.HEADLINE if estimate.id == record.headline and j == 0 else Tone.PLAIN


def _panel(record: StudyRecord, outcome: str, lines: list[_Line], titled: bool) -> Pane:
    rows: list[Row] = []
    kind = ratio_of(lines[0].estimate)
    benchmarks = _benchmarks(record, outcome) if kind is None else []
    marks: list[Mark] = [VLine(no_effect(lines[0].estimate), "no effect"), *benchmarks]
    heading = ""
    for line in lines:
        if _heading(record, line.estimate, lines) != heading:
            heading = _heading(record, line.estimate, lines)
            rows.append(Row(float(len(rows)), heading, heading=True))
        at = float(len(rows))
        leads = line.first and line.estimate.id == record.headline
        rows.append(Row(at, line.name + _standing(line), line.numbers, leads, tone=line.tone))
        if line.value is not None:
            marks.append(Interval(at, line.value, line.segments, line.tone))
    called, unit = record.question.called(outcome), lines[0].unit
    label = f"Effect on {called}" + (f" ({unit})" if unit else "")
    if kind is not None:
        label = f"{kind[0].upper()}{kind[1:]} of {called}"
    return Pane(marks, Axis(label), rows=rows, title=(called if kind is None else label) if titled else "")


def _heading(record: StudyRecord, estimate: Estimate, lines: list[_Line]) -> str:
    """Target of a group of lines, and of a panel what it averages, where the target's lines average differently."""
    target = estimate.target
    if target is Target.ASSOCIATION:
        return "Arms as they are, not adjusted"
    words = f"{target.words[0].upper()}{target.words[1:]} ({target})"
    averages = {line.estimate.population.label for line in lines if line.estimate.target is target}
    return f"{words}: {estimate.population.label}" if isinstance(record.design, Panel) and len(averages) > 1 else words


def _standing(line: _Line) -> str:
    if line.tone is Tone.VETOED:
        return " (vetoed)"
    if line.tone is Tone.NAIVE:
        return " (naive)"
    return ""


def _benchmarks(record: StudyRecord, outcome: str) -> list[VLine]:
    if outcome != leading_outcome(record):
        return []
    return [
        VLine(
            benchmark.value,
            f"{benchmark.label}: {format_number(benchmark.value)}",
            Tone.BENCHMARK,
            benchmark_interval(benchmark, level_of(record)),
        )
        for benchmark in record.question.benchmarks
    ]


def _title(record: StudyRecord, lines: list[_Line]) -> str:
    if not lines:
        return "There is no estimate to compare"
    lead = next((line for line in lines if line.estimate.id == record.headline), None)
    if lead is None:
        return f"None of {len(record.estimates)} estimates answers the question"
    if lead.tone is Tone.VETOED:
        said = f"{lead.name} says {_amount(lead)}, and is not to be relied on"
    else:
        what = "difference in" if is_naive(lead.estimate) else "effect on"
        said = f"{lead.name} puts the {what} {record.question.called(lead.estimate.outcome)} at {_amount(lead)}"
    if is_naive(lead.estimate):
        return f"{said}, not adjusted"
    naive = next((n for n in lines if is_naive(n.estimate) and n.estimate.outcome == lead.estimate.outcome), None)
    if naive is None or naive.value is None:
        return said
    factor, _ = spoken_unit(naive.unit)
    return f"{said}; the unadjusted difference is {format_number(factor * naive.value)}"


def _amount(line: _Line) -> str:
    if line.value is None:
        return "nothing: it is not defined"
    kind = ratio_of(line.estimate)
    if kind is not None:
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} of {format_number(line.value)}"
    factor, unit = spoken_unit(line.unit)
    return format_number(factor * line.value) + unit


def _caption(record: StudyRecord) -> str:
    used = f"Lines are {100 * level_of(record):g}% intervals; n = {format_count(record.sample.rows_used)} rows."
    bands = any(benchmark.std_error is not None for benchmark in record.question.benchmarks)
    return used + (" The shaded band is the benchmark's own interval." if bands else "")


def _alt(record: StudyRecord, groups: dict[str, list[_Line]]) -> str:
    parts = []
    for outcome, lines in groups.items():
        named = [f"{line.name}{_standing(line)} {line.numbers}" for line in lines[:SPOKEN]]
        rest = f"; and {len(lines) - SPOKEN} more in the table" if len(lines) > SPOKEN else ""
        unit = f" in {lines[0].unit}" if lines and lines[0].unit else ""
        parts.append(f"{outcome}{unit}: {'; '.join(named) or 'none'}{rest}.")
    marks = [f"{mark.label} {format_number(mark.value)}" for mark in record.question.benchmarks]
    benchmarks = f" Benchmarks: {'; '.join(marks)}." if marks else ""
    return f"Estimates with intervals. {' '.join(parts)}{benchmarks}"


def _table(lines: list[_Line]) -> Table:
    return Table(
        {
            "estimate": [line.name for line in lines],
            "outcome": [line.estimate.outcome for line in lines],
            "target": [str(line.estimate.target) for line in lines],
            "value": [line.value for line in lines],
            "low": [None if line.ci is None else line.ci[0] for line in lines],
            "high": [None if line.ci is None else line.ci[1] for line in lines],
            "unit": [line.unit for line in lines],
            "n": [line.estimate.n_obs for line in lines],
            "standing": [str(line.tone) for line in lines],
        }
    )
