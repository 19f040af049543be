"""What planning asks of a design: how precise it would be, and data like those it would gather.

A design that offers a :class:`PowerModel` has power, sample size, minimum detectable effect and curves by formula
(:mod:`~estimand.study.powering.solve`), and power by simulation (:mod:`~estimand.study.powering.simulate`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from estimand.core.experiment import Experiment
from estimand.core.frozen import Frozen
from estimand.stats.arrays import AnyArray, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Precision(Frozen):
    """How precise each comparison with control would be.

    Attributes
    ----------
    std_error : ndarray of shape (k,)
    df : ndarray of shape (k,)
        Infinite for a normal test.
    """

    std_error: Floats
    df: Floats

    def worst(self) -> tuple[float, float]:
        """Standard error and degrees of freedom of the least precise comparison."""
        at = int(self.std_error.argmax())
        return float(self.std_error[at]), float(self.df[at])


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Data as the experiment would gather them, in the order of arrival.

    Attributes
    ----------
    columns : mapping of str to ndarray of shape (n,)
    design : Experiment
    method : str
        That would read them once.
    term : int
        Position of the least precise comparison.
    """

    columns: Mapping[str, AnyArray]
    design: Experiment
    method: str
    term: int = 0


class PowerModel(Protocol):
    """How a design's precision depends on its size."""

    @property
    def level(self) -> float:
        """Control's level of the metric."""

    @property
    def least_units(self) -> float:
        """Units over all arms below which there is no test."""

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What is taken for granted, in words."""

    @property
    def details(self) -> Mapping[str, float]:
        """What the precision is made of, by name."""

    def groups(self, units: float) -> Mapping[str, int]:
        """Units of each arm or group, rounded up."""

    def precision(self, units: float, effect: float) -> Precision:
        """Precision with a number of units over all arms, and a true effect in the metric's unit."""

    def draw(self, units: int, effect: float, rng: np.random.Generator) -> Drawn:
        """Simulate the experiment, every treated arm having the effect.

        Raises
        ------
        UnsupportedError
            If nothing says how such data are spread.
        """
