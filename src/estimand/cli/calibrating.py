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
    calibration = Calibration(out or OUT, **_settled(given))
    calibration.refuse_unknown()
    return _done(calibration, render, publish, {"page": PAGE_FILE, "methods": METHODS_FILE, "checks": CHECKS_FILE})


def calibrate_experiments(given: Mapping[str, Any], render: bool, publish: bool, out: Path | None) -> int:
    """Measure of experiments what is still to be measured, and write table and page."""
    measuring = Measuring(out or OUT, **_settled(given))
    measuring.chosen()
    return _done(measuring, render, publish, {"page": PAGE_FILE, "experiments": RATES_FILE})


def _settled(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, "workers": given["workers"] or cpu_count() or 1}


def _done(work: Calibration | Measuring, render: bool, publish: bool, files: Mapping[str, str]) -> int:
    folder = folder_for(work.out)
    with Progress() as progress, writing(folder):
        if render:
            work.render()
        else:
            work.run(progress.report)
    tell_places(**{name: folder / file for name, file in files.items()})
    if publish:
        written = put_in_checkout(folder, Path.cwd())
        Console(stderr=True).print(Text(f"Published: {', '.join(map(str, written))}"), soft_wrap=True)
    return 0
