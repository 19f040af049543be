"""The command that compiles the kernels ahead of the first study."""

from rich.console import Console

from estimand.cli.output import print_json
from estimand.cli.progress import Progress
from estimand.core.run import Run
from estimand.study.warmup import warm_up


def warmup(json: bool) -> int:
    """Compile, and tell how long each kind of work took."""
    with Progress() as progress:
        seconds = warm_up(Run(report=progress.report))
    if json:
        print_json({label: round(taken, 3) for label, taken in seconds.items()})
        return 0
    console = Console()
    for label, taken in seconds.items():
        console.print(f"{label:<44} {taken:6.2f} s")
    return 0
