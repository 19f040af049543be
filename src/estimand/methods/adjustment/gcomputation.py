"""Parametric g-formula: model the outcome, then average what it predicts under each arm."""

from dataclasses import replace
from typing import Literal

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate, Population
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail, Method, method
from estimand.core.nuisances import Score
from estimand.core.question import Target
from estimand.core.row_weights import given_weights, refuse_precision
from estimand.core.sample import Sample
from estimand.errors import Code, ConvergenceError, DesignError
from estimand.methods.adjustment.collinear import refuse_determined
from estimand.methods.adjustment.contrast import Reported, Rows, contrast, rows_of
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.ratios import Contrast, Means
from estimand.methods.adjustment.separation import refuse_separated
from estimand.methods.adjustment.standardised import Family, Layout, Model, standardised
from estimand.stats.arrays import Floats
from estimand.stats.glm import fit_glm
from estimand.stats.linear import least_squares


@method(
    "gcomputation",
    designs=(Observational, Experiment),
    references=(
        "Robins 1986, doi:10.1016/0270-0255(86)90088-6",
        "Snowden, Rose & Mortimer 2011, doi:10.1093/aje/kwq472",
    ),
    inference="influence",
    resampling=("pairs", "cluster", "bayesian", "multiplier"),
    invariances=("row_order", "column_order", "covariate_scale", "arm_swap", "duplicated_rows"),
    details=(
        Detail("means", "by arm", "outcome"),
        Detail("family", "text", "linear, logistic or poisson"),
    ),
)
class GComputation(Method):
    r"""Standardised outcome regression.

    Estimand: E[m(a, X)] against E[m(0, X)] over everyone (ATE) or over those in arm a (ATT), as a difference, a ratio
    or an odds ratio, with m the outcome model: least squares, logistic or Poisson.

    Assumes no unmeasured confounding given the covariates, and a right outcome model: there is no second chance.

    Variance: M-estimation of the model and the averages together: ψ = 1{target}(m(a, X) - μ)/p + s H⁻¹ E[∂m/∂θ] with
    the model's score s and Hessian H. Ratios are normal on the log scale.

    Parameters
    ----------
    target : "ATE" | "ATT"
    family : "linear" | "logistic" | "poisson", optional
        Logistic for an outcome of zeros and ones, linear otherwise.
    contrast : "difference" | "ratio" | "odds_ratio"
    interactions : bool or tuple of str
        Covariates whose slopes differ between arms: all, none, or those named.
    standardise : "observed" | "everyone"
        Average over the rows with the outcome, or also over those without it, whose outcome the model predicts:
        right where it is missing at random given the covariates.
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    family: Family | None = None
    contrast: Contrast = "difference"
    interactions: bool | tuple[str, ...] = True
    standardise: Literal["observed", "everyone"] = "observed"

    def estimate(self, case: Case) -> Estimate:
        """Fit the model, average it under each arm, and contrast."""
        sample, values = case.sample(), case.values()
        refuse_precision(self.spec.key, sample)
        refuse_separated(case)
        if self.standardise == "everyone" and case.observation is not None:
            raise DesignError(
                "Rows without the outcome are stood for by weights already, so nothing is left to standardise over.",
                remedy="Leave out `standardise`, or say missing_outcome: complete_case.",
                code=Code.UNSUPPORTED,
            )
        family = self._family(values)
        layout = Layout(len(sample.arms), sample.features.values.shape[1], self._crossed(sample))
        model = _fit(layout, values, family, sample)
        beside = case.unobserved if self.standardise == "everyone" else None
        groups = [sample] if beside is None else [sample, beside]
        codes = range(1, len(sample.arms))
        shares = np.column_stack([self._share(groups, a) for a in codes])
        features = [group.features.values for group in groups]
        treated, control = (standardised(model, features, shares, arms) for arms in (list(codes), [0] * len(codes)))
        means = Means(treated.mean, control.mean, treated.psi, control.psi)
        shown = {sample.arms[0]: float(control.mean[0])}
        shown |= {sample.arms[j + 1]: float(m) for j, m in enumerate(treated.mean)}
        details = FrozenMap({"means": FrozenMap(shown), "family": family})
        rows = rows_of(case, beside)
        reported = Reported(self.target, self._population(case, rows, beside), details, kind=self.contrast)
        return contrast(case, self, means, reported, rows=rows)

    def _population(self, case: Case, rows: Rows, beside: Sample | None) -> Population:
        """Name the population; with the rows that lack the outcome, it is everyone read again."""
        named = population(case, self.target)
        if beside is None:
            return named
        count = rows.n if self.target is Target.ATE else named.n + int((beside.arm > 0).sum())
        dropped = ["complete cases"] if rows.n < case.sample().rows_read else []
        return replace(
            named,
            label=named.label.replace("complete cases", "; ".join([*dropped, "outcome missing at random"])),
            n=count,
            share=count / case.sample().rows_read,
            rule="; ".join([*dropped, "outcome missing at random given the covariates"]),
        )

    def _family(self, values: Floats) -> Family:
        """Resolve the family, and refuse one the outcome does not fit."""
        binary = bool(np.isin(values, (0.0, 1.0)).all())
        family = self.family or ("logistic" if binary else "linear")
        wrong = (family == "logistic" and not binary) or (family == "poisson" and bool((values < 0).any()))
        if wrong:
            needs = "zeros and ones" if family == "logistic" else "counts, none negative"
            raise DesignError(
                f"Family '{family}' needs an outcome of {needs}.",
                remedy="Use family: linear, or leave it out.",
                code=Code.UNSUPPORTED,
            )
        return family

    def _crossed(self, sample: Sample) -> tuple[int, ...]:
        """Positions of the features whose slopes differ between arms."""
        features = sample.features.features
        if isinstance(self.interactions, bool):
            return tuple(range(len(features))) if self.interactions else ()
        known = {feature.source for feature in features}
        for name in self.interactions:
            if name not in known:
                raise DesignError(
                    f"'{name}' is in interactions and not among the covariates.",
                    remedy="Add it to the covariates, or leave it out of interactions.",
                    found=name,
                )
        return tuple(j for j, feature in enumerate(features) if feature.source in self.interactions)

    def _share(self, groups: list[Sample], arm: int) -> Floats:
        """Weight of each row in the average, shape (n,), mean one."""
        raw = np.concatenate([np.ones(group.n) if group.weights is None else group.weights for group in groups])
        if self.target is Target.ATT:
            raw = raw * (np.concatenate([group.arm for group in groups]) == arm)
        return np.asarray(raw / raw.mean())


def _fit(layout: Layout, values: Floats, family: Family, sample: Sample) -> Model:
    raw, weights = layout.design(sample.arm, sample.features.values), given_weights(sample)
    if family == "linear":
        line = least_squares(raw, values, weights)
        residual = line.residual if weights is None else line.residual * weights
        score = Score.single(line.basis.matrix, residual, np.asarray(np.linalg.inv(line.bread), dtype=np.float64))
        model = Model(layout, line.basis, line.coefficients, score, family)
    else:
        fit = fit_glm(raw, values, family, weights)
        if not fit.converged:
            raise ConvergenceError(
                f"The {family} outcome model has no optimum"
                + (": the covariates predict some rows perfectly." if fit.separated else " that was found."),
                remedy="Drop or coarsen a covariate, set interactions: false, or use family: linear.",
            )
        score = Score.single(fit.basis.matrix, fit.residual, fit.hessian)
        model = Model(layout, fit.basis, fit.coefficients, score, family)
    refuse_determined(sample, model.basis.kept)
    return model
