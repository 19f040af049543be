"""Weighted quantiles, the density there, and points that hold so much mass that neither is smooth.

Koenker & Bassett (1978), doi:10.2307/1913643; Firpo (2007), doi:10.1111/j.1468-0262.2007.00738.x;
Silverman (1986), doi:10.1201/9781315140919, for the bandwidth.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from estimand.stats.arrays import Floats, Ints
from estimand.stats.balance import effective_size

SMALLEST_ATOM, SMALLEST_HEAP = 0.05, 0.01
FEWEST_ROWS = 3
FEWEST_BEYOND = 10.0
AROUND = 0.25
REACH = 1.96


def quantile_name(level: float) -> str:
    """Name a quantile for a reader."""
    return "median" if level == 0.5 else f"quantile {level:g}"


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A quantile of one arm.

    Attributes
    ----------
    value, density : float
        The quantile, and the density there.
    psi : ndarray of shape (n,)
        Influence: ``value - truth ≈ Σψ/n``.
    """

    value: float
    density: float
    psi: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Weighted distribution of an outcome.

    Attributes
    ----------
    points : ndarray of shape (m,)
        Distinct values, ascending.
    mass : ndarray of shape (m,)
        Share of the weight at each.
    units : ndarray of shape (m,)
        Different rows at each.
    effective : float
        Effective number of rows.
    """

    points: Floats
    mass: Floats
    units: Ints
    effective: float

    @classmethod
    def of(cls, values: Floats, weights: Floats, rows: Ints) -> "Distribution":
        """Distribution of values of shape (n,) with weights above zero; a row drawn twice counts once in ``units``."""
        points, place = np.unique(values, return_inverse=True)
        mass = np.bincount(place, weights=weights)
        different = np.unique(np.stack([place, rows], axis=1), axis=0)[:, 0]
        units = np.bincount(different, minlength=points.shape[0])
        return cls(points, np.asarray(mass / mass.sum()), units, effective_size(weights))

    @property
    def cumulative(self) -> Floats:
        """Share at or below each point, shape (m,)."""
        return np.asarray(np.cumsum(self.mass))

    def _ends(self, level: float) -> tuple[int, int]:
        """First and last point that minimise the check function at a level; the same but where the share is exact."""
        cumulative = self.cumulative
        slack = 1e-12
        first = int(np.searchsorted(cumulative, level - slack))
        first = min(first, self.points.shape[0] - 1)
        exact = abs(cumulative[first] - level) <= slack and first + 1 < self.points.shape[0]
        return first, first + 1 if exact else first

    def quantile(self, level: float) -> float:
        r"""Minimiser of :math:`\sum_i w_i \rho_\tau(y_i - q)`; the middle where there are several."""
        first, last = self._ends(level)
        return float(0.5 * (self.points[first] + self.points[last]))

    def below(self, point: float) -> float:
        """Share at or below a point."""
        return float(self.mass[self.points <= point].sum())

    def spread_of_share(self, level: float) -> float:
        """Standard error of the share below a fixed point, with weights taken as given."""
        return float(np.sqrt(level * (1.0 - level) / self.effective))

    def atom_at(self, level: float) -> float:
        """Mass of the point at a quantile, where it holds more than the data can overlook; zero otherwise.

        A point is an atom where at least three rows share it and its mass is above both 5% and one standard error of
        the share below it: the distribution function then jumps by more than sampling moves it.
        """
        ends = (j for j in self._ends(level) if self._holds(j, level, SMALLEST_ATOM))
        return max((float(self.mass[j]) for j in ends), default=0.0)

    def few_beyond(self, level: float) -> float | None:
        """Effective rows between a quantile and the nearer end where they are fewer than ten; None otherwise."""
        beyond = self.effective * min(level, 1.0 - level)
        return beyond if beyond < FEWEST_BEYOND else None

    def heap_near(self, level: float, reach: float = REACH) -> tuple[float, float] | None:
        """The largest heap within ``reach`` standard errors of a level, as (value, mass); None where there is none.

        A heap is an atom for which 1% is enough, as rounding leaves behind.
        """
        away = reach * self.spread_of_share(level)
        upper = self.cumulative
        close = np.flatnonzero((upper - self.mass - away < level) & (level < upper + away))
        heaps = [int(j) for j in close if self._holds(int(j), level, SMALLEST_HEAP)]
        if not heaps:
            return None
        largest = max(heaps, key=lambda j: float(self.mass[j]))
        return float(self.points[largest]), float(self.mass[largest])

    def _holds(self, j: int, level: float, least: float) -> bool:
        large = self.mass[j] > max(least, self.spread_of_share(level))
        return bool(large and self.units[j] >= FEWEST_ROWS)

    def density(self, level: float) -> float:
        r"""Kernel estimate of the density at a quantile.

        Gaussian kernel with Silverman's rule ``h = 0.9 s n^(-1/5)``, n the effective number of rows. The spread s is
        that of the normal with the same distance between the quantiles at :math:`\tau \pm \delta`, where δ is 1/4 or
        half of what is left to the nearer end: half the interquartile range over 0.674 at the median, and local in the
        tails.
        """
        bandwidth = self.bandwidth(level)
        if bandwidth <= 0.0:
            return 0.0
        z = (self.points - self.quantile(level)) / bandwidth
        kernel = np.exp(-0.5 * np.square(z)) / np.sqrt(2.0 * np.pi)
        return float(self.mass @ kernel / bandwidth)

    def bandwidth(self, level: float) -> float:
        """Standard deviation of the kernel of :meth:`density`; zero where most mass is at one point."""
        delta = min(AROUND, 0.5 * min(level, 1.0 - level))
        low, high = self.quantile(level - delta), self.quantile(level + delta)
        spread = (high - low) / float(ndtri(level + delta) - ndtri(level - delta))
        return max(0.0, float(0.9 * spread * self.effective**-0.2))

    def density_by_counting(self, level: float) -> float:
        r"""Density at a quantile: a share over the distance between its ends.

        The ends are the quantiles 1.96 standard errors of the share either side, so that an error of the quantile by
        this density is that of the interval by counting (Woodruff 1952, doi:10.1080/01621459.1952.10483443). It follows
        a skewed tail, to which a kernel brings mass from the steeper side, and is noisier than one in the middle. Zero
        where both ends are one point.
        """
        away, least = REACH * self.spread_of_share(level), 0.5 / self.effective
        low, high = max(level - away, least), min(level + away, 1.0 - least)
        apart = self.quantile(high) - self.quantile(low)
        return (high - low) / apart if apart > 0.0 else 0.0
