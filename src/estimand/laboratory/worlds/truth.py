r"""What is true in a world, by quadrature instead of simulation.

Covariates are independent standard normals and few of them decide, so every average over the population,

.. math:: \theta_g = \frac{E[g(X) \tau(X)]}{E[g(X)]},

with g = 1 (ATE), e (ATT), 1 - e (ATC) or e(1 - e) (ATO, VARIANCE_WEIGHTED), is a Gauss-Hermite sum over a grid of the
deciding covariates; the others enter linearly and average to their mean. Doubling the nodes moves no truth in the
sixth digit, far below a twentieth of any standard error here. Where outcomes are missing and only complete cases are
kept, the population is theirs: its density is the old one times the chance of being observed.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from scipy.optimize import brentq

from estimand.core.question import Target
from estimand.laboratory.worlds.world import World
from estimand.stats.arrays import Floats

NODES = {1: 200, 2: 80, 3: 40}
REACH = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """A world on a grid of its deciding covariates.

    Attributes
    ----------
    world : World
    mass : ndarray of shape (m,)
        Probability of each node, in the population that the design's answer is about.
    propensity, untreated, effect : ndarray of shape (m,)
    """

    world: World
    mass: Floats
    propensity: Floats
    untreated: Floats
    effect: Floats

    @classmethod
    def of(cls, world: World, nodes: int | None = None) -> "Population":
        """Lay the grid; ``nodes`` a covariate, by default enough for six digits."""
        points, mass = _grid(world, NODES[world.deciding] if nodes is None else nodes)
        propensity = world.propensity(points)
        if world.observed is not None and world.declared().missing_outcome == "complete_case":
            untreated, treated = (seen(points) for seen in world.observed)
            present = propensity * treated + (1.0 - propensity) * untreated
            mass, propensity = mass * present, propensity * treated / present
        return cls(world, mass / mass.sum(), propensity, world.untreated(points), world.effect(points))

    def share(self, target: Target) -> Floats | None:
        """How much each node counts for a target, shape (m,); None for a target that is no average of effects."""
        e = self.propensity
        counted = {
            Target.ATE: np.ones_like(e),
            Target.ATT: e,
            Target.ATC: 1.0 - e,
            Target.ATO: e * (1.0 - e),
            Target.VARIANCE_WEIGHTED: e * (1.0 - e),
        }.get(target)
        return None if counted is None else self.mass * counted / (self.mass @ counted)

    def means(self, target: Target) -> tuple[float, float] | None:
        """Mean outcome with and without treatment over a target's population; by arm for an association."""
        if target is Target.ASSOCIATION:
            treated, control = self.share(Target.ATT), self.share(Target.ATC)
        else:
            treated = control = self.share(target)
        if treated is None or control is None:
            return None
        return float(treated @ (self.untreated + self.effect)), float(control @ self.untreated)

    def quantile_effect(self, quantile: float) -> float:
        """Difference between the arms' outcome quantiles over everyone."""
        return self._quantile(1, quantile) - self._quantile(0, quantile)

    def _quantile(self, arm: int, quantile: float) -> float:
        centre, below = self.untreated + arm * self.effect, self.world.distribution(arm)
        low, high = float(centre.min()) - REACH, float(centre.max()) + REACH
        return float(brentq(lambda y: float(self.mass @ below(y - centre)) - quantile, low, high, xtol=1e-12))


@cache
def population(world: World) -> Population:
    """Return the population of a world, laid out once."""
    return Population.of(world)


def truth(world: World, target: Target, contrast: str = "difference", quantile: float = 0.5) -> float | None:
    """What is true of a target in a world; None where the population has no one truth for it.

    Parameters
    ----------
    contrast : "difference" | "ratio" | "odds_ratio"
    quantile : float
        For QTE.
    """
    people = population(world)
    if target is Target.QTE:
        return None if world.noise == "binary" else people.quantile_effect(quantile)
    means = people.means(target)
    if means is None:
        return None
    treated, control = means
    if contrast == "ratio":
        return treated / control
    if contrast == "odds_ratio":
        return treated / (1.0 - treated) / (control / (1.0 - control))
    return treated - control


def _grid(world: World, nodes: int) -> tuple[Floats, Floats]:
    """Points (m, p), zero in the covariates that do not decide, and their probabilities (m,)."""
    places, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    points = np.zeros((nodes**world.deciding, world.covariates))
    points[:, : world.deciding] = np.array(list(product(places, repeat=world.deciding)))
    mass = np.prod(np.array(list(product(weights, repeat=world.deciding))), axis=1)
    return points, np.asarray(mass)
