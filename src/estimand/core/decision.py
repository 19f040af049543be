"""Ship, do not ship, or keep running: what the rules set before the experiment say of its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal

from estimand.core.declared import Declared
from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import Json, encode, number


class Action(StrEnum):
    """What to do."""

    SHIP = "ship"
    DO_NOT_SHIP = "do_not_ship"
    KEEP_RUNNING = "keep_running"

    @property
    def words(self) -> str:
        """The action as a sentence begins."""
        return self.value.replace("_", " ").capitalize()


class DecisionRules(Declared):
    """Rules that turn an experiment's numbers into a decision; they are set before it is read.

    Schultzberg, Ankargren & Frånberg (2024), doi:10.48550/arXiv.2402.11609.

    Parameters
    ----------
    primary : "any" | "all"
        Which of the primary metrics must be better, after the plan's correction. None may be worse.
    guardrails : "shown" | "not_beyond"
        Whether a guardrail must be shown to be within its margin, or must not be shown to be beyond it.
    harm : "stop" | "ignore"
        Whether a sequential reading that shows harm before the planned end ends the experiment.
    """

    noun: ClassVar[str] = "The rules of decision"
    primary: Literal["any", "all"] = "any"
    guardrails: Literal["shown", "not_beyond"] = "shown"
    harm: Literal["stop", "ignore"] = "stop"


@dataclass(frozen=True, slots=True)
class Reading:
    """How one metric stands in one arm.

    Attributes
    ----------
    metric, arm, role : str
    standing : str
        Of a primary or of a guardrail without a margin: better, worse, undecided. Of a guardrail with one: within,
        beyond, not_shown. Of either: not_read.
    value : float or None
        In the metric's unit.
    p_value : float or None
        Of a primary, after the plan's correction; of a margin, one-sided.
    words : str
    """

    metric: str
    arm: str
    role: str
    standing: str
    value: float | None
    p_value: float | None
    words: str

    def to_dict(self) -> dict[str, Json]:
        """Return the reading as JSON."""
        return {
            "metric": self.metric,
            "arm": self.arm,
            "role": self.role,
            "standing": self.standing,
            "value": number(self.value),
            "p_value": number(self.p_value),
            "words": self.words,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Decision(Frozen):
    """What the rules say.

    Attributes
    ----------
    action : Action
    arm : str or None
        That is shipped.
    summary : str
    arms : mapping of str to Action
    readings : tuple of Reading
        Of every primary and guardrail in every arm.
    rules : mapping
    """

    action: Action
    arm: str | None
    summary: str
    arms: Mapping[str, Action]
    readings: tuple[Reading, ...]
    rules: Mapping[str, Any]

    def to_dict(self) -> dict[str, Json]:
        """Return the decision as JSON."""
        return {
            "action": str(self.action),
            "arm": self.arm,
            "summary": self.summary,
            "arms": {arm: str(action) for arm, action in self.arms.items()},
            "readings": [reading.to_dict() for reading in self.readings],
            "rules": encode(self.rules),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Decision":
        """Rebuild the decision from its JSON."""
        return cls(
            Action(data["action"]),
            data["arm"],
            data["summary"],
            FrozenMap({arm: Action(action) for arm, action in data["arms"].items()}),
            tuple(Reading(**reading) for reading in data["readings"]),
            FrozenMap(data["rules"]),
        )
