"""The command that measures the catalog's own error rates."""

from collections.abc import Mapping
from os import cpu_count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from estimand.cli.output import folder_for, tell_places, writing
from estimand.cli.progress import Progress
from estimand.core.calibration import CHECKS_FILE, METHODS_FILE
from estimand.core.experiment_rates import RATES_FILE
from estimand.laboratory.calibrate import PAGE_FILE, Calibration
from estimand.laboratory.experiments.measure import Measuring
from estimand.laboratory.publish import publish as put_in_checkout

OUT = Path("estimand-out") / "calibration"


def calibrate(given: Mapping[str, Any], render: bool, publish: bool, out: Path | None) -> int:
    """Measure what is still to be measured, and write tables and page."""
    settled = {**given, "workers": given["workers"] or cpu_count() or 1}
    calibration = Calibration(out or OUT, **settled)
    calibration.refuse_unknown()
    folder = folder_for(calibration.out)
    with Progress() as progress, writing(folder):
        if render:
            calibration.render()
        else:
            calibration.run(progress.report)
    tell_places(page=folder / PAGE_FILE, methods=folder / METHODS_FILE, checks=folder / CHECKS_FILE)
    _publish(folder, publish)
    return 0


def calibrate_experiments(given: Mapping[str, Any], render: bool, publish: bool, out: Path | None) -> int:
    """Measure of experiments what is still to be measured, and write table and page."""
    settled = {**given, "workers": given["workers"] or cpu_count() or 1}
    measuring = Measuring(out or OUT, **settled)
    measuring.chosen()
    folder = folder_for(measuring.out)
    with Progress() as progress, writing(folder):
        if render:
            measuring.render()
        else:
            measuring.run(progress.report)
    tell_places(page=folder / PAGE_FILE, experiments=folder / RATES_FILE)
    _publish(folder, publish)
    return 0


def _publish(folder: Path, wanted: bool) -> None:
    if wanted:
        written = put_in_checkout(folder, Path.cwd())
        Console(stderr=True).print(Text(f"Published: {', '.join(map(str, written))}"), soft_wrap=True)
