"""What each column may be in a study: proposals with reasons, which nothing applies by itself."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from estimand.core.jsonable import Json
from estimand.data.column import Kind
from estimand.data.encode import MOST_LEVELS
from estimand.data.profile import OTHER, TEXT, Profile, profile_columns
from estimand.data.source import Source
from estimand.data.treatment import MOST_ARMS

Role: TypeAlias = Literal[
    "treatment",
    "outcome",
    "covariate",
    "unit",
    "time",
    "cohort",
    "cluster",
    "timestamp",
    "weights",
    "post_treatment",
    "ignore",
]
Confidence: TypeAlias = Literal["high", "medium", "low"]
Words: TypeAlias = frozenset[str]


def _words(text: str) -> Words:
    return frozenset(text.split())


ORDER: tuple[Confidence, ...] = ("high", "medium", "low")
BEFORE = _words("prior pre baseline previous past lag lagged initial before")
AFTER = _words("post after followup subsequent")
IDENTIFIER = _words("id ids uuid guid key identifier")
GROUP = _words("cluster school clinic hospital village classroom store shop team workspace household ward")
WEIGHT = _words("weight weights wt wgt pweight fweight")
SURVEY = _words("sampling survey design frequency pweight fweight probability inverse")
MOMENT = _words("timestamp datetime date created recorded")
CALENDAR = _words("day week month quarter year date time")
TREATMENT = _words(
    "treat treated treatment trt arm variant exposed exposure intervention assigned assignment outreach optin opted "
    "enrolled campaign contacted program programme training trained offered invited randomised randomized"
)
ARMS = frozenset({"control", "placebo", "treatment", "treated", "untreated"})
OUTCOME = _words(
    "outcome y churn churned converted conversion revenue sales spend response responded died death mortality "
    "survived relapse retained retention completed purchase purchased clicked click earnings"
)


@dataclass(frozen=True, slots=True)
class RoleProposal:
    """What a column may be.

    Attributes
    ----------
    column : str
    role : Role
    confidence : "high" | "medium" | "low"
    reason : str
        Why, in words.
    """

    column: str
    role: Role
    confidence: Confidence
    reason: str

    def to_dict(self) -> dict[str, Json]:
        """Return the proposal as JSON."""
        return {"column": self.column, "role": self.role, "confidence": self.confidence, "reason": self.reason}


Guess: TypeAlias = tuple[Role, Confidence, str] | None


def propose_roles(source: Source) -> tuple[RoleProposal, ...]:
    """Propose a role for every column, from names, kinds and the values that differ.

    Parameters
    ----------
    source : Source

    Returns
    -------
    tuple of RoleProposal
        One a column, in their order. At most one is the treatment, and so for the outcome, unit, cluster,
        timestamp and weights.
    """
    return propose_from(profile_columns(source))


def propose_from(profiles: Iterable[Profile]) -> tuple[RoleProposal, ...]:
    """Propose a role for every column profiled."""
    known = {profile.column: profile for profile in profiles}
    proposals = _one_of_each({name: _propose(profile) for name, profile in known.items()})
    roles = {proposal.role for proposal in proposals.values()}
    if "treatment" not in roles:
        proposals |= _only_two_valued(proposals, known)
    if "outcome" not in roles:
        proposals |= _latest_of_a_series(proposals)
    return tuple(proposals.values())


def _propose(profile: Profile) -> RoleProposal:
    spelt = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", profile.column).casefold().replace("opt_in", "optin")
    words = frozenset(re.findall(r"[^\W_]+", spelt))
    guesses = (guess(profile, words) for guess in RULES)
    role, confidence, reason = next(guess for guess in guesses if guess is not None)
    return RoleProposal(profile.column, role, confidence, reason)


def _unusable(profile: Profile, words: Words) -> Guess:
    if profile.missing == profile.rows:
        return "ignore", "high", "it is missing in every row"
    if profile.kind == OTHER:
        return "ignore", "high", "its values are neither numbers, truth values, dates nor text"
    return ("ignore", "high", "it holds one value only") if profile.distinct == 1 else None


def _before(profile: Profile, words: Words) -> Guess:
    fits = words & BEFORE and profile.kind != TEXT
    return ("covariate", "high", "its name says that it was measured before treatment") if fits else None


def _after(profile: Profile, words: Words) -> Guess:
    starts = profile.column.casefold().startswith(tuple(AFTER))
    fits = starts or (words & AFTER and not words & TREATMENT)
    return ("post_treatment", "medium", "its name says that it was measured after treatment") if fits else None


def _timestamp(profile: Profile, words: Words) -> Guess:
    if profile.kind == Kind.TIME:
        return "timestamp", "high", "it holds dates or times"
    return ("timestamp", "low", "its name says date or time") if words & MOMENT else None


def _unit(profile: Profile, words: Words) -> Guess:
    if not profile.unique:
        return None
    if words & IDENTIFIER:
        return "unit", "high", "its name says identifier, and every row has a value of its own"
    if profile.kind == TEXT:
        return "unit", "medium", "it is text, and every row has a value of its own"
    counts = profile.whole and profile.low in {0.0, 1.0} and profile.high == profile.low + profile.rows - 1
    return ("unit", "medium", "it numbers the rows") if counts else None


def _cluster(profile: Profile, words: Words) -> Guess:
    if not words & (IDENTIFIER | GROUP) or profile.distinct < 3:
        return None
    reason = f"its name says that it identifies groups, and its {profile.distinct:,} values repeat"
    return "cluster", "medium" if words & (IDENTIFIER | {"cluster"}) else "low", reason


def _weights(profile: Profile, words: Words) -> Guess:
    if not words & WEIGHT or profile.kind != Kind.NUMBER or profile.low is None or profile.low <= 0:
        return None
    if words & SURVEY:
        return "weights", "high", "its name says what kind of weight it is, and its numbers are positive"
    return "weights", "medium", "its name says weight, and its numbers are positive; a body weight is a covariate"


def _treatment(profile: Profile, words: Words) -> Guess:
    if profile.distinct > MOST_ARMS:
        return None
    named = next((level for level, _ in profile.top if level.casefold() in ARMS), None)
    if named is not None:
        return "treatment", "high", f"one of its {profile.distinct} values is '{named}'"
    if not words & TREATMENT or words & CALENDAR:
        return None
    reason = f"its name says treatment, and it has {profile.distinct} values"
    return "treatment", "high" if profile.distinct == 2 and not words & AFTER else "medium", reason


def _outcome(profile: Profile, words: Words) -> Guess:
    if not words & OUTCOME:
        return None
    if profile.kind != TEXT:
        return "outcome", "high", "its name says outcome"
    return ("outcome", "low", "its name says outcome, but it is text") if profile.distinct == 2 else None


def _covariate(profile: Profile, words: Words) -> Guess:
    if profile.kind == TEXT and profile.distinct > MOST_LEVELS:
        return "ignore", "medium", f"it has {profile.distinct:,} different texts, more than are encoded as categories"
    return "covariate", "low", "nothing says otherwise; was it measured before treatment?"


RULES: tuple[Callable[[Profile, Words], Guess], ...] = (
    _unusable, _before, _after, _timestamp, _unit, _cluster, _weights, _treatment, _outcome, _covariate,
)  # fmt: skip
LOSERS: dict[Role, Role] = {"outcome": "post_treatment", "unit": "ignore", "timestamp": "ignore", "weights": "ignore"}
SINGLE: tuple[Role, ...] = ("treatment", "outcome", "unit", "cluster", "timestamp", "weights")


def _one_of_each(proposals: dict[str, RoleProposal]) -> dict[str, RoleProposal]:
    """Keep the surest proposal of each role that one column plays, the shortest name first among equals."""
    chosen = dict(proposals)
    for role in SINGLE:
        rivals = [proposal for proposal in proposals.values() if proposal.role == role]
        rivals.sort(key=lambda rival: (ORDER.index(rival.confidence), len(rival.column)))
        for rival in rivals[1:]:
            reason = f"{rival.reason}; but '{rivals[0].column}' is likelier the {role}"
            chosen[rival.column] = RoleProposal(rival.column, LOSERS.get(role, "covariate"), "low", reason)
    return chosen


def _only_two_valued(proposals: dict[str, RoleProposal], known: dict[str, Profile]) -> dict[str, RoleProposal]:
    """Propose the only column of two values as treatment."""
    two = [name for name, proposal in proposals.items() if proposal.role == "covariate" and known[name].distinct == 2]
    if len(two) != 1:
        return {}
    return {two[0]: RoleProposal(two[0], "treatment", "low", "it is the only column with two values")}


def _latest_of_a_series(proposals: dict[str, RoleProposal]) -> dict[str, RoleProposal]:
    """Propose the last of columns such as re74, re75, re78 as outcome."""
    series = defaultdict(list)
    for name, proposal in proposals.items():
        numbered = re.fullmatch(r"(.*?)([0-9]{1,4})", name)
        if numbered and proposal.role == "covariate":
            series[numbered[1]].append((int(numbered[2]), name))
    long = [sorted(names) for names in series.values() if len(names) > 1]
    if len(long) != 1:
        return {}
    last = long[0][-1][1]
    reason = f"it is the last of {', '.join(name for _, name in long[0])}"
    return {last: replace(proposals[last], role="outcome", confidence="low", reason=reason)}
