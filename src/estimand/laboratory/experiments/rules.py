"""When a measured rate keeps its line: declared before any number was seen."""

from dataclasses import dataclass

import numpy as np

from estimand.core.experiment_rates import Rule
from estimand.laboratory.judge import FEWEST, band

ERRORS = 3.0
WITHIN, POINTS = 0.02, 0.01


@dataclass(frozen=True, slots=True)
class Share:
    """Hits among trials.

    Attributes
    ----------
    hits, trials : float
    """

    hits: float
    trials: float

    @property
    def value(self) -> float | None:
        """The share; None of no trials."""
        return self.hits / self.trials if self.trials else None

    @property
    def error(self) -> float | None:
        """Its Monte-Carlo standard error."""
        return None if self.value is None else float(np.sqrt(self.value * (1.0 - self.value) / self.trials))


def keeps_size(rule: Rule, found: Share, expected: float) -> bool:
    """Whether a test errs as often as it says.

    An exact test: within three Monte-Carlo errors of what it says. A conservative one: no more than it says.
    """
    if found.value is None or found.trials < FEWEST:
        return False
    if rule == "conservative":
        return found.value <= expected
    return abs(found.value - expected) <= ERRORS * float(np.sqrt(expected * (1.0 - expected) / found.trials))


def keeps_coverage(rule: Rule, found: Share) -> bool:
    """Whether 95 % intervals cover as the rest of the page asks; conservative ones may cover more."""
    if found.value is None or found.trials < FEWEST:
        return True
    low, high = band(int(found.trials))
    return low <= found.value and (found.value <= high or rule == "conservative")


def ruled(keeps: bool, limit: str) -> str:
    """Name the ruling: a miss that was declared beforehand is known."""
    return "pass" if keeps else "known" if limit else "fail"


def ruled_if_told(keeps: bool, error: float, line: float) -> str:
    """Rule where the tables are enough to tell: two Monte-Carlo errors within the line; else publish it without one."""
    return ruled(keeps, "") if 2.0 * error <= line else "published"


def near_ratio(measured: float, expected: float) -> bool:
    """Whether a ratio is within two parts in a hundred of what it should be."""
    return abs(measured / expected - 1.0) <= WITHIN


def near_points(measured: float, expected: float) -> bool:
    """Whether a share is within a point of what was promised."""
    return abs(measured - expected) <= POINTS
