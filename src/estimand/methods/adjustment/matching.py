"""Nearest and optimal matching, with and without replacement."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner, LearnerOption
from estimand.core.method import Detail, Method, method
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.errors import Code, DesignError, IdentificationError, UnsupportedError
from estimand.methods.adjustment.collinear import dropped_finding, surprising
from estimand.methods.adjustment.contrast import Spread
from estimand.methods.adjustment.matching_pairs import Sets, hardest_first, pair_regression
from estimand.methods.adjustment.matching_report import Account, account, refuse_too_large
from estimand.methods.adjustment.matching_reuse import (
    Noise,
    Reused,
    Scored,
    even_variance,
    matching_variance,
    predictions,
    propensity_adjustment,
)
from estimand.methods.adjustment.matching_space import Distance, Measured, measured
from estimand.methods.adjustment.population import population
from estimand.methods.adjustment.sampling import refuse_observation
from estimand.methods.adjustment.separation import refuse_separated
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.neighbours import Rule

Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What either way of matching ends with.

    Attributes
    ----------
    value : float
    spread : Spread
    weights : ndarray of shape (n,)
        Weight of each row in its arm's mean.
    kept : ndarray of shape (n,) of bool
        Target rows with a match.
    pairs : ndarray of shape (m, 2)
        Rows of the target, rows matched with them.
    """

    value: float
    spread: Spread
    weights: Floats
    kept: Bools
    pairs: Ints


@method(
    "matching",
    designs=(Observational, Experiment),
    references=(
        "Abadie & Imbens 2006, doi:10.1111/j.1468-0262.2006.00655.x",
        "Abadie & Imbens 2011, doi:10.1198/jbes.2009.07333",
        "Abadie & Imbens 2016, doi:10.3982/ECTA11293",
        "Abadie & Spiess 2022, doi:10.1080/01621459.2020.1840383",
    ),
    inference="matching",
    why_not="The bootstrap of matches is wrong however large the sample (Abadie & Imbens 2008, doi:10.3982/ECTA6474): "
    "leave `resample` out, for their own variance; or use 'ipw' or 'aipw'.",
    invariances=("row_order", "column_order", "covariate_scale", "outcome_scale", "outcome_shift", "duplicated_rows"),
    details=(
        Detail("matched", "by arm", "rows with weight"),
        Detail("dropped", "by arm", "rows of the target without a match"),
        Detail("pairs", "(m, 2)", "row of the target, row matched with it"),
        Detail("balance", "by covariate", "difference [standard deviations] before and after"),
        Detail("weights", "(n,)", "weight, mean one in each arm"),
        Detail("propensity", "(n,)", "probability; only where the distance uses it"),
    ),
)
class Matching(Method):
    r"""Compare each row with its nearest rows of the other arm.

    Estimand: E[Y(1) - Y(0)] over the treated (ATT), the untreated (ATC) or everyone (ATE). Where a caliper, exact
    strata or a lack of controls leave target rows without a match, it is the average over those matched (ATM), and
    the population says who they are.

    With replacement, ties are averaged: every row within ``tie_tolerance`` of the ratio-th nearest squared distance
    counts equally. Without replacement (ATT only) each control serves once: ``nearest`` goes through the treated in
    the given ``order``, taking the nearest control left, round by round; ``optimal`` finds the least total distance
    among matchings of the most treated. Ties are settled by the rows' ids, never by their order in the file (unless
    ``tie_order`` says "row").

    Distances are in standard deviations, over all rows: of the logit of the propensity (default), of the
    propensity; or Mahalanobis with the covariance of all rows; or Euclidean after dividing each encoded covariate by
    its standard deviation. Assumes no unmeasured confounding given the covariates, overlap, and for a propensity
    distance a right model of it. In many dimensions nearest rows are not near: the bias correction removes what is
    linear of that, and ``aipw`` is to be preferred.

    Variance: with replacement, Abadie & Imbens 2006, the outcome's variance taken from ``neighbours`` rows of the
    same arm; for a propensity distance that of 2016, which allows for the propensity being estimated; a caliper's
    selection is taken as given. Without replacement, regression on the matched sets clustered by set, CR1, or CR2
    where fewer than 40 sets would be left if all had equal leverage; pairs matched on a propensity need not be alike in
    the covariates, and this variance is then too large rather than too small. A bootstrap of rows is not valid for
    matching, and is not offered.

    Parameters
    ----------
    target : "ATT" | "ATE" | "ATC"
        ATE and ATC only with replacement.
    distance : "propensity" | "probability" | "mahalanobis" | "euclidean"
    ratio : int
        Matches of each target row.
    replace : bool
    caliper : float, optional
        Largest distance allowed, in the units of the distance: standard deviations of the logit for "propensity".
    exact : tuple of str
        Covariates on which matches agree exactly; the design's ``roles.exact`` by default.
    algorithm : "nearest" | "optimal"
        "optimal" only without replacement.
    order : "hardest" | "id", optional
        Without replacement: from the highest propensity, or the row farthest from any control; or in the random order
        of the hashed ids. Default: "hardest", but "id" with a caliper, within which going down the propensity would
        push each treated row to a control at the caliper's lower edge.
    bias_correct : bool, optional
        Correct for what matches differ in, by least squares in the matched set (Abadie & Imbens 2011). Default: for
        "mahalanobis" and "euclidean". Not with replacement on a propensity, whose variance has no place for it.
    covariance : "heteroskedastic" | "homoskedastic"
        With replacement: the outcome's variance row by row, or one for all rows (Abadie & Imbens 2006, as the R
        package Matching has it by default).
    population : "superpopulation" | "sample"
        For "sample" the variance leaves out the spread of the effect across rows; not for a propensity distance.
    neighbours : int
        Rows of the same arm behind a row's variance, and on each side behind local covariances.
    tie_tolerance : float
        On squared distances.
    tie_order : "id" | "row"
        What settles ties without replacement: the hashed id, or the place in the file.
    learner : Learner
        A parametric propensity model; anything else belongs to ``aipw``.
    """

    target: Literal[Target.ATT, Target.ATE, Target.ATC] = Target.ATT
    distance: Distance = "propensity"
    ratio: Annotated[int, Field(ge=1, le=100)] = 1
    replace: bool = True
    caliper: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    exact: Names = ()
    algorithm: Literal["nearest", "optimal"] = "nearest"
    order: Literal["hardest", "id"] | None = None
    bias_correct: bool | None = None
    covariance: Literal["heteroskedastic", "homoskedastic"] = "heteroskedastic"
    population: Literal["superpopulation", "sample"] = "superpopulation"
    neighbours: Annotated[int, Field(ge=2, le=100)] = 4
    tie_tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1e-12
    tie_order: Literal["id", "row"] = "id"
    learner: LearnerOption = Learner("logistic")

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        for wrong, message, remedy in (
            (not self.replace and self.target is not Target.ATT,
             f"Matching without replacement estimates ATT, not {self.target}.", "Set replace=True, or target ATT."),
            (self.replace and self.algorithm == "optimal",
             "With replacement the nearest match is the optimal one.", "Leave `algorithm` out, or set replace=False."),
            (self.replace and self._scored and bool(self.bias_correct),
             "The variance of matching on an estimated propensity has no place for a bias correction.",
             "Use distance 'mahalanobis', or leave `bias_correct` out."),
            (self.population == "sample" and (self._scored or not self.replace),
             "A variance for the sample at hand is offered for covariate distances with replacement only.",
             "Use population='superpopulation', or distance 'mahalanobis'."),
        ):  # fmt: skip
            if wrong:
                raise UnsupportedError(message, remedy=remedy)
        return self

    @property
    def _scored(self) -> bool:
        return self.distance in {"propensity", "probability"}

    @property
    def _corrected(self) -> bool:
        return not self._scored if self.bias_correct is None else self.bias_correct

    def estimate(self, case: Case) -> Estimate:
        """Measure distances, match, and compare."""
        sample = case.sample()
        refuse_observation(self.spec.key, case)
        _refuse_dependence(sample)
        refuse_separated(case)
        space = measured(case, self.distance, self.learner, self.exact, self.tie_order)
        matched = self._reused(case, space) if self.replace else self._paired(case, space)
        told = account(case, matched.kept, matched.weights, self.target)
        target = Target.ATM if told.dropped_rows else self.target
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=target,
            population=population(case, self.target, self._rule(told), n=told.used),
            terms=case.arm_terms(),
            value=np.array([matched.value]),
            uncertainty=Normal(matched.spread.vcov, matched.spread.df, "identity", matched.spread.correction),
            n_obs=sample.n,
            inference=self.spec.inference,
            level=case.level,
            details=FrozenMap(self._details(matched, told, space)),
            findings=(*told.findings, *self._dropped_columns(space, sample)),
        )

    def _reach(self) -> Rule:
        return Rule(self.ratio, self.tie_tolerance, np.inf if self.caliper is None else self.caliper)

    def _reused(self, case: Case, measured: Measured) -> Matched:
        """Match with replacement."""
        sample, values = case.sample(), case.values()
        reused = Reused.of(measured.space, sample.arm, self.target, self._reach())
        kept, (once, _) = reused.kept(), reused.uses()
        _refuse_nobody(kept > 0.0)
        predicted = predictions(sample.features.values, values, sample.arm, once) if self._corrected else None
        effects = reused.effects(values, predicted)
        value = float(effects.sum() / kept.sum())
        noise = Noise(measured.space, self.neighbours, self.tie_tolerance)

        def variances(needed: Bools) -> Floats:
            if self.covariance == "homoskedastic":
                return np.full(sample.n, even_variance(reused, effects, values, predicted))
            return noise.variances(values, sample.arm, needed)

        variance, name = matching_variance(reused, effects, variances, self.population), "Abadie-Imbens 2006"
        if measured.fit is not None:
            variance += self._estimated(case, measured, noise, value)
            name = "Abadie-Imbens 2016"
        pairs = np.concatenate([side.matches.pairs(side.rows) for side in reused.sides])
        _refuse_no_variance(variance)
        return Matched(value, Spread(np.array([[variance]]), None, name), kept + once, kept > 0.0, pairs)

    def _estimated(self, case: Case, measured: Measured, noise: Noise, value: float) -> float:
        """Part of the variance that comes from estimating the propensity."""
        sample, values = case.sample(), case.values()
        region = np.ones(sample.n, dtype=bool)
        if self.caliper is not None or measured.strata is not None:
            wide = Reused.of(measured.space, sample.arm, Target.ATE, Rule(1, 0.0, self._reach().reach))
            region = wide.kept() > 0.0
        scored = Scored(measured.propensity, measured.score, region)
        return propensity_adjustment(scored, noise, values, sample.arm, (self.target, value))

    def _paired(self, case: Case, measured: Measured) -> Matched:
        """Match without replacement."""
        sample = case.sample()
        treated, pool = np.flatnonzero(sample.arm == 1), np.flatnonzero(sample.arm == 0)
        rule, space = self._reach(), measured.space
        if self.algorithm == "optimal":
            refuse_too_large(sample.arm, measured.strata, self.ratio, line=self._scored)
            order = treated[np.argsort(measured.ids[treated])]
            controls = space.optimal(order, pool, rule)
        else:
            hardest = self.order == "hardest" or (self.order is None and self.caliper is None)
            order = treated[np.argsort(sample.ids[treated])]
            if hardest:
                order = hardest_first(space, measured.scores, treated, pool, measured.ids)
            controls = space.greedy(order, pool, rule)
        place = np.argsort(order)
        sets = Sets(order[place], controls[place])
        _refuse_nobody(sets.counts > 0)
        value, spread = pair_regression(sets, case.values(), sample.features.values if self._corrected else None)
        weights = sets.weights(sample.n)
        return Matched(value, spread, weights, (weights > 0.0) & (sample.arm == 1), sets.pairs())

    def _rule(self, told: Account) -> str | None:
        if not told.dropped_rows:
            return None
        unit = {"propensity": " SD of the logit", "probability": " SD of the propensity"}.get(self.distance, "")
        near = "" if self.caliper is None else f" within {self.caliper:g}{unit}"
        return f"those with a match{near}"

    def _details(self, matched: Matched, told: Account, measured: Measured) -> dict[str, object]:
        details: dict[str, object] = {
            "matched": told.matched,
            "dropped": told.dropped,
            "pairs": matched.pairs,
            "balance": told.balance,
            "weights": told.weights,
        }
        return details if measured.fit is None else details | {"propensity": measured.propensity}

    def _dropped_columns(self, measured: Measured, sample: Sample) -> tuple[Finding, ...]:
        if measured.fit is None:
            return ()
        names = surprising(measured.fit.dropped, sample.features)
        return dropped_finding("matching", names, "the propensity model")


def _refuse_dependence(sample: Sample) -> None:
    if len(sample.arms) > 2:
        raise UnsupportedError(
            f"Method 'matching' takes two arms, and there are {len(sample.arms)}.",
            remedy="Use 'aipw', which takes several arms, or keep two of them.",
            found=list(sample.arms),
        )
    if sample.cluster is not None:
        raise UnsupportedError(
            "The variances of matching are for independent rows, and the design names clusters.",
            remedy="Use 'ipw' or 'aipw', which sum their influence within clusters; or aggregate to one row a cluster.",
        )
    if sample.weights is not None:
        raise UnsupportedError(
            f"Method 'matching' does not take {sample.weight_kind} weights.",
            remedy="Use 'ipw' or 'aipw'; or leave the weights out of the design and say so.",
            found=sample.weight_kind,
        )


def _refuse_nobody(found: Bools) -> None:
    if not found.any():
        raise IdentificationError(
            "No row has a match within the caliper and the exact strata.",
            remedy="Widen the caliper, or match exactly on fewer covariates.",
            code=Code.INSUFFICIENT_OVERLAP,
        )


def _refuse_no_variance(variance: float) -> None:
    if not variance > 0.0:
        raise DesignError(
            "The estimated variance of this matching is not above zero, so it has no interval.",
            remedy="Raise `neighbours`, use fewer covariates, or use 'ipw' or 'aipw'.",
            code=Code.INSUFFICIENT_DATA,
        )
