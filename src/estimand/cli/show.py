"""A record as tables in the terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.question import Target
from estimand.core.record import StudyRecord
from estimand.report.effects_words import heterogeneity_note
from estimand.report.words import answer_sentence, format_interval, format_number

STYLES = {Grade.VETO: "bold red", Grade.WARN: "yellow", Grade.NOTE: "cyan", Grade.NOT_RUN: "magenta", Grade.PASS: ""}


WIDTH_WHEN_PIPED = 100


def terminal() -> Console:
    """Standard output as a console; wide enough for the table where there is no terminal to ask."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WHEN_PIPED)


def show_record(record: StudyRecord, console: Console) -> None:
    """Print the answer, the estimates, the benchmarks beside them, and the findings that fired."""
    if record.question.text:
        console.print(Text(record.question.text, style="bold"))
    console.print(Text(answer_sentence(record)))
    console.print(_estimates(record))
    verdict = Text(f"Verdict: {record.verdict.grade}. ", style=STYLES[record.verdict.grade])
    console.print(verdict.append(record.verdict.summary, style="not bold default"))
    if record.decision is not None:
        console.print(Text("Decision: ", style="bold").append(record.decision.summary, style="not bold"))
    fired = [finding for finding in record.findings if finding.grade is not Grade.PASS]
    for finding, others in _told_once(fired):
        line = Text(f"  {finding.grade:<8}", style=STYLES[finding.grade])
        named = f"{finding.about} and {others} more" if others else finding.about
        line.append(f"{finding.check} · {named}: {finding.message}", style="not bold default")
        if finding.remedy:
            line.append(f" {finding.remedy}", style="dim")
        console.print(line)
    passed = len(record.findings) - len(fired)
    console.print(Text(f"  {passed} checks passed.", style="dim"))


def _told_once(findings: list[Finding]) -> list[tuple[Finding, int]]:
    """The findings, each with the number of later ones that say the same of something else, which are left out."""
    told: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        told.setdefault((finding.check, finding.grade, finding.message), []).append(finding)
    return [(same[0], len(same) - 1) for same in told.values()]


def _estimates(record: StudyRecord) -> Table:
    """One row per term and benchmark; rows used stand under the table where all estimates share them."""
    unit = record.question.unit
    sizes = {estimate.n_obs for estimate in record.estimates}
    alike = len(sizes) == 1
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    if alike:
        table.caption, table.caption_justify = f"n = {sizes.pop():,} rows", "left"
    for name in ("method", "target"):
        table.add_column(name, no_wrap=True)
    for name in (f"estimate\n{unit or ''}".strip(), "std. error", _level(record), *([] if alike else ["n"])):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("note", min_width=10)
    for estimate in record.estimates:
        for row in estimate.summary():
            label = estimate.id if len(estimate.terms) == 1 else f"{estimate.id} {row['label']}"
            table.add_row(
                Text(label, style="bold" if estimate.id == record.headline else ""),
                str(estimate.target),
                format_number(row["value"]),
                _or_blank(row["std_error"]),
                format_interval(row["ci"]),
                *([] if alike else [f"{estimate.n_obs:,}"]),
                Text(_note(estimate, record)),
            )
    for benchmark in record.question.benchmarks:
        error = _or_blank(benchmark.std_error)
        blanks = [""] * (1 if alike else 2)
        table.add_row(
            Text(benchmark.label, style="italic"), "", format_number(benchmark.value), error, *blanks, "benchmark"
        )
    return table


def _or_blank(value: float | None) -> str:
    return "" if value is None else format_number(value)


def _level(record: StudyRecord) -> str:
    return f"{record.estimates[0].level:.0%} interval"


def _note(estimate: Estimate, record: StudyRecord) -> str:
    if estimate.target is Target.ASSOCIATION:
        return "naive"
    own = record.about(estimate.id)
    if any(finding.grade is Grade.VETO for finding in own):
        return "vetoed"
    warned = sum(finding.grade is Grade.WARN for finding in own)
    words = ["headline"] if estimate.id == record.headline else []
    if estimate.scale == "log":
        words.append(estimate.terms[0].unit or "ratio")
    told = heterogeneity_note(record, estimate)
    if told is not None:
        words.append(told)
    if warned:
        words.append(f"{warned} warning{'s' if warned > 1 else ''}")
    return ", ".join(words)
