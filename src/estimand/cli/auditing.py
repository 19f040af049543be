"""The command that audits a table before any estimate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estimand.cli import VETOED
from estimand.cli.output import folder_for, print_json, tell_places, writing
from estimand.cli.show import STYLES, terminal
from estimand.core.audit import AuditRecord
from estimand.core.finding import Grade
from estimand.report.audit_page import answer, write_audit
from estimand.study.audit import audit as audited


def audit(data: str, design: Mapping[str, Any], seed: int, json: bool, out: Path | None) -> int:
    """Audit a table; 3 when a veto is found."""
    folder = None if out is None else folder_for(out)
    record = audited(data, design, seed=seed)
    if json:
        print_json(record.to_dict())
    else:
        show_audit(record, terminal())
    if folder is not None:
        with writing(folder):
            saved = record.save(folder / "audit.json")
            page = write_audit(record, folder / "audit.html")
        tell_places(audit=page, record=saved)
    return VETOED if record.verdict.grade is Grade.VETO else 0


def show_audit(record: AuditRecord, console: Console) -> None:
    """Print the answer, the findings that fired, worst first, and how many checks passed."""
    console.print(Text(f"{answer(record)}.", style="bold"))
    flow = record.sample
    arms = ", ".join(f"{label} {count:,}" for label, count in flow.arms.items())
    console.print(Text(f"{flow.rows_used:,} of {flow.rows_read:,} rows audited; by arm: {arms}", style="dim"))
    console.print(Text(f"Verdict: {record.verdict.grade}. ", style=STYLES[record.verdict.grade]), end="")
    console.print(Text(record.verdict.summary))
    fired = [finding for finding in record.findings if finding.grade is not Grade.PASS]
    if fired:
        table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
        for name in ("grade", "check", "subject"):
            table.add_column(name, overflow="fold")
        table.add_column("what", ratio=3, overflow="fold")
        table.add_column("remedy", ratio=2, overflow="fold", style="dim")
        for finding in fired:
            table.add_row(
                Text(str(finding.grade).replace("_", " "), style=STYLES[finding.grade]),
                Text(finding.check.removeprefix("audit.")),
                Text(finding.subject),
                Text(finding.message),
                Text(finding.remedy or ""),
            )
        console.print(table)
    passed = len(record.findings) - len(fired)
    console.print(Text(f"{passed} check{'s' if passed != 1 else ''} passed.", style="dim"))
