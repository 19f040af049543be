"""The demonstrations: a bundled dataset, its own question and design, and the methods that suit it."""

from collections.abc import Callable

from estimand.core.record import StudyRecord
from estimand.data import datasets
from estimand.errors import DesignError
from estimand.study.study import Study

DEMOS = ("lalonde", "outreach")


def demo_study(name: str) -> Study:
    """Return the study of a demonstration.

    Raises
    ------
    DesignError
        If there is none of that name.
    """
    if name not in DEMOS:
        raise DesignError(f"There is no demonstration '{name}'.", remedy=f"There are: {', '.join(DEMOS)}.", found=name)
    datasets.describe(name)
    return Study(data=name, methods=("difference", "regression", "ipw", "aipw"), headline="aipw")


def run_demo(name: str, report: Callable[[str, int, int], None] | None = None) -> StudyRecord:
    """Run a demonstration."""
    return demo_study(name).run(report=report)
