"""Units that could have seen the change, and those that could not."""

from dataclasses import replace

import numpy as np

from estimand.core.design_fields import double_role
from estimand.core.experiment import Experiment
from estimand.core.metric_moments import MetricMoments
from estimand.core.sample import Sample
from estimand.errors import Code, DataError
from estimand.stats.arrays import Floats, Ints

# Of a sample's roles: one where the unit was triggered, else zero.
TRIGGERED_ROLE = "triggered"
MISSING = "missing"
YES, NO = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")


def with_trigger(design: Experiment) -> Experiment:
    """Name the trigger as the last stratum in place of a role, so that moments are told apart by it.

    Raises
    ------
    DesignError
        If it is a stratum already.
    """
    column = str(design.triggered)
    if column in design.strata:
        raise double_role(column, "triggered", "a stratum")
    return design.model_copy(update={"strata": (*design.strata, column), "triggered": None})


def split_moments(moments: MetricMoments, column: str) -> MetricMoments:
    """Moments of the triggered units, with those of the others beside them.

    Counts stay those of all units, so that what is asked of the assignment is asked of everyone.

    Parameters
    ----------
    moments : MetricMoments
        Whose last stratum column is the trigger.
    column : str
        Its name.

    Raises
    ------
    DataError
        If the trigger is neither true nor false somewhere, or nowhere true.
    """
    named = [_told_apart(label, column) for label in moments.strata]
    seen = _of(moments, named, wanted=True)
    if seen is None or not seen.units.any():
        raise nobody_triggered(column)
    return replace(seen, untriggered=_of(moments, named, wanted=False))


def split_sample(sample: Sample) -> tuple[Sample, Sample | None]:
    """Rows triggered, and the others; all, and none, of a sample that does not say."""
    held = sample.roles.get(TRIGGERED_ROLE)
    if held is None:
        return sample, None
    seen = held.values[:, 0] > 0.0
    if seen.all():
        return sample, None
    return sample.take(np.flatnonzero(seen)), sample.take(np.flatnonzero(~seen))


def triggered_rows(levels: tuple[str, ...], codes: Ints, column: str) -> Floats:
    """One where a row was triggered, else zero, from the labels of a column; shape (n,).

    Parameters
    ----------
    levels : tuple of str
    codes : ndarray of shape (n,)
        Positions in them; below zero where missing.

    Raises
    ------
    DataError
        If a value is missing or neither true nor false, or none is true.
    """
    if (codes < 0).any():
        raise _unreadable(column, MISSING)
    yes = np.array([_truth(level, column) for level in levels], dtype=float)
    if not yes.any():
        raise nobody_triggered(column)
    return np.asarray(yes[codes])


def nobody_triggered(column: str) -> DataError:
    """Say that there is nobody to compare."""
    return DataError(
        f"'{column}' is true of no unit with an arm, so nobody could have seen the change.",
        remedy="Check the column, or leave triggered out of the design.",
        code=Code.INSUFFICIENT_DATA,
        found=column,
    )


def _told_apart(label: str, column: str) -> tuple[str, bool]:
    """Label of a stratum without the trigger, and whether the trigger is true in it."""
    before, _, level = label.rpartition(f"{column} = ")
    return before.removesuffix(", "), _truth(level, column)


def _truth(level: str, column: str) -> bool:
    word = level.strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise _unreadable(column, level)


def _unreadable(column: str, level: str) -> DataError:
    return DataError(
        f"'{column}' says who was triggered and holds '{level}'.",
        remedy="Write true or false of every unit.",
        code=Code.INVALID_MAPPING,
        found=level,
        expected=["true", "false"],
    )


def _of(moments: MetricMoments, named: list[tuple[str, bool]], *, wanted: bool) -> MetricMoments | None:
    """Moments of the strata where the trigger is as wanted; None where it never is."""
    strata = tuple(dict.fromkeys(label for label, yes in named if yes is wanted))
    held = [j for j, s in enumerate(moments.stratum) if named[s][1] is wanted and moments.parts[j].units.any()]
    if not held:
        return None
    return replace(
        moments,
        strata=strata,
        parts=tuple(moments.parts[j] for j in held),
        stratum=tuple(strata.index(named[moments.stratum[j]][0]) for j in held),
        clusters=None if moments.clusters is None else tuple(moments.clusters[j] for j in held),
    )
