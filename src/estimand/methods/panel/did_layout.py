"""The regression of difference-in-differences: its treatment, its covariates and the effects it absorbs."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.timeline import Timeline
from estimand.errors import Code, IdentificationError, UnsupportedError
from estimand.stats.absorb import alike_within
from estimand.stats.arrays import Bools, Floats, Ints

Effects: TypeAlias = Literal["two_way", "two_by_two"]
MOST_ENTRIES = 400_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Columns of the regression.

    Attributes
    ----------
    columns : ndarray of shape (n, 1 + q)
        Covariates, then treatment, so that what the covariates determine of it shows.
    names : tuple of str, of length 1 + q
    sources : tuple of str, of length 1 + q
        Covariate each column is made from.
    absorbed : mapping of str to ndarray of shape (n,)
        Levels with effects of their own.
    interacted : tuple of str
        Covariates that are constant within units.
    """

    columns: Floats
    names: tuple[str, ...]
    sources: tuple[str, ...]
    absorbed: dict[str, Ints]
    interacted: tuple[str, ...]


def laid_out(case: Case, effects: Effects, start: int | None) -> Layout:
    """Lay out the regression of a panel, or of repeated cross-sections; ``start`` is that of all treated.

    Raises
    ------
    IdentificationError
        If two groups and two times are asked for, and there are more or fewer.
    UnsupportedError
        If the covariates by period are too many for memory.
    """
    sample, timeline = case.sample(), case.timeline()
    treated = sample.arm == 1
    if effects == "two_by_two":
        group, after = _two_groups(timeline, start)
        absorbed = {"group": group, "after": after}
        times: Ints = after
        labels: tuple[str, ...] = ("before", "after")
    else:
        who = ("cohort", timeline.cohort) if timeline.unit is None else ("unit", timeline.unit)
        absorbed = {who[0]: who[1], "period": timeline.period}
        times, labels = timeline.period, timeline.labels
    absorbed |= dict(timeline.absorbed)
    if not sample.features.features:
        return Layout(treated.astype(np.float64)[:, None], ("treated",), ("treated",), absorbed, ())
    # Two groups leave the levels of units in, so a covariate needs a slope in the first time too.
    shown = np.arange(0 if effects == "two_by_two" else 1, len(labels))
    parts, names, sources, interacted = _covariates(sample, times, [labels[t] for t in shown], shown)
    columns = np.empty((len(names) + 1, sample.n))
    place = 0
    for part in parts:
        width = 1 if part.ndim == 1 else part.shape[1]
        columns[place : place + width] = part.T
        place += width
    columns[-1] = treated
    return Layout(columns.T, (*names, "treated"), (*sources, "treated"), absorbed, interacted)


def _two_groups(timeline: Timeline, start: int | None) -> tuple[Ints, Ints]:
    """Code of the group and of the time of each row, with the treated and after as 1."""
    if start is None:
        cohorts = timeline.cohorts().shape[0]
        raise IdentificationError(
            f"Two groups and two times need one treated cohort whose treatment stays on, and there are {cohorts}"
            f"{', units treated from the start' if timeline.always.any() else ''}"
            f"{', and treatment that ends' if timeline.switched_off.any() else ''}.",
            remedy="Use effects: two_way, or staggered_did.",
            found=cohorts,
            expected=1,
        )
    return (~timeline.never).astype(np.int64), (timeline.period >= start).astype(np.int64)


def _covariates(
    sample: Sample, times: Ints, labels: list[str], shown: Ints
) -> tuple[list[Floats], list[str], list[str], tuple[str, ...]]:
    """Covariates as they are where they vary within units; a slope in each time shown where they do not."""
    features, unit = sample.features, None if sample.timeline is None else sample.timeline.unit
    still = np.zeros(len(features.features), dtype=np.bool_)
    if unit is not None:
        units = int(unit.max()) + 1
        still = np.array([alike_within(unit, features.values[:, j], units) for j in range(still.shape[0])])
    entries = sample.n * (int(still.sum()) * len(labels) + int((~still).sum()))
    if entries > MOST_ENTRIES:
        raise UnsupportedError(
            f"{int(still.sum())} covariates that are constant within units, with {len(labels)} slopes each, make "
            f"{entries:,} entries.",
            remedy="Use fewer covariates or longer periods.",
            code=Code.UNSUPPORTED,
        )
    parts: list[Floats] = []
    names: list[str] = []
    sources: list[str] = []
    for j, feature in enumerate(features.features):
        column = features.values[:, j]
        if not still[j]:
            parts.append(column)
            names.append(feature.name)
            sources.append(feature.source)
            continue
        centred = column - column.mean()
        parts.append(centred[:, None] * (times[:, None] == shown))
        names.extend(f"{feature.name} × {label}" for label in labels)
        sources.extend([feature.source] * len(labels))
    constant = [feature.source for feature, alike in zip(features.features, still, strict=True) if alike]
    return parts, names, sources, tuple(dict.fromkeys(constant))


def refuse_unidentified(kept: bool, timeline: Timeline) -> None:
    """Refuse where effects and covariates leave nothing of the treatment.

    Raises
    ------
    IdentificationError
    """
    if kept:
        return
    alone = not timeline.never.any() and np.unique(timeline.cohort).shape[0] < 2
    raise IdentificationError(
        "Every unit is treated from the same period on, so the effect cannot be told from that of the period."
        if alone
        else "Absorbed effects and covariates together determine who is treated when, so nothing is left to compare.",
        remedy="Add units that are not treated, or treated later."
        if alone
        else "Leave out the covariate or absorbed column that gives treatment away.",
    )


def covariate_findings(about: str, layout: Layout, kept: Bools, times: str) -> tuple[Finding, ...]:
    """Say which covariates entered by period, and which add nothing and were left out."""
    out = []
    used = {source for source, keep in zip(layout.sources, kept, strict=True) if keep}
    by_period = [source for source in layout.interacted if source in used]
    if by_period:
        out.append(
            Finding(
                check=f"{about}.constant_covariates",
                about=about,
                grade=Grade.NOTE,
                subject=by_period[0],
                statistic=float(len(by_period)),
                message=f"Covariates that are constant within units entered with a slope for each {times}, as unit "
                f"effects hold their level: {_listed(by_period)}.",
                remedy="Trends are then taken as parallel among units that are alike in them.",
            )
        )
    lost = [source for source in dict.fromkeys(layout.sources[:-1]) if source not in used]
    if lost:
        out.append(
            Finding(
                check=f"{about}.dropped",
                about=about,
                grade=Grade.NOTE,
                subject=lost[0],
                statistic=float(len(lost)),
                message=f"Covariates that say nothing beside the absorbed effects and each other were left out: "
                f"{_listed(lost)}.",
                remedy="Nothing to do where this is a duplicate; otherwise look why the column does not vary.",
            )
        )
    return tuple(out)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
