"""The looks that an experiment's days allow: cumulative over units that came on different days."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.metric_moments import MetricMoments
from estimand.errors import DataError, IdentificationError
from estimand.methods.experiments.fixed import covariance, strata_are_days
from estimand.methods.experiments.looking import NEAR, Looking
from estimand.stats.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was known at one look.

    Attributes
    ----------
    label : str
        The last day in it; empty for all that was read.
    units : float
        Over all arms.
    value, std_error : ndarray of shape (k,)
    """

    label: str
    units: float
    value: Floats
    std_error: Floats


def looks_of(case: Case, looking: Looking, read: Callable[[Case], Estimate], every: float) -> tuple[Look, ...]:
    """Looks before the last: a day each after the burn-in, or the day that reached each declared look.

    None where the design names no days; days on which nothing can be estimated yet are passed over.
    """
    found: list[Look] = []
    due = list(looking.grid)
    for label, part in _cumulative(case):
        units = float(part.units.sum())
        # What is read last may be all there will be, so that a day just before it is not taken for the end.
        reached = [look for look in due if looking.share(units) >= look - (NEAR if look < 1.0 else 0.0)]
        if units < looking.burn_in or units >= every or (not looking.always_valid and not reached):
            continue
        try:
            once = read(replace(case, source=part))
        except (DataError, IdentificationError):
            continue
        due = [look for look in due if look not in reached]
        found.append(Look(label, units, once.value, np.sqrt(np.diag(covariance(once)))))
    return tuple(found)


def _cumulative(case: Case) -> Iterator[tuple[str, MetricMoments]]:
    """Every day but the last, and the moments of all units that had come by then."""
    if strata_are_days(case):
        moments = case.metric_moments()
        order = sorted(range(len(moments.strata)), key=lambda s: _in_time(moments.strata[s]))
        for upto in range(1, len(order)):
            yield moments.strata[order[upto - 1]].partition(" = ")[2], _until(moments, set(order[:upto]))
        return
    design = case.design
    columns = (design.exposed, design.day) if isinstance(design, Experiment) else ()
    days = next((case.days[name] for name in columns if name is not None and name in case.days), None)
    if days is not None:
        for at, label in enumerate(days.labels[:-1]):
            yield label, days.until(at)


def _until(moments: MetricMoments, strata: set[int]) -> MetricMoments:
    held = [j for j, s in enumerate(moments.stratum) if s in strata]
    parts = tuple(moments.parts[j] for j in held)
    return replace(moments, parts=parts, stratum=tuple(moments.stratum[j] for j in held))


def _in_time(label: str) -> tuple[float, str]:
    """Order of a day: by number where it is one, else as it is written, as dates are."""
    name = label.partition(" = ")[2]
    try:
        return float(name), ""
    except ValueError:
        return np.inf, name
