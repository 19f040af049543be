"""The command that assigns the arms of a table anew, and counts false positives."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from estimand.cli.drawing import draw, drawable
from estimand.cli.metric_words import with_metrics
from estimand.cli.output import print_json
from estimand.cli.show import STYLES, terminal
from estimand.errors import DesignError
from estimand.study.aa import AATest
from estimand.study.aa import aa as assigned_anew
from estimand.study.study import Study

STUDY_FILES = (".yaml", ".yml")


def aa(
    data: str, design: Mapping[str, Any], metrics: str, asked: Mapping[str, Any], json: bool, figure: Path | None
) -> int:
    """Run the test on a table, or on the data and design of a study file."""
    place = drawable(figure)
    source: Any = data
    described: Any = with_metrics(design, {"primary": metrics})
    if Path(data).suffix in STUDY_FILES:
        study = Study.from_file(data)
        source, described = study.data, study.design
    elif not metrics:
        raise DesignError("No metric is named.", remedy="Name one or more: --metrics spend@spend_before,orders.")
    made = assigned_anew(source, described, **asked)
    if json:
        print_json(made.to_dict())
    else:
        show_aa(made, terminal())
    draw(place, "p_value_histogram", made.of("aa.size")[0])
    return 0


def show_aa(made: AATest, console: Console) -> None:
    """Print the answer, and a row for every metric, method and arm."""
    (answer,) = made.of("aa.size")
    console.print(Text(answer.message, style=STYLES[answer.grade]))
    told = f"{made.units:,} units of {made.data} assigned anew {made.repetitions:,} times; seed {made.seed}"
    console.print(Text(told, style="dim"))
    table = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("metric", "method", "arm"):
        table.add_column(name, overflow="fold")
    for name in (f"p < {made.alpha:g}", "95% interval", "uniform", "failed"):
        table.add_column(name, justify="right")
    for row in made.table.rows():
        shown = (f"{row['rate']:.1%}", f"{row['low']:.1%} to {row['high']:.1%}", f"{row['uniform']:.2g}")
        table.add_row(row["metric"], row["method"], row["arm"], *shown, f"{row['failed']:,}")
    console.print(table)
    for finding in made.of("aa.failed"):
        console.print(Text(f"{finding.about}: {finding.message}", style="dim"))
