"""Draw again: run a method under a resampling scheme, everything refitted where the scheme says so."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.influence import Influence
from estimand.core.method import Method, Replicating
from estimand.core.resampling import Replicator, Resampling
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.uncertainty import Draws, Normal
from estimand.errors import (
    Code,
    ConvergenceError,
    DesignError,
    EstimandError,
    IdentificationError,
    UnsupportedError,
)
from estimand.models.bank import Cache, NuisanceBank
from estimand.stats.arrays import Floats, Ints
from estimand.stats.intervals import Scale, from_scale, scale_slope, to_scale
from estimand.stats.resampling import (
    acceleration,
    batches,
    exponential_weights,
    multinomial_counts,
    multiplied_influence,
    multipliers,
)
from estimand.study.retest import exchanged, randomised, wild_cluster


def resampled(method: Method, case: Case, plan: Resampling) -> Estimate:
    """Estimate, and put the uncertainty that a resampling scheme finds in place of the method's own.

    The value, target and details are the method's; ψ stays where there is one, for comparisons.

    Raises
    ------
    UnsupportedError
        If the scheme is not right for the method or the design.
    ConvergenceError
        If more draws fail than the scheme tolerates.
    """
    refuse_kind(method, plan)
    _refuse_design(case, plan)
    made = method.estimate(case)
    if plan.kind == "wild_cluster":
        return wild_cluster(method, case, plan, made)
    if plan.kind == "randomisation":
        return randomised(method, case, plan, made)
    if plan.kind == "multiplier":
        return exchanged(made, plan, _multiplied(case, plan, made), "resampling")
    values, notes = _refitted(method, case, plan, made)
    pull = None
    if plan.interval == "bca":
        pull = acceleration(_influence(made).psi)
    drawn = Draws(values, plan.kind, plan.interval, pull, _scale(made))
    return exchanged(made, plan, drawn, "resampling", notes)


def refuse_kind(method: Method, plan: Resampling) -> None:
    """Refuse a scheme that a method's card does not allow.

    Raises
    ------
    UnsupportedError
    """
    spec = method.spec
    if plan.kind in spec.resampling:
        return
    offered = f"Use one of: {', '.join(spec.resampling)}." if spec.resampling else "Leave `resample` out."
    raise UnsupportedError(
        f"Method '{spec.key}' does not take resampling of kind '{plan.kind}'.",
        remedy=spec.why_not or offered,
        found=plan.kind,
        expected=list(spec.resampling),
    )


def _refuse_design(case: Case, plan: Resampling) -> None:
    sample = case.sample()
    if plan.kind == "pairs" and sample.cluster is not None:
        raise DesignError(
            "The design names clusters, and drawing rows one by one would break them up.",
            remedy="Use kind: cluster, which draws whole clusters.",
            code=Code.UNSUPPORTED,
        )
    if plan.kind in {"cluster", "wild_cluster"} and sample.cluster is None:
        raise DesignError(
            f"Resampling of kind '{plan.kind}' needs clusters, and the design names none.",
            remedy="Name the cluster column in the design, or use kind: pairs.",
            code=Code.UNSUPPORTED,
        )
    if plan.kind != "multiplier" and case.observation is not None:
        raise UnsupportedError(
            "The rows are weighted by a fitted model of who has the outcome, which these draws would not refit.",
            remedy="Use kind: multiplier, or leave `resample` out; the method's own variance allows for that model.",
        )


def _influence(made: Estimate) -> Influence:
    if made.influence is None:
        raise UnsupportedError(
            f"'{made.id}' has no influence function.", remedy="Use kind: pairs or cluster, with interval: percentile."
        )
    return made.influence


def _scale(made: Estimate) -> Scale:
    return made.uncertainty.scale if isinstance(made.uncertainty, Normal) else "identity"


def _multiplied(case: Case, plan: Resampling, made: Estimate) -> Draws:
    """Values moved by random multiples of ψ, on the scale on which the values are normal."""
    influence, scale = _influence(made), _scale(made)
    center, slope = to_scale(made.value, scale), scale_slope(made.value, scale)
    psi, n = influence.psi / slope, influence.n
    kind = plan.weights or "rademacher"

    def batch(part: tuple[int, int]) -> Floats:
        weights = multipliers(case.run.rng("resample", plan.kind, part[0]), part[1], psi.shape[0], kind)
        return multiplied_influence(psi, n, weights)

    errors = np.concatenate(case.run.map(batch, batches(plan.draws, psi.shape[0]), "resampling"))
    return Draws(from_scale(center + errors, scale), plan.kind, "percentile", None, scale)


def _refitted(method: Method, case: Case, plan: Resampling, made: Estimate) -> tuple[Floats, tuple[Finding, ...]]:
    """Values of every draw that could be fitted, shape (b, k), and what to say of the others."""
    sample = case.sample()
    codes, units = np.unique(sample.units, return_inverse=True)
    quick = method.replicator(case, units) if isinstance(method, Replicating) else None
    refit = _refitter(method, case, plan, units, made)
    draw = exponential_weights if plan.kind == "bayesian" else multinomial_counts

    def batch(part: tuple[int, int]) -> tuple[Floats, list[str]]:
        weights = draw(case.run.rng("resample", plan.kind, part[0]), part[1], codes.shape[0])
        return _batch(weights, quick, refit, made.value.shape[0])

    done = case.run.map(batch, batches(plan.draws, codes.shape[0]), "resampling")
    values = np.concatenate([item for item, _ in done])
    failures = [reason for _, reasons in done for reason in reasons]
    _refuse_failures(failures, plan)
    return values[np.isfinite(values).all(axis=1)], _failed(failures, plan, made.id)


def _batch(
    weights: Floats, quick: Replicator | None, refit: Callable[[Floats], Floats], size: int
) -> tuple[Floats, list[str]]:
    """Values of a batch of draws: quickly where that works, else one by one; why draws failed."""
    out = np.full((weights.shape[0], size), np.nan) if quick is None else quick(weights)
    failures = []
    for b in np.flatnonzero(~np.isfinite(out).all(axis=1)):
        try:
            out[b] = refit(weights[b])
        except EstimandError as error:
            failures.append(f"{error.code}: {error.message}")
    return out, failures


def _refitter(method: Method, case: Case, plan: Resampling, units: Ints, made: Estimate) -> Callable[[Floats], Floats]:
    """Fit the method, its nuisances included, to one draw.

    Counts repeat rows, whose folds go by their identity; other weights multiply the design's.
    """
    sample = case.sample()
    alone = Run(case.run.seed, 1, cancelled=case.run.cancelled)
    places = [dict(term.at) for term in made.terms]

    def refit(weights: Floats) -> Floats:
        if plan.kind == "bayesian":
            drawn = _weighted(sample, weights[units])
        else:
            drawn = sample.take(np.repeat(np.arange(sample.n), weights[units].astype(np.int64)))
        _refuse_lost_arm(drawn)
        bank = NuisanceBank(drawn, case.outcome, alone, Cache())
        fitted = method.estimate(replace(case, source=drawn, nuisances=bank, run=alone))
        _refuse_lost_term(fitted, places)
        return fitted.value

    return refit


def _refuse_lost_term(fitted: Estimate, places: list[dict[str, object]]) -> None:
    """Refuse a draw in which a cohort, a period or an event time is not identified."""
    if [dict(term.at) for term in fitted.terms] != places:
        raise IdentificationError(
            f"A draw identifies {len(fitted.terms)} terms and not all of the {len(places)}.", remedy="Gather more data."
        )


def _weighted(sample: Sample, weights: Floats) -> Sample:
    own = weights if sample.weights is None else weights * sample.weights
    return replace(sample, weights=own, weight_kind=sample.weight_kind or "sampling")


def _refuse_lost_arm(sample: Sample) -> None:
    counts = sample.arm_counts()
    thin = min(counts, key=lambda label: counts[label])
    if counts[thin] < 2:
        raise DesignError(
            f"A draw has {counts[thin]} rows of arm '{thin}'.", remedy="Gather more data.", code=Code.INSUFFICIENT_DATA
        )


def _refuse_failures(failures: list[str], plan: Resampling) -> None:
    share = len(failures) / plan.draws
    if share > plan.tolerated:
        raise ConvergenceError(
            f"{len(failures)} of {plan.draws} draws could not be fitted, more than the {plan.tolerated:.1%} "
            f"tolerated. The first: {failures[0]}",
            remedy="Simplify the model, merge rare categories, or use the method's own variance.",
            found=share,
        )


def _failed(failures: list[str], plan: Resampling, about: str) -> tuple[Finding, ...]:
    """Say how many draws could not be fitted, and why the first could not."""
    if not failures:
        return ()
    return (
        Finding(
            check="resampling.failed",
            about=about,
            grade=Grade.WARN,
            subject="draws",
            statistic=len(failures) / plan.draws,
            threshold=plan.tolerated,
            message=f"{len(failures)} of {plan.draws} draws could not be fitted and are left out, which may make "
            f"the interval too short. The first: {failures[0]}",
            remedy="Simplify the model or merge rare categories, until every draw can be fitted.",
        ),
    )
