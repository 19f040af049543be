"""Mean outcome of the treated and of the comparison over time, and where the treated would have been without."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from estimand.core.finding import Finding
from estimand.core.record import StudyRecord
from estimand.errors import UnsupportedError
from estimand.figures.chart import Axis, Chart, Curve, Key, Mark, Pane, Points, Tone, VLine
from estimand.figures.evidence import evidence_of
from estimand.figures.numbers import format_count, format_number, spoken_period, spoken_unit
from estimand.figures.standing import headline_of, leading_outcome, unit_of, vetoes
from estimand.figures.ticks import limits_around, round_ticks

CHECK = "panel.trends"
COLUMNS = ("group", "without", "period", "label", "mean", "rows", "starts")
COMPARISON = "comparison"
TONES = (Tone.FIRST, Tone.SECOND, Tone.THIRD, Tone.FOURTH)
EDGE = 0.3
MANY = 12


@dataclass(frozen=True, slots=True, eq=False)
class _Line:
    """One group over time: what was observed, and what would have been."""

    name: str
    tone: Tone
    starts: int | None
    seen: tuple[dict[str, Any], ...]
    without: tuple[dict[str, Any], ...]

    @property
    def rows(self) -> int:
        """Rows behind it."""
        return int(sum(row["rows"] for row in self.seen))

    @property
    def departure(self) -> tuple[dict[str, Any], ...]:
        """What would have been, from the last period before treatment on."""
        before = [row for row in self.seen if self.starts is not None and row["period"] < self.starts]
        return (*before[-1:], *self.without)


def has_trends(record: StudyRecord) -> bool:
    """Whether the record holds mean outcomes over time of the leading outcome."""
    return _finding(record) is not None


def trends_figure(record: StudyRecord) -> Chart:
    """Mean outcome by period of up to four cohorts and of those never treated; dashed without the estimated effect.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If no finding of ``panel.trends`` about the leading outcome has means to draw.
    """
    finding = _finding(record)
    if finding is None:
        raise UnsupportedError(
            "The record has no mean outcomes over time to draw.",
            remedy="Run a study of a panel: check 'panel.trends' works them out.",
        )
    evidence = evidence_of(finding, COLUMNS)
    rows = list(evidence.rows())
    source = _source(record, rows)
    lines = _lines(rows, source)
    headline = headline_of(record)
    unit = None if headline is None else unit_of(record, headline)
    label = f"Mean of {record.question.called(finding.about)}" + (f" ({unit})" if unit else "")
    cohorts = len({row["group"] for row in rows} - {COMPARISON})
    return Chart(
        title=_title(record, finding, source, unit),
        caption=_caption(lines, source, cohorts),
        alt=_alt(label, lines),
        table=evidence,
        panels=(_panel(rows, lines, label),),
    )


def _finding(record: StudyRecord) -> Finding | None:
    lead = leading_outcome(record)
    fitting = (f for f in record.findings if f.check == CHECK and f.about == lead and f.evidence is not None)
    return next((finding for finding in fitting if len(finding.evidence or ())), None)


def _source(record: StudyRecord, rows: Sequence[dict[str, Any]]) -> str:
    """Estimate whose effect is taken off: the headline, or the first that has one; nothing where none has."""
    named = list(dict.fromkeys(row["without"] for row in rows if row["without"]))
    return record.headline if record.headline in named and record.headline else next(iter(named), "")


def _lines(rows: Sequence[dict[str, Any]], source: str) -> list[_Line]:
    """The largest cohorts, in order of their start, and the comparison."""
    groups = list(dict.fromkeys(row["group"] for row in rows if row["group"] != COMPARISON))
    sizes = {name: sum(row["rows"] for row in rows if row["group"] == name and not row["without"]) for name in groups}
    largest = sorted(groups, key=lambda name: -sizes[name])[: len(TONES)]
    shown = [name for name in groups if name in largest]
    lines = [_line(rows, name, source, tone) for name, tone in zip(shown, TONES, strict=False)]
    other = _line(rows, COMPARISON, source, Tone.PLAIN)
    return [*lines, *([other] if other.seen else [])]


def _line(rows: Sequence[dict[str, Any]], name: str, source: str, tone: Tone) -> _Line:
    own = [row for row in rows if row["group"] == name]
    seen = tuple(row for row in own if not row["without"])
    without = tuple(row for row in own if source and row["without"] == source)
    return _Line(name, tone, seen[0]["starts"] if seen else None, seen, without)


def _panel(rows: Sequence[dict[str, Any]], lines: Sequence[_Line], label: str) -> Pane:
    named = dict(sorted({row["period"]: row["label"] for row in rows}.items()))
    limits = (min(named) - EDGE, max(named) + EDGE)
    starts = [(line.starts, line.tone) for line in lines if line.starts is not None]
    marks: list[Mark] = [VLine(at - 0.5, named.get(at, ""), tone) for at, tone in starts]
    if len(starts) == 1:
        marks = [VLine(starts[0][0] - 0.5, "treatment starts")]
    for line in lines:
        x, y = _along(line.seen)
        apart = _along(line.departure)
        marks += [Curve(*apart, line.tone, dashed=True)] if line.without else []
        marks += [Curve(x, y, line.tone), Points(x, y, line.tone, small=len(x) > MANY or len(lines) > 2)]
    shown = [row["mean"] for line in lines for row in (*line.seen, *line.without)]
    ends = limits_around(shown, zero=False)
    ticks = [(float(at), text) for at, text in named.items()]
    return Pane(marks, Axis("Period", limits, ticks), Axis(label, ends, round_ticks(*ends)), keys=_keys(lines))


def _along(rows: Sequence[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [float(row["period"]) for row in rows], [row["mean"] for row in rows]


def _keys(lines: Sequence[_Line]) -> list[Key]:
    treated = [line for line in lines if line.starts is not None]
    names = {line.name: f"treated from {spoken_period(line.name)}" for line in treated}
    if len(treated) == 1:
        names = {treated[0].name: "treated"}
    keys = [Key(names.get(line.name, "never treated"), line.tone, kind="line") for line in lines]
    tone = treated[0].tone if len(treated) == 1 else Tone.PLAIN
    return keys + ([Key("without treatment", tone, kind="dashes")] if any(line.without for line in lines) else [])


def _title(record: StudyRecord, finding: Finding, source: str, unit: str | None) -> str:
    """Say what all cohorts were in their last period, by their rows, and what they would have been."""
    rows = list(evidence_of(finding, COLUMNS).rows())
    called = record.question.called(finding.about)
    last = max((row["period"] for row in rows if source and row["without"] == source), default=None)
    ended = [row for row in rows if row["period"] == last]
    without = [row for row in ended if row["without"] == source]
    if not source or not without:
        return f"No estimate says what {called} would have been without treatment"
    named = {row["group"] for row in without}
    seen = [row for row in ended if not row["without"] and row["group"] in named]
    factor, words = spoken_unit(unit)
    said = (
        f"In {spoken_period(ended[0]['label'])} the mean of {called} among the treated was "
        f"{_average(seen, factor)}{words}; without treatment it would have been {_average(without, factor)}"
    )
    vetoed = any(estimate.id == source and vetoes(record, estimate) for estimate in record.estimates)
    return f"{said}, by an estimate not to be relied on" if vetoed else said


def _average(rows: Sequence[dict[str, Any]], factor: float) -> str:
    total = sum(row["rows"] for row in rows)
    return format_number(factor * sum(row["rows"] * row["mean"] for row in rows) / total)


def _caption(lines: Sequence[_Line], source: str, cohorts: int) -> str:
    rows = format_count(sum(line.rows for line in lines))
    shown = sum(line.starts is not None for line in lines)
    fewer = f" The {shown} largest of {cohorts} cohorts." if cohorts > shown else ""
    taken = f" Dashed: the mean of the treated less their effect by {source}." if source else ""
    return f"Means of the rows as they are, not adjusted; n = {rows} rows.{fewer}{taken}"


def _alt(label: str, lines: Sequence[_Line]) -> str:
    parts = []
    for line in lines:
        first, last = line.seen[0], line.seen[-1]
        name = "never treated" if line.starts is None else f"treated from {spoken_period(line.name)}"
        said = f"{name}: {_mean_in(first)}, {_mean_in(last)}"
        if line.without:
            said += f", {_mean_in(line.without[-1])} without treatment"
        parts.append(said)
    return f"{label} over time. {'; '.join(parts)}."


def _mean_in(row: dict[str, Any]) -> str:
    return f"{format_number(row['mean'])} in {spoken_period(row['label'])}"
