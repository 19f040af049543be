"""All metrics of an experiment at a glance: each against control, as a share of control's level."""

from dataclasses import dataclass

from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.metric import Metric
from estimand.core.record import StudyRecord
from estimand.core.table import Table
from estimand.core.uncertainty import Segments
from estimand.errors import EstimandError, UnsupportedError
from estimand.figures.chart import Axis, Chart, Interval, Key, Mark, Pane, Points, Row, Tone, VLine
from estimand.figures.numbers import format_count, format_number
from estimand.figures.standing import vetoes
from estimand.figures.ticks import limits_around

# What reads every unit once: the plain comparison, and those that history or strata sharpen.
PLAIN, SHARPER = "difference", ("cuped", "poststratification")
COLUMNS = ("arm", "metric", "role", "method", "value", "relative", "low", "high")
SPOKEN = 12
# A veto on what was planned to be shipped, not on a number.
BROKEN = "decision.guardrail"


@dataclass(frozen=True, slots=True)
class _Line:
    """One method's answer for one metric and arm."""

    metric: Metric
    estimate: Estimate
    arm: str
    value: float
    relative: float | None
    interval: tuple[float, float] | None

    @property
    def text(self) -> str:
        """Relative change and its interval; the plain difference where there is none."""
        if self.relative is None or self.interval is None:
            return f"{format_number(self.value)}, control near zero"
        return f"{_percent(self.relative)} ({_percent(self.interval[0])} to {_percent(self.interval[1])})"

    @property
    def better(self) -> bool | None:
        """Whether all of the interval is on the better side, or all on the worse; None for neither."""
        if self.interval is None or self.metric.direction == "none":
            return None
        low, high = self.interval if self.metric.direction == "increase" else (-self.interval[1], -self.interval[0])
        return True if low > 0.0 else False if high < 0.0 else None


def has_scorecard(record: StudyRecord) -> bool:
    """Whether the record compares metrics of an experiment, some of them as shares of control's level."""
    return any(line.relative is not None for line in _lines(record))


def scorecard_figure(record: StudyRecord) -> Chart:
    """Relative change of every metric in every arm, with history and without; guardrails with their margin.

    Parameters
    ----------
    record : StudyRecord

    Raises
    ------
    UnsupportedError
        If the record has no differences of metrics.
    """
    lines = _lines(record)
    if not lines:
        raise UnsupportedError(
            "The record has no differences of metrics.",
            remedy="Name metrics in the design, and run method: difference or cuped.",
        )
    arms = list(dict.fromkeys(line.arm for line in lines))
    control = next(iter(record.sample.arms))
    ends = [end for line in lines for low, high in _segments(line) for end in (low, high)]
    limits = limits_around([*ends, *(100.0 * margin for line in lines if (margin := _margin(line)) is not None)])
    return Chart(
        title=_title(record, lines),
        caption=f"Change against '{control}' as a share of its level (full-covariance delta method), "
        f"{lines[0].estimate.level:.0%} intervals, one at a time. "
        f"{format_count(record.sample.rows_used)} rows. A hollow point marks how far a guardrail may move.",
        alt=_alt(lines),
        table=_table(lines),
        panels=[_panel(record, [line for line in lines if line.arm == arm], (limits, len(arms) > 1)) for arm in arms],
        aligned=True,
    )


def _lines(record: StudyRecord) -> list[_Line]:
    """Every metric's differences, arm by arm; the sharper of two first."""
    design = record.design
    if not isinstance(design, Experiment):
        return []
    order = (*SHARPER, PLAIN)
    return [
        line
        for metric in design.metrics
        for estimate in sorted(record.estimates, key=lambda one: order.index(one.method) if one.method in order else 9)
        if estimate.outcome == metric.name and estimate.method in order and estimate.scale == "identity"
        for line in _of_estimate(record, metric, estimate)
    ]


def _of_estimate(record: StudyRecord, metric: Metric, estimate: Estimate) -> list[_Line]:
    try:
        shares = estimate.relative()
    except EstimandError:
        shares = None
    arms = list(record.sample.arms)[1:]
    out = []
    for j, arm in enumerate(arms):
        relative = None if shares is None else float(shares.value[j])
        ends = None if shares is None else tuple(map(float, shares.interval()[j]))
        interval = None if ends is None else (ends[0], ends[1])
        out.append(_Line(metric, estimate, arm, float(estimate.value[j]), relative, interval))
    return out


def _panel(record: StudyRecord, lines: list[_Line], shared: tuple[tuple[float, float], bool]) -> Pane:
    limits, named = shared
    rows: list[Row] = []
    marks: list[Mark] = [VLine(0.0, "no change")]
    seen: set[str] = set()
    for line in lines:
        at = float(len(rows))
        first = line.metric.name not in seen
        seen.add(line.metric.name)
        tone = _tone(record, line)
        rows.append(Row(at, _label(line, first), line.text, first, tone=tone))
        if line.relative is not None:
            marks.append(Interval(at, 100.0 * line.relative, _segments(line), tone))
        margin = _margin(line)
        if first and margin is not None:
            marks.append(Points((100.0 * margin,), (at,), Tone.QUIET, filled=False))
    keys = [Key("better", Tone.BENCHMARK), Key("worse", Tone.NAIVE), Key("uncertain", Tone.PLAIN)]
    if any(_margin(line) is not None for line in lines):
        keys.append(Key("margin of a guardrail", Tone.QUIET, filled=False))
    axis = Axis("Change against control (%)", limits)
    return Pane(marks, axis, rows=rows, title=lines[0].arm if named else "", keys=keys)


def _label(line: _Line, first: bool) -> str:
    if not first:
        return "without history" if line.estimate.method == PLAIN else line.estimate.method
    role = "" if line.metric.role == "primary" else f" ({line.metric.role})"
    return f"{line.metric.name}{role}"


def _segments(line: _Line) -> Segments:
    return () if line.interval is None else ((100.0 * line.interval[0], 100.0 * line.interval[1]),)


def _margin(line: _Line) -> float | None:
    """Where a guardrail's margin lies, as a share of control's level."""
    metric, base = line.metric, line.estimate.baseline
    if metric.margin is None or base is None:
        return None
    share = metric.margin if metric.margin_kind == "relative" else metric.margin / abs(float(base.value[0]))
    return share if metric.direction == "decrease" else -share


def _tone(record: StudyRecord, line: _Line) -> Tone:
    if _is_void(record, line.estimate):
        return Tone.VETOED
    return Tone.PLAIN if line.better is None else Tone.BENCHMARK if line.better else Tone.NAIVE


def _is_void(record: StudyRecord, estimate: Estimate) -> bool:
    """Whether a number is vetoed; a guardrail that is broken stands, and vetoes shipping."""
    return any(finding.check != BROKEN for finding in vetoes(record, estimate))


def _percent(share: float) -> str:
    text = format_number(100.0 * share)
    return f"{text}%" if share <= 0.0 else f"+{text}%"


def _title(record: StudyRecord, lines: list[_Line]) -> str:
    """Say what the first primary metric does, and whether a guardrail moves the wrong way."""
    lead = next((line for line in lines if line.metric.role == "primary"), lines[0])
    if _is_void(record, lead.estimate):
        return "This scorecard is vetoed, and not to be relied on"
    said = f"{lead.metric.name} of arm '{lead.arm}' changes by {lead.text}"
    worse = [line for line in lines if line.metric.role == "guardrail" and line.better is False]
    names = ", ".join(dict.fromkeys(f"{line.metric.name} of '{line.arm}'" for line in worse))
    guards = any(line.metric.role == "guardrail" for line in lines)
    return said + (f"; worse: {names}" if worse else "; no guardrail is seen to get worse" if guards else "")


def _table(lines: list[_Line]) -> Table:
    rows = [
        (
            line.arm, line.metric.name, line.metric.role, line.estimate.id, line.value, line.relative,
            *((None, None) if line.interval is None else line.interval),
        )
        for line in lines
    ]  # fmt: skip
    return Table({name: [row[j] for row in rows] for j, name in enumerate(COLUMNS)})


def _alt(lines: list[_Line]) -> str:
    told = "; ".join(f"{line.metric.name}, {line.arm}, {line.estimate.method}: {line.text}" for line in lines[:SPOKEN])
    return f"Change of metrics against control: {told}."
