"""Weights that balance covariate moments exactly: entropy balancing, covariate balancing propensity, overlap."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.method import IN_EVERY_WAY, Detail, Method, method
from estimand.core.question import Target
from estimand.core.row_weights import refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.errors import Code, ConvergenceError, DesignError, IdentificationError
from estimand.methods.adjustment.contrast import Reported, contrast
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Contrast, Means
from estimand.methods.adjustment.separation import refuse_separated
from estimand.stats.arrays import Floats
from estimand.stats.balance import effective_size, largest_share
from estimand.stats.balancing import Balanced, balance_by_propensity, balance_to, overlap_balance
from estimand.stats.basis import independent_basis


@method(
    "balancing",
    designs=(Observational, Experiment),
    references=(
        "Hainmueller 2012, doi:10.1093/pan/mpr025",
        "Imai & Ratkovic 2014, doi:10.1111/rssb.12027",
        "Li, Morgan & Zaslavsky 2018, doi:10.1080/01621459.2016.1260466",
        "Zhao & Percival 2017, doi:10.1515/jci-2016-0010",
    ),
    inference="influence",
    resampling=("pairs", "cluster", "bayesian", "multiplier"),
    invariances=IN_EVERY_WAY,
    details=(
        Detail("effective_n", "by arm", "rows"),
        Detail("max_weight_share", "by arm", "share of the arm's weight"),
        Detail("weights", "(n,)", "weight for the first term, mean one in each arm"),
        Detail("imbalance", "scalar", "largest difference left in a balanced moment [standard deviations]"),
    ),
)
class Balancing(Method):
    r"""Difference or ratio of means under weights that make covariate moments equal.

    Estimand: E[Y(a) - Y(0)] over everyone (ATE), over those in arm a (ATT), or over those common to both arms (ATO).

    ``entropy``: the weights closest to equal ones, in relative entropy, under which each arm has the target's moments.
    ``cbps``: a logistic propensity whose coefficients solve the balance of inverse-probability weights instead of the
    likelihood (just identified). ``overlap``: a logistic propensity and weights 1 - e(X) and e(X), which balance
    exactly; target ATO only, and the only kind with it.

    Assumes no unmeasured confounding given the covariates, overlap, and either an outcome linear in the balanced
    moments or a propensity log-linear in them (entropy), logistic (cbps, overlap).

    Variance: M-estimation of weights and means together. For entropy balancing ψ = w ê/w̄ + β'(x - m) 1{target}/p with
    ê and β from the weighted regression of the outcome on the moments in the arm; otherwise as for ``ipw`` with the
    balance equations as scores.

    Parameters
    ----------
    target : "ATE" | "ATT" | "ATO"
    kind : "entropy" | "cbps" | "overlap", optional
        Entropy by default, overlap for ATO.
    moments : int
        1 balances means; 2 also squares of numeric covariates.
    contrast : "difference" | "ratio" | "odds_ratio"
        Of the two means; ratios are normal on the log scale.
    """

    target: Literal[Target.ATE, Target.ATT, Target.ATO] = Target.ATE
    kind: Literal["entropy", "cbps", "overlap"] | None = None
    moments: Annotated[int, Field(ge=1, le=2)] = 1
    contrast: Contrast = "difference"

    def estimate(self, case: Case) -> Estimate:
        """Balance, average, and attach the variance of both."""
        sample = case.sample()
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        kind = self._kind(sample)
        basis = independent_basis(_moments(sample.features.values, self.moments), sample.weights).matrix
        values, design = case.values(), row_weights(sample)
        pairs = []
        for a in range(1, len(sample.arms)):
            if kind == "entropy":
                pairs.append(self._entropy(basis, sample, a))
            else:
                solve = overlap_balance if kind == "overlap" else balance_by_propensity
                pairs.append(solve(basis, sample.arm == a, design, self.target.value))
        _refuse_unsolved([side for pair in pairs for side in pair])
        solved = [[side.mean(values) for side in pair] for pair in pairs]
        treated, control = ([row[side] for row in solved] for side in (0, 1))
        means = Means(
            np.array([m for m, _ in treated]),
            np.array([m for m, _ in control]),
            np.stack([p for _, p in treated], axis=1),
            np.stack([p for _, p in control], axis=1),
        )
        reported = Reported(
            self.target, population(case, self.target), _details(sample, basis, pairs[0]), kind=self.contrast
        )
        return contrast(case, self, means, reported)

    def _kind(self, sample: Sample) -> Literal["entropy", "cbps", "overlap"]:
        kind = self.kind or ("overlap" if self.target is Target.ATO else "entropy")
        if (kind == "overlap") != (self.target is Target.ATO):
            raise DesignError(
                f"Kind '{kind}' does not estimate {self.target}.",
                remedy="Overlap weights estimate ATO, and nothing else here does.",
                code=Code.UNSUPPORTED,
            )
        if kind != "entropy" and len(sample.arms) > 2:
            raise DesignError(
                f"Kind '{kind}' takes two arms, and there are {len(sample.arms)}.",
                remedy="Use kind: entropy, which takes several, or method ipw.",
                code=Code.UNSUPPORTED,
            )
        return kind

    def _entropy(self, basis: Floats, sample: Sample, arm: int) -> tuple[Balanced, Balanced]:
        """Weight the arm and control to the target's moments."""
        design = row_weights(sample)
        target = design * (sample.arm == arm) if self.target is Target.ATT else design
        treated = balance_to(basis, sample.arm == arm, target, design)
        control = balance_to(basis, sample.arm == 0, target, design)
        return treated, control


def _moments(features: Floats, order: int) -> Floats:
    """Add squares of numeric covariates, centred first so that they are not their own twins."""
    if order == 1:
        return features
    low, high = features.min(axis=0), features.max(axis=0)
    numeric = ~((features == low) | (features == high)).all(axis=0)
    return np.hstack([features, np.square(features[:, numeric] - features[:, numeric].mean(axis=0))])


def _refuse_unsolved(sides: list[Balanced]) -> None:
    if all(side.converged for side in sides):
        return
    if any(side.outside for side in sides):
        raise IdentificationError(
            "No weights balance the covariates: the target's means lie outside what one arm can reach.",
            remedy="Use fewer moments, drop the covariate without overlap, or target ATO.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    raise ConvergenceError(
        "The balancing weights did not converge.", remedy="Use fewer moments, or look for covariates of extreme scale."
    )


def _details(sample: Sample, basis: Floats, pair: tuple[Balanced, Balanced]) -> FrozenMap[object]:
    shown = np.zeros(sample.n)
    facts = {}
    for label, code, side in ((sample.arms[1], 1, pair[0]), (sample.arms[0], 0, pair[1])):
        member = sample.arm == code
        shown[member] = side.weights[member] / side.weights[member].mean()
        facts[label] = side.weights[member]
    sides = [side.weights @ basis / side.weights.sum() for side in pair]
    return FrozenMap(
        {
            "effective_n": FrozenMap({label: effective_size(part) for label, part in facts.items()}),
            "max_weight_share": FrozenMap({label: largest_share(part) for label, part in facts.items()}),
            "weights": shown,
            "imbalance": float(np.abs(sides[0] - sides[1]).max()),
        }
    )
