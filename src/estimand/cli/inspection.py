"""The command that looks at a table before a study of it."""

import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estimand.cli.output import print_json
from estimand.cli.show import terminal
from estimand.study.inspect import Inspection
from estimand.study.inspect import inspect as look_at


def inspect(data: str, json: bool, study: bool) -> int:
    """Print what each column holds and may be, or a draft of a study file."""
    seen = look_at(data)
    if json:
        print_json(seen.to_dict())
    elif study:
        sys.stdout.write(seen.study_yaml())
    else:
        _show(seen, terminal())
    return 0


def _show(seen: Inspection, console: Console) -> None:
    console.print(Text(f"{seen.name}: {seen.rows:,} rows, {len(seen.columns):,} columns", style="bold"))
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("column", "kind"):
        table.add_column(name, overflow="fold")
    for name in ("missing", "distinct"):
        table.add_column(name, justify="right")
    for name in ("range or commonest", "may be"):
        table.add_column(name, overflow="fold")
    for profile, proposal in zip(seen.columns, seen.proposals, strict=True):
        may_be = Text(f"{proposal.role} ", style="" if proposal.role == "covariate" else "bold")
        may_be.append(f"({proposal.confidence}: {proposal.reason})", style="not bold dim")
        table.add_row(
            Text(profile.column),
            profile.kind,
            f"{profile.missing_share:.1%}" if profile.missing else "",
            f"{profile.distinct:,}",
            Text(profile.content),
            may_be,
        )
    console.print(table)
    for finding in seen.findings:
        console.print(Text(f"{finding.message} {finding.remedy or ''}".strip(), style="cyan"))
    console.print(Text("Roles are proposals; none was applied. For a draft to edit, add --study.", style="dim"))
