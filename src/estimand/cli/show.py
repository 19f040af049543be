"""A record as tables in the terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estimand.core.estimate import Estimate
from estimand.core.finding import Grade
from estimand.core.question import Target
from estimand.core.record import StudyRecord
from estimand.report.words import answer_sentence, format_interval, format_number

STYLES = {Grade.VETO: "bold red", Grade.WARN: "yellow", Grade.NOTE: "cyan", Grade.NOT_RUN: "magenta", Grade.PASS: ""}


def show_record(record: StudyRecord, console: Console) -> None:
    """Print the answer, the estimates, the benchmarks beside them, and the findings that fired."""
    if record.question.text:
        console.print(Text(record.question.text, style="bold"))
    console.print(Text(answer_sentence(record)))
    console.print(_estimates(record))
    console.print(Text(f"Verdict: {record.verdict.grade}. ", style=STYLES[record.verdict.grade]), end="")
    console.print(Text(record.verdict.summary))
    fired = [finding for finding in record.findings if finding.grade is not Grade.PASS]
    for finding in fired:
        line = Text(f"  {finding.grade:<8}", style=STYLES[finding.grade])
        line.append(f"{finding.check} · {finding.about}: {finding.message}", style="not bold default")
        if finding.remedy:
            line.append(f" {finding.remedy}", style="dim")
        console.print(line)
    passed = len(record.findings) - len(fired)
    console.print(Text(f"  {passed} checks passed.", style="dim"))


def _estimates(record: StudyRecord) -> Table:
    unit = record.question.unit
    table = Table(box=SIMPLE_HEAD, header_style="bold")
    several = len(record.design.outcome) > 1
    for name, side in (
        ("method", "left"),
        ("target", "left"),
        (f"estimate{f' [{unit}]' if unit else ''}", "right"),
        ("std. error", "right"),
        (_level(record), "right"),
        ("n", "right"),
        ("note", "left"),
    ):
        table.add_column(Text(name), justify="right" if side == "right" else "left", no_wrap=side == "right")
    for estimate in record.estimates:
        for row in estimate.summary():
            label = estimate.id if len(estimate.terms) == 1 else f"{estimate.id} {row['label']}"
            table.add_row(
                Text(label, style="bold" if estimate.id == record.headline else ""),
                str(estimate.target),
                format_number(row["value"]),
                format_number(row["std_error"]),
                format_interval(row["ci"]),
                f"{estimate.n_obs:,}",
                Text(_note(estimate, record)),
                end_section=several and row is estimate.summary()[-1],
            )
    for benchmark in record.question.benchmarks:
        table.add_row(
            Text(benchmark.label, style="italic"), "", format_number(benchmark.value),
            format_number(benchmark.std_error), "", "", "benchmark",
        )  # fmt: skip
    return table


def _level(record: StudyRecord) -> str:
    return f"{record.estimates[0].level:.0%} interval"


def _note(estimate: Estimate, record: StudyRecord) -> str:
    if estimate.target is Target.ASSOCIATION:
        return "naive, not adjusted"
    own = record.about(estimate.id)
    if any(finding.grade is Grade.VETO for finding in own):
        return "vetoed"
    warned = sum(finding.grade is Grade.WARN for finding in own)
    words = ["headline"] if estimate.id == record.headline else []
    if warned:
        words.append(f"{warned} warning{'s' if warned > 1 else ''}")
    return ", ".join(words)
