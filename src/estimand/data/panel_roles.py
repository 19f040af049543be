"""Which columns may be unit, time and cohort of a panel: two that together tell every row apart."""

import re
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from estimand.data.column import Kind, Labels, as_labels, read_column
from estimand.data.profile import OTHER, Profile
from estimand.data.roles import CALENDAR, GROUP, IDENTIFIER, MOMENT, RoleProposal, Words
from estimand.data.source import Source
from estimand.data.text_times import read_periods
from estimand.data.timeline import MOST_PERIODS
from estimand.errors import DataError
from estimand.stats.arrays import Ints

_PERIODS = "period term wave round semester season yr"
_UNITS = "unit user customer account person patient student firm company plant county state country region city"
_STARTS = "first cohort start started since adopted adoption launch launched gname"
PERIOD = CALENDAR | MOMENT | frozenset(_PERIODS.split())
UNIT = GROUP | IDENTIFIER | frozenset(_UNITS.split())
FIRST = frozenset(_STARTS.split())
MOST_PAIRS = 12


def propose_panel(
    source: Source, profiles: Iterable[Profile], proposals: tuple[RoleProposal, ...]
) -> tuple[RoleProposal, ...]:
    """Propose unit and time where two columns together tell every row apart, and a cohort where one is named so.

    Parameters
    ----------
    source : Source
    profiles : iterable of Profile
    proposals : tuple of RoleProposal
        One a column, for a table that is no panel.

    Returns
    -------
    tuple of RoleProposal
        The same, where no two columns do.
    """
    known = {profile.column: profile for profile in profiles}
    if any(proposal.role == "unit" for proposal in proposals):
        return proposals
    pair = _pair(source, known)
    if pair is None:
        return proposals
    unit, time, codes = pair
    chosen = {
        unit: RoleProposal(unit, "unit", "medium", f"with '{time}' it tells every row apart"),
        time: RoleProposal(time, "time", "medium", f"with '{unit}' it tells every row apart"),
    }
    cohort = next((name for name in known if name not in chosen and _is_cohort(source, known[name], codes)), None)
    if cohort is not None:
        reason = f"its name says when something began, and it is the same in all rows of '{unit}'"
        chosen[cohort] = RoleProposal(cohort, "cohort", "medium", reason)
    return tuple(chosen.get(proposal.column, _freed(proposal)) for proposal in proposals)


def _freed(proposal: RoleProposal) -> RoleProposal:
    """Leave out what was to be when the row was recorded: the time says that."""
    return replace(proposal, role="ignore", confidence="low") if proposal.role == "timestamp" else proposal


def _words(name: str) -> Words:
    return frozenset(re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold()))


def _pair(source: Source, known: dict[str, Profile]) -> tuple[str, str, Ints] | None:
    """Find a unit and a time that tell all rows apart, and the units' codes."""
    full = [profile for profile in known.values() if not profile.missing and profile.kind != OTHER]
    repeating = [profile for profile in full if 2 < profile.distinct < profile.rows]
    units = [profile.column for profile in repeating if _words(profile.column) & UNIT]
    times = [
        profile.column
        for profile in full
        if 2 <= profile.distinct <= min(MOST_PERIODS, profile.rows // 2)
        and (profile.kind == Kind.TIME or _words(profile.column) & PERIOD)
        and not _words(profile.column) & FIRST
    ]
    pairs = [(unit, time) for time in times for unit in units if unit != time][:MOST_PAIRS]
    for unit, time in pairs:
        codes = as_labels(read_column(source, unit)).codes
        periods = as_labels(read_column(source, time)).codes
        if np.unique(codes * (int(periods.max()) + 1) + periods).shape[0] == source.rows:
            return unit, time, codes
    return None


def _is_cohort(source: Source, profile: Profile, unit: Ints) -> bool:
    """Whether a column is named as a start is, has an order in time, and is one value for each unit."""
    if not _words(profile.column) & FIRST or profile.kind == OTHER:
        return False
    try:
        column = read_column(source, profile.column)
    except DataError:
        return False
    if isinstance(column, Labels) and read_periods(column, may_be_never=True) is None:
        return False
    codes = as_labels(column).codes
    return bool(np.unique(unit * (int(codes.max()) + 2) + codes + 1).shape[0] == np.unique(unit).shape[0])
