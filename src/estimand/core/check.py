"""What a check is: it says when it applies, and answers with findings."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from estimand.core.case import Case
from estimand.core.declared import Declared
from estimand.core.design import ARMS, DesignFields
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding
from estimand.core.resampling import Resampling


class Refit(Protocol):
    """Run an estimate's method on another case; without a scheme, under the method's own uncertainty."""

    def __call__(self, estimate: Estimate, case: Case, /, resample: Resampling | None = None) -> Estimate:
        """Estimate again."""
        ...


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """The card of a check: its key, the question it answers, where it is from, and the designs it can judge.

    A check that ``reads_moments`` is asked of the moments of every metric, and does without rows; one that reads rows
    as well, where moments do not say enough, ``reads_both``.
    """

    key: str
    question: str
    references: tuple[str, ...] = ()
    designs: tuple[type[DesignFields], ...] = ARMS
    reads_moments: bool = False
    reads_both: bool = False


class Check(Declared):
    """Root of the checks."""

    spec: ClassVar[CheckSpec]

    @abstractmethod
    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Tell whether there is anything to examine."""

    @abstractmethod
    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Examine the estimates of one outcome; ``refit`` runs an estimate's method on another case."""


C = TypeVar("C", bound=Check)


def check(key: str, **card: Any) -> Callable[[type[C]], type[C]]:
    """Give a check its card; see :class:`CheckSpec` for the fields."""

    def dress(cls: type[C]) -> type[C]:
        cls.spec = CheckSpec(key=key, **card)
        cls.noun = f"Check '{key}'"
        return cls

    return dress
