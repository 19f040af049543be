"""The part of the page about rollouts: coverage by the number of clusters, in other panels, and checks of panels."""

from collections.abc import Sequence

from estimand.core.calibration import Cell, CheckCell
from estimand.laboratory.markdown import coverage_table
from estimand.laboratory.page_checks import EXPLAINED, checks_table
from estimand.laboratory.picture import rows_of
from estimand.laboratory.worlds.rollouts import SIZES

OPENING = """## Rollouts: units over periods

Methods for panels, in simulated rollouts: one cohort treated halfway, or two, early with large effects and late with
small ones; the others never. Coverage of 95 % intervals, in per cent, marked as above. The answer of `did` where
cohorts are several is held to the variance-weighted average that it is, not to the effect on the treated."""
FAMILIES = {
    "one_cohort": "### By number of clusters: one cohort",
    "staggered": "### By number of clusters: two cohorts",
}


def is_panel_check(key: str) -> bool:
    """Whether a check is of panels alone."""
    return key.startswith("panel.")


def rollouts(cells: Sequence[Cell], asked: Sequence[CheckCell]) -> str:
    """Write the section from the cells of rollouts and the checks of panels; nothing where there are none."""
    parts = []
    counted = set()
    for family, heading in FAMILIES.items():
        worlds = {f"{family}_{clusters}_clusters": f"{clusters} clusters" for clusters in SIZES}
        own = [cell for cell in cells if cell.world in worlds]
        counted |= set(worlds)
        parts += [heading, coverage_table(own, rows_of(own), worlds)] if own else []
    others = [cell for cell in cells if cell.world not in counted]
    if others:
        names = {cell.world: cell.place for cell in others}
        parts += ["### In other rollouts", coverage_table(others, rows_of(others), names)]
    if asked:
        parts += ["### Checks of panels", EXPLAINED, checks_table(asked)]
    return "\n\n".join([OPENING, *parts]) if parts else ""
