"""Effects on quantiles of the outcome: the difference of two weighted quantiles."""

from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate, Term
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.nuisances import FoldPlan, Score
from estimand.core.question import Target
from estimand.core.row_weights import refuse_precision
from estimand.errors import Code, DataError, DesignError, IdentificationError
from estimand.methods.adjustment.collinear import dropped_finding, surprising
from estimand.methods.adjustment.contrast import Reported, contrast
from estimand.methods.adjustment.ipw import Weighted, hajek_mean, required_score
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Means
from estimand.methods.adjustment.separation import refuse_separated
from estimand.methods.adjustment.tails import Tails
from estimand.stats.quantiles import REACH, Distribution, Point, quantile_name

Level = Annotated[float, Field(gt=0, lt=1)]
DECILES = tuple(j / 10 for j in range(1, 10))
PROPENSITY = Learner("logistic")


@method(
    "quantile_effects",
    designs=(Observational, Experiment),
    references=(
        "Firpo 2007, doi:10.1111/j.1468-0262.2007.00738.x",
        "Koenker & Bassett 1978, doi:10.2307/1913643",
        "Montiel Olea & Plagborg-Møller 2019, doi:10.1002/jae.2656",
        "Silverman 1986, doi:10.1201/9781315140919",
    ),
    inference="influence",
    resampling=("pairs", "cluster", "bayesian", "multiplier"),
    invariances=IN_EVERY_WAY,
    details=(
        Detail("effective_n", "by arm", "rows"),
        Detail("max_weight_share", "by arm", "share of the arm's weight"),
        Detail("propensity_range", "(2,)", "probability"),
        Detail("propensity", "(n,) or (n, arms)", "probability of the arm after control, or of each arm"),
        Detail("weights", "(n,)", "weight for the first arm, mean one in each arm"),
        Detail("quantile", "(terms, 2)", "outcome; of the arm and of control"),
        Detail("density", "(terms, 2)", "share per unit of outcome, at those quantiles"),
    ),
)
class QuantileEffects(Method):
    r"""Difference of weighted quantiles: how treatment moves the whole distribution.

    Estimand: :math:`Q_{Y(a)}(\tau) - Q_{Y(0)}(\tau)` over everyone (QTE) or among those in arm a (QTT), a term per
    quantile and arm. It compares the quantiles of two distributions: unless ranks are kept, that is not the quantile
    of individual effects.

    The quantile of arm a minimises :math:`\sum_i \omega_i \rho_\tau(Y_i - q)` with the weights of ``ipw``: 1/e_a for
    QTE; for QTT one in arm a and e_a/e_0 in control. Where the minimisers are an interval, its middle is taken.

    Assumes no unmeasured confounding given the covariates, overlap, a right logistic propensity (multinomial with
    several arms), and an outcome with a density at the quantiles: a point that holds more than 5% and more than the
    sampling error of the share below it is refused; one that holds 1%, and that sampling could reach, is a warning.

    Variance: stacked M-estimation of propensity and quantiles,

    .. math:: \psi = -\frac{1}{\hat f(q)} \Big[ \frac{\omega (1\{Y \le q\} - \hat F(q))}{\bar\omega}
        + s^\top H^{-1} \frac{E[\partial\omega/\partial\theta\,(1\{Y \le q\} - \hat F(q))]}{\bar\omega} \Big],

    with score s and Hessian H of the propensity. The density is a weighted Gaussian kernel estimate at the quantile
    with Silverman's rule on the spread of the quantiles around it (:meth:`Distribution.density`). All terms have one
    covariance, so that ``interval(joint=True)`` is a uniform band over the quantiles; ``resample: multiplier`` draws
    it from ψ instead.

    Parameters
    ----------
    target : "QTE" | "QTT"
    quantiles : tuple of float or "deciles"
        Between 0 and 1, ascending.
    """

    target: Literal[Target.QTE, Target.QTT] = Target.QTE
    quantiles: tuple[Level, ...] | Literal["deciles"] = (0.25, 0.5, 0.75)

    @model_validator(mode="after")
    def _quantiles_ascend(self) -> Self:
        levels = self.levels
        if not levels or any(low >= high for low, high in pairwise(levels)):
            raise DesignError(
                f"The quantiles {list(levels)} do not ascend.",
                remedy="Give each once, from low to high: quantiles: [0.25, 0.5, 0.75].",
                found=list(levels),
            )
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """Quantiles to estimate."""
        return DECILES if self.quantiles == "deciles" else self.quantiles

    def estimate(self, case: Case) -> Estimate:
        """Weight, find the quantiles, and carry the propensity's uncertainty along."""
        sample = case.sample()
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        fit = case.fitted().propensity(PROPENSITY, FoldPlan(1))
        score = required_score(self.spec.key, fit.score, PROPENSITY)
        weighted = Weighted(sample, Tails.of(fit.prediction), self.target.averaged)
        sides = [
            (_Side(case, weighted, score, a, a), _Side(case, weighted, score, a, 0)) for a in range(1, len(sample.arms))
        ]
        places = [(pair, level) for pair in sides for level in self.levels]
        found = [tuple(side.at(level) for side in pair) for pair, level in places]
        value = np.array([[point.value for point in pair] for pair in found])
        psi = [np.stack([pair[j].psi for pair in found], axis=1) for j in (0, 1)]
        details = dict(weighted.details()) | {
            "quantile": value,
            "density": np.array([[point.density for point in pair] for pair in found]),
        }
        dropped = surprising(fit.dropped, sample.features)
        findings = (
            *dropped_finding(self.spec.key, dropped, "the propensity model"),
            *(note for pair, level in places for side in pair for note in side.notes(level)),
        )
        who = population(case, self.target.averaged)
        means = Means(value[:, 0], value[:, 1], psi[0], psi[1])
        made = contrast(case, self, means, Reported(self.target, who, FrozenMap(details), findings))
        return replace(made, terms=self._terms(case))

    def _terms(self, case: Case) -> tuple[Term, ...]:
        """A term per arm and quantile, in that order."""
        several = len(case.arms) > 2
        return tuple(
            Term(
                f"{term.label}, {quantile_name(level)}" if several else quantile_name(level),
                FrozenMap({**term.at, "quantile": level}),
                term.unit,
            )
            for term in case.arm_terms()
            for level in self.levels
        )


class _Side:
    """One arm's outcome weighted to a target, in the comparison of an arm with control."""

    def __init__(self, case: Case, weighted: Weighted, score: Score, against: int, code: int) -> None:
        sample = case.sample()
        self.label = sample.arms[code]
        self.values = case.values()
        self.weights = weighted.weights(against) * (sample.arm == code)
        self.slopes = weighted.slopes(against)
        self.score = score
        used = self.weights > 0.0
        self.distribution = Distribution.of(self.values[used], self.weights[used], sample.index[used])

    def at(self, level: float) -> Point:
        """Quantile at a level, with its influence.

        Raises
        ------
        IdentificationError
            If a point there holds mass.
        DataError
            If too few rows are around it for a density.
        """
        self._refuse_atom(level)
        quantile, density = self.distribution.quantile(level), self.distribution.density(level)
        if density <= 0.0:
            raise DataError(
                f"Arm '{self.label}' has too few different outcomes around its quantile {level:g} for a density there.",
                remedy="Ask for quantiles nearer to the middle, or gather more data.",
                code=Code.INSUFFICIENT_DATA,
                found=level,
            )
        _, influence = hajek_mean((self.values <= quantile).astype(float), self.weights, self.slopes, self.score)
        return Point(quantile, density, -influence / density)

    def _refuse_atom(self, level: float) -> None:
        mass = self.distribution.atom_at(level)
        if mass == 0.0:
            return
        binary = self.distribution.points.shape[0] <= 2
        where = f"the quantile {level:g} of arm '{self.label}', {self.distribution.quantile(level):.4g},"
        raise IdentificationError(
            f"{where[0].upper()}{where[1:]} holds {mass:.0%} of its weight, so the effect on it has no normal error.",
            remedy="A yes-or-no outcome has no quantiles to move: estimate its risk, with ipw or aipw."
            if binary
            else "Ask for quantiles away from that value, or for the effect on the share of rows at it.",
            code=Code.NOT_IDENTIFIED,
            found=level,
        )

    def notes(self, level: float) -> tuple[Finding, ...]:
        """Warn of an atom that sampling could reach, and of a tail with few rows."""
        out = []
        near = self.distribution.heap_near(level)
        if near is not None:
            out.append(
                self._warning(
                    "mass",
                    level,
                    f"{near[1]:.0%} of arm '{self.label}' sits at {near[0]:.4g}, within {REACH:g} standard errors of "
                    f"its quantile {level:g}: the normal interval there is not to be trusted.",
                    "Move the quantile away from it, or use resample: pairs.",
                )
            )
        beyond = self.distribution.few_beyond(level)
        if beyond is not None:
            out.append(
                self._warning(
                    "tail",
                    level,
                    f"Only {beyond:.1f} effective rows of arm '{self.label}' lie beyond its quantile {level:g}.",
                    "Ask for quantiles nearer to the middle, or gather more data.",
                )
            )
        return tuple(out)

    def _warning(self, what: str, level: float, message: str, remedy: str) -> Finding:
        return Finding(
            check=f"quantile_effects.{what}",
            about="quantile_effects",
            grade=Grade.WARN,
            subject=f"{self.label}, {quantile_name(level)}",
            message=message,
            remedy=remedy,
        )
