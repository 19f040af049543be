"""What is asked: the sentence, the target, and what is already known about the answer."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, FiniteFloat

from estimand.core.declared import Declared


class Target(StrEnum):
    """Labels of what is estimated."""

    ASSOCIATION = "ASSOCIATION"
    ATE = "ATE"
    ATT = "ATT"
    ATC = "ATC"
    ATO = "ATO"
    ATM = "ATM"
    VARIANCE_WEIGHTED = "VARIANCE_WEIGHTED"
    LATE = "LATE"
    CATE = "CATE"
    GATE = "GATE"
    QTE = "QTE"
    QTT = "QTT"
    PROBABILITY_INDEX = "PROBABILITY_INDEX"
    GROUP_TIME_ATT = "GROUP_TIME_ATT"
    DOSE_RESPONSE = "DOSE_RESPONSE"

    @property
    def words(self) -> str:
        """The target in words a reader outside the field understands."""
        return _WORDS[self]

    @property
    def averaged(self) -> "Target":
        """The average effect over the same people: weights, overlap and balance are judged as for that."""
        return {Target.QTE: Target.ATE, Target.QTT: Target.ATT}.get(self, self)


_WORDS = {
    Target.ASSOCIATION: "difference between the arms as they are, not adjusted",
    Target.ATE: "average effect over everyone",
    Target.ATT: "average effect on those treated",
    Target.ATC: "average effect on those not treated",
    Target.ATO: "average effect where both arms are common (overlap weights)",
    Target.ATM: "average effect on the matched",
    Target.VARIANCE_WEIGHTED: "variance-weighted average effect, not the average over everyone",
    Target.LATE: "average effect on compliers",
    Target.CATE: "effect given covariates",
    Target.GATE: "average effect by group",
    Target.QTE: "effect on quantiles",
    Target.QTT: "effect on quantiles of those treated",
    Target.PROBABILITY_INDEX: "how often a treated unit is above an untreated one",
    Target.GROUP_TIME_ATT: "effect on each treated cohort in each period",
    Target.DOSE_RESPONSE: "mean outcome at each dose",
}


class Benchmark(Declared):
    """A number to hold the estimates against: an experiment's result or a known truth.

    Parameters
    ----------
    label : str
        What it is.
    value : float
        In outcome units.
    std_error : float, optional
        Its own uncertainty, in outcome units.
    """

    noun: ClassVar[str] = "A benchmark"
    label: str
    value: FiniteFloat
    std_error: Annotated[FiniteFloat, Field(gt=0)] | None = None


class Question(Declared):
    """The question, the target that would answer it, and benchmarks for the answer.

    Parameters
    ----------
    text : str
        The question as asked.
    target : Target
        What would answer it; the average effect over everyone by default.
    unit : str, optional
        Unit of the outcome, for words and axes ("dollars", "share").
    benchmarks : tuple of Benchmark
        Known answers to show beside the estimates.
    labels : mapping of str to str
        What to call columns in words: ``{"re78": "1978 earnings"}``.
    """

    noun: ClassVar[str] = "The question"
    text: str = ""
    target: Target = Target.ATE
    unit: str | None = None
    benchmarks: tuple[Benchmark, ...] = ()
    labels: Mapping[str, str] = Field(default_factory=dict)

    def called(self, column: str) -> str:
        """What to call a column: its label, or its name with spaces for underscores."""
        return self.labels.get(column) or " ".join(column.replace("_", " ").split()) or column
