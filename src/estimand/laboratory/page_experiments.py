"""The part of the page about experiments: size and coverage, families, looks, allocation, history and planning."""

from collections.abc import Sequence

from estimand.core.calibration import Measured
from estimand.core.experiment_rates import SIZES, Rate, read_rates
from estimand.laboratory.experiments.worlds import EXPERIMENT_WORLDS
from estimand.laboratory.markdown import NONE, percent, share, table

OPENING = """## Experiments

Methods for experiments, and what keeps experiments honest, in simulated ones read as a study reads them: control, an
arm like it, and an arm with an effect. A test's error is the share of experiments in which it tells the arm like
control from control; coverage is of the effect on the other, by 95 % intervals. In per cent, with Monte-Carlo errors;
**bold** misses its line, *italics* miss it as was declared beforehand."""
LINES = """Lines, set before any number was seen. *Exact*: the error is within three Monte-Carlo errors of what is
stated. *Conservative*: it is at most that. Coverage within the band of the rest of this page, or above it where the
method is conservative. Variances within 2 % of what they should be, power within a point of what was planned. What
misses is measured again with four times the tables (`--rerun`), and must then keep the same line. Where two
Monte-Carlo errors are wider than a line, the number is published without one."""
LOOKS = """### Looking more than once

Share of experiments without an effect in which any look finds one, in per cent: 10,000 planned units, a coin for each,
looks and burn-in as declared; nominal 5 over all looks. Published as they are: always-valid sets hold asymptotically,
so not where the smaller arm has few events, or few units of a skewed metric, at the first look, of which `sequential`
warns. "Fixed" is the interval that holds once, read at every look."""
ALLOCATION = """### Allocation

Share of experiments in which the test of allocation falls below its line of 0.1 %: false alarms where units fall as
planned, and detections where they do not."""
HISTORY = """### What history takes off the variance

Variance of `cuped` over that of `difference`, by the correlation of the metric with its past, which should be 1 - ρ²:
of the estimates themselves, and as both state it. A thousand users an arm."""
POWER = """### Planning

Power by formula, and the share of simulated experiments of that size that found the effect, in per cent."""
FAMILIES = "### Several tests read together"
_MARK = {"fail": "**", "known": "*"}


def experiments(text: str) -> str:
    """Write the section from the text of the table of rates; nothing where there is none."""
    rates = read_rates(text)
    if not rates:
        return ""
    parts = (
        OPENING,
        _summary(rates),
        LINES,
        _missing(rates),
        _sizes(_of(rates, SIZES)),
        _families(_of(rates, "families")),
        _looks(_of(rates, "looks")),
        _allocation(_of(rates, "allocation")),
        _history(_of(rates, "history")),
        _power(_of(rates, "power")),
        _made(text),
    )
    return "\n\n".join(part for part in parts if part)


def answer(text: str) -> str:
    """Say in a sentence how many rates keep their line; nothing where there are none."""
    judged = [rate for rate in read_rates(text) if rate.ruling != "published"]
    if not judged:
        return ""
    kept = sum(rate.ruling == "pass" for rate in judged)
    return f"In simulated experiments, {kept} of {len(judged)} error rates and plans keep their line (below)."


def _summary(rates: Sequence[Rate]) -> str:
    judged = [rate for rate in rates if rate.ruling != "published"]
    count = {ruling: sum(rate.ruling == ruling for rate in judged) for ruling in ("pass", "fail", "known")}
    return (
        f"**{count['pass']} of {len(judged)} rates keep their line.** {count['fail']} miss it, {count['known']} miss "
        f"it as was declared beforehand; {len(rates) - len(judged)} more are published without one."
    )


def _missing(rates: Sequence[Rate]) -> str:
    missing = sorted((rate for rate in rates if rate.ruling in _MARK), key=lambda rate: rate.ruling)
    if not missing:
        return ""
    header = ("Read by", "Where", "Of", "Should be", "Is", "Covers", "Declared beforehand")
    rows = [
        (f"`{r.setting}`", r.situation, r.metric or NONE, _should(r), _value(r), _covers(r), r.reason or NONE)
        for r in missing
    ]
    return "### Where a rate misses its line\n\n" + table(header, rows)


def _sizes(rates: Sequence[Rate]) -> str:
    parts = ["### Error of tests, and coverage"] if rates else []
    for world in EXPERIMENT_WORLDS:
        own = [rate for rate in rates if rate.situation == world.key]
        if own:
            metrics = list(dict.fromkeys(rate.metric for rate in own))
            rows = [_size_row(rate) for metric in metrics for rate in own if rate.metric == metric]
            header = ("Metric", "Method", "Line", "Error %", "Coverage %", "Refused %", "Tables")
            parts.append(f"**{world.key.capitalize()}.** {world.says}\n\n{table(header, rows, 4)}")
    return "\n\n".join(parts)


def _size_row(rate: Rate) -> tuple[str, ...]:
    found = (_marked(rate, _value(rate)), _marked(rate, _covers(rate)), _failed(rate), _count(rate))
    return (rate.metric, f"`{rate.setting}`", rate.rule, *found)


def _families(rates: Sequence[Rate]) -> str:
    if not rates:
        return ""
    rows = [(f"`{r.setting}`", r.rule, _marked(r, _value(r)), _count(r)) for r in rates]
    words = f"Share of experiments in which any test rejects at 5 %: {rates[0].situation}."
    return f"{FAMILIES}\n\n{words}\n\n{table(('Correction', 'Line', 'Error %', 'Tables'), rows, 2)}"


def _looks(rates: Sequence[Rate]) -> str:
    if not rates:
        return ""
    places = list(dict.fromkeys(rate.situation for rate in rates))
    by_place = {(rate.setting, rate.situation): rate for rate in rates}
    names = dict.fromkeys(rate.setting for rate in rates)
    rows = [(name, *(_plain(by_place.get((name, place))) for place in places)) for name in names]
    counts = sorted({rate.tables for rate in rates})
    drawn = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    widest = max(rate.error or 0.0 for rate in rates)
    words = f"{drawn} experiments a column; Monte-Carlo errors are at most {100 * widest:.1f}."
    return f"{LOOKS} {words}\n\n{table(('Read by', *places), rows, len(places))}"


def _allocation(rates: Sequence[Rate]) -> str:
    if not rates:
        return ""
    tests = list(dict.fromkeys(rate.setting for rate in rates))
    by_place = {(rate.situation, rate.setting): rate for rate in rates}
    rows = []
    for place in dict.fromkeys(rate.situation for rate in rates):
        own = [by_place.get((place, test)) for test in tests]
        shown = [NONE if r is None else _marked(r, _fine(r)) for r in own]
        rows.append((place, *shown, f"{max(r.tables for r in own if r is not None):,}"))
    return f"{ALLOCATION}\n\n{table(('Units', *tests, 'Experiments'), rows, len(tests) + 1)}"


def _history(rates: Sequence[Rate]) -> str:
    if not rates:
        return ""
    rows = [
        (r.situation, r.setting, f"{r.expected or 0.0:.4f}", _marked(r, _ratio(r)), _off(r), _count(r)) for r in rates
    ]
    header = ("History", "Variance", "1 - ρ²", "Ratio", "Off by %", "Tables")
    return f"{HISTORY}\n\n{table(header, rows, 4)}"


def _power(rates: Sequence[Rate]) -> str:
    if not rates:
        return ""
    rows = [
        (r.situation, f"`{r.method}`", r.setting, f"{100 * (r.expected or 0.0):.2f}", _marked(r, _hundredths(r)),
         f"{100 * ((r.measured or 0.0) - (r.expected or 0.0)):+.2f}".replace("-", "−"), _count(r))
        for r in rates
    ]  # fmt: skip
    header = ("Design", "Read by", "Size", "Formula", "Simulated", "Points", "Tables")
    return f"{POWER}\n\n{table(header, rows, 4)}"


def _made(text: str) -> str:
    version, _, command = text.partition("\n")[0].removeprefix("# ").partition("; ")
    return (
        f"Made by `{command}`, with {version}; the command goes on where it stopped, and gives the same numbers with "
        "any number of workers. One row a rate, with the command that made it: "
        "[experiments.csv](../src/estimand/measured/experiments.csv)."
    )


def _of(rates: Sequence[Rate], part: str) -> list[Rate]:
    return [rate for rate in rates if rate.part == part]


def _marked(rate: Rate, text: str) -> str:
    mark = _MARK.get(rate.ruling, "") if text != NONE else ""
    return f"{mark}{text}{mark}"


def _value(rate: Rate) -> str:
    if rate.part == "history":
        return _ratio(rate)
    return _fine(rate) if rate.part == "allocation" else share(Measured(rate.measured, rate.error))


def _should(rate: Rate) -> str:
    if rate.expected is None:
        return NONE
    stated = f"{rate.expected:.4f}" if rate.part == "history" else f"{100 * rate.expected:.3g}"
    return f"at most {stated}" if rate.rule == "conservative" else stated


def _covers(rate: Rate) -> str:
    return share(Measured(rate.coverage, rate.coverage_error))


def _failed(rate: Rate) -> str:
    return percent(rate.failed).removesuffix(" %")


def _count(rate: Rate) -> str:
    return f"{rate.tables:,}"


def _plain(rate: Rate | None) -> str:
    return NONE if rate is None or rate.measured is None else f"{100 * rate.measured:.1f}"


def _fine(rate: Rate) -> str:
    """A share in per cent to three digits after the point: of alarms, which are rare."""
    if rate.measured is None:
        return NONE
    return f"{100 * rate.measured:.3f} ± {100 * (rate.error or 0.0):.3f}"


def _hundredths(rate: Rate) -> str:
    return NONE if rate.measured is None else f"{100 * rate.measured:.2f} ± {100 * (rate.error or 0.0):.2f}"


def _ratio(rate: Rate) -> str:
    return NONE if rate.measured is None else f"{rate.measured:.4f} ± {rate.error or 0.0:.4f}"


def _off(rate: Rate) -> str:
    if rate.measured is None or not rate.expected:
        return NONE
    return f"{100 * (rate.measured / rate.expected - 1.0):+.1f}".replace("-", "−")
