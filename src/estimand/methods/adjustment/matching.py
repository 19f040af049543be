"""Nearest and optimal matching, with and without replacement."""

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
from estimand.core.row_weights import given_weights, refuse_precision, row_weights
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.errors import Code, DesignError, IdentificationError, UnsupportedError
from estimand.methods.adjustment.collinear import dropped_finding, surprising
from estimand.methods.adjustment.contrast import Spread
from estimand.methods.adjustment.matching_arms import Matched, arm_pairs, joined
from estimand.methods.adjustment.matching_pairs import Sets, hardest_first, pair_regression, two_way
from estimand.methods.adjustment.matching_ratio import allotted, greedy_rounds, optimal_rounds, refuse_wide
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

Bounds = Annotated[tuple[Annotated[int, Field(ge=1, le=100)], Annotated[int, Field(ge=1, le=100)]], Field()]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


@method(
    "matching",
    designs=(Observational, Experiment),
    references=(
        "Abadie & Imbens 2006, doi:10.1111/j.1468-0262.2006.00655.x",
        "Abadie & Imbens 2011, doi:10.1198/jbes.2009.07333",
        "Abadie & Imbens 2016, doi:10.3982/ECTA11293",
        "Abadie & Spiess 2022, doi:10.1080/01621459.2020.1840383",
        "Ming & Rosenbaum 2000, doi:10.1111/j.0006-341X.2000.00118.x",
        "Cameron, Gelbach & Miller 2011, doi:10.1198/jbes.2010.07136",
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
        Detail("weights", "(n,)", "weight for the first term, mean one in each arm"),
        Detail("propensity", "(n,) or (n, k)", "probability; only where the distance uses it"),
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
    distance a right model of it. In many dimensions nearest rows are not near, and without replacement sets take whom
    they must: the bias correction removes what is linear of that, and ``aipw`` is to be preferred.

    Several arms are each matched with control as if the others were not there, for ATT or ATC; terms covary through the
    controls, or the sets, that they share. Sampling weights say how much each row of the target counts, and its matches
    share that in proportion to their own. Rows of a frequency are rows, and so each other's neighbours.

    Variance: with replacement, Abadie & Imbens 2006, the outcome's variance taken from ``neighbours`` rows of the
    same arm; for a propensity distance that of 2016, which allows for the propensity being estimated; a caliper's
    selection is taken as given. Under sampling weights the same with a row's loading summed from weights, for covariate
    distances. It is refused under clusters, for which none is established. Without replacement, regression on the
    matched sets clustered by set, CR1, or CR2 where fewer than 40 sets would be left if all had equal leverage (CR1
    under weights); with clusters two-way, by set and by cluster. It is right for sets alike in the covariates, or
    corrected for what they differ in (Abadie & Spiess 2022); without ``bias_correct``, sets matched on a propensity
    are neither, and it errs on either side. A bootstrap of rows is not valid for matching, and is not offered.

    Parameters
    ----------
    target : "ATT" | "ATE" | "ATC"
        ATE and ATC only with replacement.
    distance : "propensity" | "probability" | "mahalanobis" | "euclidean"
    ratio : int
        Matches of each target row; their average number with ``ratio_bounds``.
    ratio_bounds : tuple of (int, int), optional
        Without replacement: least and most controls of a treated row, ``ratio`` on average (Ming & Rosenbaum 2000).
        "nearest" gives more to those whose odds of control are better, "optimal" finds the least total distance.
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
        Correct for what matches differ in, by least squares in the matched set (Abadie & Imbens 2011; without
        replacement Abadie & Spiess 2022, whose errors by set are right for it and not for sets left unlike). Default:
        yes, but with replacement on a propensity never: its variance has no place for it.
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
    ratio_bounds: Bounds | None = None
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
            (self.replace and self.ratio_bounds is not None,
             "With replacement every row has as many matches as `ratio` says.",
             "Leave `ratio_bounds` out, or set replace=False."),
            (self.ratio_bounds is not None and not self.ratio_bounds[0] <= self.ratio <= self.ratio_bounds[1],
             f"The average number of controls, {self.ratio}, is not within {self.ratio_bounds}.",
             "Set `ratio` to a number between the bounds."),
            (self.ratio_bounds is not None and self.algorithm == "nearest" and not self._scored,
             "Numbers of controls follow the odds of the propensity, and this distance has none.",
             "Use algorithm 'optimal', or distance 'propensity'."),
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
        return not (self._scored and self.replace) if self.bias_correct is None else self.bias_correct

    def estimate(self, case: Case) -> Estimate:
        """Measure distances, match, and compare; arm by arm where there are several."""
        sample = case.sample()
        refuse_observation(self.spec.key, case)
        refuse_precision(self.spec.key, sample)
        self._refuse_dependence(sample)
        refuse_separated(case)
        several = len(sample.arms) > 2
        found = [(rows, *self._matched(pair, several=several)) for rows, pair in arm_pairs(case)]
        matched = joined(sample, [(rows, part) for rows, part, _ in found], self.target)
        told = account(case, self.spec.key, matched.kept, matched.weights, self.target)
        target = Target.ATM if told.dropped_rows else self.target
        spaces = [space for _, _, space in found]
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=target,
            population=population(case, self.target, self._rule(told), n=told.used),
            terms=case.arm_terms(),
            value=matched.value,
            uncertainty=Normal(matched.spread.vcov, matched.spread.df, "identity", matched.spread.correction),
            n_obs=sample.n,
            inference=self.spec.inference,
            level=case.level,
            details=FrozenMap(self._details(matched, told, _propensities(sample, found))),
            findings=(*told.findings, *self._dropped_columns(spaces, sample)),
        )

    def _matched(self, case: Case, *, several: bool) -> tuple[Matched, Measured]:
        """Match the rows of two arms."""
        space = measured(case, self.distance, self.learner, self.exact, self.tie_order)
        return (self._reused(case, space, several=several) if self.replace else self._paired(case, space)), space

    def _reach(self) -> Rule:
        return Rule(self.ratio, self.tie_tolerance, np.inf if self.caliper is None else self.caliper)

    def _reused(self, case: Case, measured: Measured, *, several: bool) -> Matched:
        """Match with replacement."""
        sample, values = case.sample(), case.values()
        weights = given_weights(sample)
        reused = Reused.of(measured.space, sample.arm, self.target, self._reach(), weights)
        kept, (once, _) = reused.kept(), reused.uses()
        _refuse_nobody(kept > 0.0)
        predicted = predictions(sample.features.values, values, sample.arm, once) if self._corrected else None
        effects = reused.effects(values, predicted)
        value = float(kept @ effects / kept.sum())
        noise = Noise(measured.space, self.neighbours, self.tie_tolerance, weights)

        def variances(needed: Bools) -> Floats:
            if self.covariance == "homoskedastic":
                return np.full(sample.n, even_variance(reused, effects, values, predicted))
            return noise.variances(values, sample.arm, needed)

        variance, name = matching_variance(reused, effects, variances, self.population), "Abadie-Imbens 2006"
        moved = np.zeros(sample.n)
        if measured.fit is not None:
            added, direction = self._estimated(case, measured, noise, value)
            moved = measured.score.residual[:, 0] * (measured.score.basis @ direction)
            variance, name = variance + added, "Abadie-Imbens 2016"
        pairs = np.concatenate([side.matches.pairs(side.rows) for side in reused.sides])
        _refuse_no_variance(variance)
        spread = Spread(np.array([[variance]]), None, name)
        shared = np.zeros(0)
        if several:
            control = sample.arm == 0
            residual = noise.residuals(values, sample.arm, control & (once > 0.0))
            shared = moved + (kept * (effects - value) - once * residual * control) / kept.sum()
        return Matched(np.array([value]), spread, kept + once, kept > 0.0, pairs, shared)

    def _estimated(self, case: Case, measured: Measured, noise: Noise, value: float) -> tuple[float, Floats]:
        """Part of the variance that comes from estimating the propensity, and how the estimate moves with its score."""
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
        order, controls = self._ordered(case, measured)
        place = np.argsort(order)
        sets = Sets(order[place], controls[place], row_weights(sample))
        _refuse_nobody(sets.counts > 0)
        fit = pair_regression(sets, case.values(), sample.features.values if self._corrected else None)
        weights = sets.weights(sample.n)
        spread = fit.spread if sample.cluster is None else two_way(fit, sets, sample.cluster)
        _refuse_no_variance(float(spread.vcov[0, 0]))
        kept = (weights > 0.0) & (sample.arm == 1)
        return Matched(np.array([fit.value]), spread, weights, kept, sets.pairs(), fit.scores)

    def _ordered(self, case: Case, measured: Measured) -> tuple[Ints, Ints]:
        """Treated rows in the order they are matched in, and their controls."""
        sample, space, rule = case.sample(), measured.space, self._reach()
        treated, pool = np.flatnonzero(sample.arm == 1), np.flatnonzero(sample.arm == 0)
        if self.algorithm == "optimal":
            order = treated[np.argsort(measured.ids[treated])]
            if self.ratio_bounds is not None:
                refuse_wide(sample.arm, self.ratio_bounds[1])
                return order, optimal_rounds(space, (order, pool), measured.strata, (rule, np.array(self.ratio_bounds)))
            refuse_too_large(sample.arm, measured.strata, self.ratio, line=self._scored)
            return order, space.optimal(order, pool, rule)
        hardest = self.order == "hardest" or (self.order is None and self.caliper is None)
        order = treated[np.argsort(sample.ids[treated])]
        if hardest:
            order = hardest_first(space, measured.scores, treated, pool, measured.ids)
        if self.ratio_bounds is not None:
            wanted = allotted(measured.propensity[order], self.ratio, self.ratio_bounds, pool.size)
            return order, greedy_rounds(space, order, pool, (rule, wanted))
        return order, space.greedy(order, pool, rule)

    def _rule(self, told: Account) -> str | None:
        if not told.dropped_rows:
            return None
        unit = {"propensity": " SD of the logit", "probability": " SD of the propensity"}.get(self.distance, "")
        near = "" if self.caliper is None else f" within {self.caliper:g}{unit}"
        return f"those with a match{near}"

    def _details(self, matched: Matched, told: Account, propensity: Floats | None) -> dict[str, object]:
        details: dict[str, object] = {
            "matched": told.matched,
            "dropped": told.dropped,
            "pairs": matched.pairs,
            "balance": told.balance,
            "weights": told.weights,
        }
        return details if propensity is None else details | {"propensity": propensity}

    def _dropped_columns(self, spaces: list[Measured], sample: Sample) -> tuple[Finding, ...]:
        dropped = [name for space in spaces if space.fit is not None for name in space.fit.dropped]
        names = surprising(tuple(dict.fromkeys(dropped)), sample.features)
        return dropped_finding("matching", names, "the propensity model")

    def _refuse_dependence(self, sample: Sample) -> None:
        """Refuse designs for which no variance of this matching is established."""
        for wrong, message, remedy in (
            (len(sample.arms) > 2 and self.target is Target.ATE,
             "Matching compares several arms with control one at a time, and everyone is in more than two arms.",
             "Set target ATT or ATC, or use 'stratification', 'ipw' or 'aipw' for everyone."),
            (len(sample.arms) > 2 and sample.cluster is not None,
             "The covariance between several matched arms is not offered with clusters.",
             "Keep two arms, or use 'ipw' or 'aipw', which sum their influence within clusters."),
            (sample.cluster is not None and self.replace,
             "Abadie-Imbens variances are for independent rows, and none is established for clusters.",
             "Set replace=False, whose variance is clustered by set and by cluster; or use 'ipw' or 'aipw'."),
            (sample.weights is not None and self.replace and self._scored,
             "The variance of matching on an estimated propensity is for a likelihood's score, not a weighted one.",
             "Use distance 'mahalanobis', or set replace=False; or use 'ipw' or 'aipw'."),
            (sample.weights is not None and self.covariance == "homoskedastic",
             "One outcome variance for all rows is not offered under sampling weights.",
             "Use covariance='heteroskedastic'."),
        ):  # fmt: skip
            if wrong:
                raise UnsupportedError(message, remedy=remedy)


def _propensities(sample: Sample, found: list[tuple[Ints, Matched, Measured]]) -> Floats | None:
    """Probability of the arm compared among its rows and control's, shape (n,), by arm (n, k) where there are several.

    Not part of a pair: zero.
    """
    if found[0][2].fit is None:
        return None
    out = np.zeros((sample.n, len(found)))
    for j, (rows, _, space) in enumerate(found):
        out[rows, j] = space.propensity
    return out[:, 0] if len(found) == 1 else out


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
