"""Difference of a metric's quantiles between arms."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import Baseline, Estimate, Term
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.influence import Influence
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.metric import Metric
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.errors import Code, DataError, DesignError, IdentificationError
from estimand.methods.experiments.rows_of_metric import everyone, rows_of_metric
from estimand.stats.arrays import Floats
from estimand.stats.influence import influence_covariance
from estimand.stats.quantiles import REACH, Distribution, Point, quantile_name

Share = Annotated[float, Field(gt=0, lt=1)]


@method(
    "quantile",
    designs=(Experiment,),
    references=(
        "Bahadur 1966, doi:10.1214/aoms/1177699450",
        "Woodruff 1952, doi:10.1080/01621459.1952.10483443",
        "Deng, Knoblich & Lu 2018, doi:10.1145/3219819.3219919",
        "Montiel Olea & Plagborg-Møller 2019, doi:10.1002/jae.2656",
    ),
    inference="influence",
    invariances=IN_EVERY_WAY,
    adjusts=False,
    needs_metrics=True,
    metrics=("quantile", "mean", "count", "revenue"),
    details=(
        Detail("quantile", "(terms, 2)", "unit of the metric; of control and of the arm"),
        Detail("density", "(terms, 2)", "share per unit of the metric, at those quantiles"),
    ),
    why_not="Draw for quantile_effects, which weighs by a propensity.",
)
class Quantile(Method):
    r"""Difference of a quantile of each arm from control's.

    Estimand: :math:`Q_{Y(a)}(\tau) - Q_{Y(0)}(\tau)`: how treatment moves a point of the distribution; not a quantile
    of individual effects, unless ranks are kept.

    Variance: Bahadur's, :math:`\psi = -(1\{Y \le q\} - \hat F(q)) / \hat f(q)` in each arm, summed within clusters,
    with t(G - 1) over G clusters. The density is that of counting: the share between the quantiles 1.96
    standard errors of the share either side, over their distance (Woodruff), which holds in skewed tails where a kernel
    makes intervals too short. All quantiles and arms have one covariance, so that ``interval(joint=True)`` is a uniform
    band. A point that holds much mass at a quantile is refused: there is no density. Rows are needed: a second
    pass over the data.

    Parameters
    ----------
    quantile : float or tuple of float, optional
        One, or several from low to high, each a term; by default that of the metric, the median unless it says.
    """

    quantile: Share | tuple[Share, ...] | None = None

    @model_validator(mode="after")
    def _quantiles_ascend(self) -> Self:
        given = self.quantile if isinstance(self.quantile, tuple) else ()
        if self.quantile == () or any(low >= high for low, high in pairwise(given)):
            raise DesignError(
                f"The quantiles {list(given)} do not ascend.",
                remedy="Give each once, from low to high: quantile: [0.5, 0.9, 0.99].",
                found=list(given),
            )
        return self

    def estimate(self, case: Case) -> Estimate:
        """Find the quantiles of each arm, and the density there."""
        sample = rows_of_metric(case, self.spec.key, clusters=True)
        shares = self._shares(case.metric)
        sides = [_Side.of(case, sample, a) for a in range(len(sample.arms))]
        points = [[side.at(share) for share in shares] for side in sides]
        places = [(a, j) for a in range(1, len(sides)) for j in range(len(shares))]
        value = np.array([points[a][j].value - points[0][j].value for a, j in places])
        base = np.array([points[0][j].value for _, j in places])
        psi = np.stack([points[a][j].psi - points[0][j].psi for a, j in places], axis=1)
        level = np.stack([points[0][j].psi for _, j in places], axis=1)
        influence = Influence(psi, sample.units, sample.n, sample.root)
        both = influence_covariance(
            Influence(np.hstack([psi, level]), sample.units, sample.n, sample.root).psi, sample.n
        )
        k = value.shape[0]
        clustered = sample.cluster is not None
        df = np.full(k, influence.units.shape[0] - 1.0) if clustered else None
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.QTE,
            population=everyone(sample),
            terms=_terms(case, shares),
            value=value,
            uncertainty=Normal(both[:k, :k], df, "identity", "clustered Bahadur" if clustered else "Bahadur"),
            n_obs=sample.n,
            inference=self.spec.inference,
            level=case.level,
            baseline=Baseline(base, both[k:, k:], both[:k, k:]),
            influence=influence,
            details=FrozenMap(
                {
                    "quantile": np.array([[points[0][j].value, points[a][j].value] for a, j in places]),
                    "density": np.array([[points[0][j].density, points[a][j].density] for a, j in places]),
                }
            ),
            findings=tuple(note for side in sides for share in shares for note in side.notes(self.spec.key, share)),
        )

    def _shares(self, metric: Metric | None) -> tuple[float, ...]:
        if isinstance(self.quantile, tuple):
            return self.quantile
        own = 0.5 if metric is None else metric.quantile
        return (own if self.quantile is None else self.quantile,)


def _terms(case: Case, shares: tuple[float, ...]) -> tuple[Term, ...]:
    """A term per arm and quantile, in that order."""
    one, several = len(shares) == 1, len(case.arms) > 2
    return tuple(
        Term(
            term.label if one else f"{term.label}, {quantile_name(share)}" if several else quantile_name(share),
            FrozenMap({**term.at, "quantile": share}),
            term.unit,
        )
        for term in case.arm_terms()
        for share in shares
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The distribution of a metric in one arm."""

    label: str
    values: Floats
    scale: Floats
    distribution: Distribution

    @classmethod
    def of(cls, case: Case, sample: Sample, arm: int) -> "_Side":
        """Take the rows of an arm; ``scale`` is n over its size in them, and zero elsewhere."""
        mine = sample.arm == arm
        values = case.values()
        found = Distribution.of(values[mine], np.ones(int(mine.sum())), sample.index[mine])
        return cls(sample.arms[arm], values, np.where(mine, sample.n / mine.sum(), 0.0), found)

    def at(self, share: float) -> Point:
        """Quantile at a share.

        Raises
        ------
        IdentificationError
            If a point there holds mass.
        DataError
            If too few rows are around it for a density.
        """
        mass = self.distribution.atom_at(share)
        if mass > 0.0:
            raise IdentificationError(
                f"The quantile {share:g} of arm '{self.label}', {self.distribution.quantile(share):.4g}, is the value "
                f"of {mass:.0%} of its units, so the effect on it has no normal error.",
                remedy="Ask for a quantile away from that value, or for the share of units at it: kind: proportion.",
                code=Code.NOT_IDENTIFIED,
                found=share,
            )
        value, density = self.distribution.quantile(share), self.distribution.density_by_counting(share)
        if density <= 0.0:
            raise DataError(
                f"Arm '{self.label}' has too few different values around its quantile {share:g} for a density there.",
                remedy="Ask for quantiles nearer to the middle, or gather more data.",
                code=Code.INSUFFICIENT_DATA,
                found=share,
            )
        below = (self.values <= value) - self.distribution.below(value)
        return Point(value, density, -below * self.scale / density)

    def notes(self, key: str, share: float) -> tuple[Finding, ...]:
        """Warn of a heap that sampling could reach, and of a tail with few rows."""
        out = []
        near = self.distribution.heap_near(share)
        if near is not None:
            message = (
                f"{near[1]:.0%} of arm '{self.label}' sits at {near[0]:.4g}, within {REACH:g} standard errors of its "
                f"quantile {share:g}: the normal interval there is not to be trusted."
            )
            out.append(self._warning(key, "mass", share, message, "Move the quantile away from it."))
        beyond = self.distribution.few_beyond(share)
        if beyond is not None:
            message = f"Only {beyond:.1f} units of arm '{self.label}' lie beyond its quantile {share:g}."
            remedy = "Ask for quantiles nearer to the middle, or gather more data."
            out.append(self._warning(key, "tail", share, message, remedy))
        return tuple(out)

    def _warning(self, key: str, what: str, share: float, message: str, remedy: str) -> Finding:
        subject = f"{self.label}, {quantile_name(share)}"
        return Finding(f"{key}.{what}", key, Grade.WARN, subject, message, remedy)
