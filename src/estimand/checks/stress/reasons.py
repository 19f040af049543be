"""Why two methods that estimate the same thing are likeliest to differ, from what they say of themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Panel
from estimand.core.estimate import Estimate
from estimand.models.trained import task_of
from estimand.stats.arrays import Floats
from estimand.stats.balance import largest_share

BETTER_FIT = 0.01
FROM_THE_LAST_PERIOD = frozenset({"event_study", "staggered_did", "sun_abraham"})


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason in words.

    Attributes
    ----------
    words : str
    remedy : str
    blames : str or None
        Id of the estimate it speaks against, where it speaks against one.
    """

    words: str
    remedy: str
    blames: str | None = None


def likeliest_reason(case: Case, first: Estimate, second: Estimate) -> Reason:
    """The first reason for which there is evidence, or what sets the methods apart."""
    for reason in (_rows, _options, _history, _curvature, _tails):
        found = reason(case, first, second)
        if found is not None:
            return found
    straight = {first.method, second.method} & {"regression"}
    apart = (
        "'regression' draws straight lines and the other does not rest on them, so some mean is not linear."
        if straight
        else "they model treatment and outcome differently, and for these data one model is wrong."
    )
    return Reason(apart, "Compare their models' fit and balance, and prefer the one that both support.")


def _rows(case: Case, first: Estimate, second: Estimate) -> Reason | None:
    if first.n_obs == second.n_obs:
        return None
    return Reason(
        f"they use different rows ({first.n_obs:,} and {second.n_obs:,}).", "Run both on the rows they share."
    )


def _options(case: Case, first: Estimate, second: Estimate) -> Reason | None:
    """One method run twice: what was set differently."""
    if first.method != second.method:
        return None
    names = [name for name in first.options if first.options[name] != second.options.get(name)]
    return Reason(
        f"the same method with other options: {', '.join(names) or 'none'}.",
        "Keep the options that were chosen before the result was known.",
    )


def _history(case: Case, first: Estimate, second: Estimate) -> Reason | None:
    """Of a panel: the periods before treatment, or the units not treated, that changes are measured against."""
    if not isinstance(case.design, Panel):
        return None
    late, long = (first, second) if first.method in FROM_THE_LAST_PERIOD else (second, first)
    if late.method in FROM_THE_LAST_PERIOD and long.method not in FROM_THE_LAST_PERIOD:
        return Reason(
            f"'{late.id}' takes changes from the last period before treatment, '{long.id}' from all of them, and the "
            "groups did not move alike between these.",
            "Read panel.pretrends and panel.anticipation before choosing either.",
        )
    return Reason(
        "they compare with other untreated units or periods, or by other models, and these did not move alike.",
        "Read panel.pretrends and panel.comparison, and set both to the same comparison.",
    )


def _curvature(case: Case, first: Estimate, second: Estimate) -> Reason | None:
    """A straight-line fit that explains less than a flexible one does out of fold."""
    for straight, flexible in ((first, second), (second, first)):
        line = straight.details.get("r_squared")
        bent = _out_of_fold_r2(case, flexible)
        if isinstance(line, float) and bent is not None and bent > line + BETTER_FIT:
            return Reason(
                f"non-linearity. The straight lines of '{straight.id}' explain {line:.0%} of the outcome's variance; "
                f"the models of '{flexible.id}' explain {bent:.0%} of rows they have not seen.",
                f"Prefer '{flexible.id}', or add squares and products to the covariates.",
                straight.id,
            )
    return None


def _out_of_fold_r2(case: Case, estimate: Estimate) -> float | None:
    """Share of the outcome's variance that the outcome models explain out of fold; None where not all are known."""
    losses, sample, values = estimate.details.get("nuisance_loss"), case.sample(), case.values()
    names = [f"outcome[{arm}]" for arm in sample.arms]
    if not isinstance(losses, Mapping) or any(name not in losses for name in names):
        return None
    if task_of(values) == "classification" or estimate.options.get("folds") == 1:
        return None
    counts = np.bincount(sample.arm, minlength=len(sample.arms))
    left = sum(count * losses[name] for count, name in zip(counts, names, strict=True))
    return float(1.0 - left / np.square(values - values.mean()).sum())


def _tails(case: Case, first: Estimate, second: Estimate) -> Reason | None:
    """Propensities near 0 or 1, or one heavy row, in either."""
    edge = case.gates.overlap_edge
    for estimate in (first, second):
        share = _tail_share(estimate, edge)
        if share > case.gates.overlap_share:
            return Reason(
                f"propensity tails. For '{estimate.id}', {share:.0%} of rows have a propensity outside "
                f"[{edge:g}, {1 - edge:g}]; there weights are large, and models go beyond the data.",
                "Trim, or target ATO, and compare again.",
            )
        heavy = _heaviest(case, estimate)
        if heavy > case.gates.weight_share:
            return Reason(
                f"heavy weights. One row of '{estimate.id}' carries {heavy:.0%} of its arm's weight.",
                "See who it is; trim, or target ATO, and compare again.",
            )
    return None


def _tail_share(estimate: Estimate, edge: float) -> float:
    propensity = estimate.details.get("propensity")
    if not isinstance(propensity, np.ndarray):
        return 0.0
    outside = (propensity < edge) | (propensity > 1.0 - edge)
    return float(outside.mean() if outside.ndim == 1 else outside.any(axis=1).mean())


def _heaviest(case: Case, estimate: Estimate) -> float:
    weights: Floats | None = estimate.details.get("weights")
    if not isinstance(weights, np.ndarray):
        return 0.0
    arm = case.sample().arm
    parts = (weights[arm == a] for a in range(len(case.arms)))
    return max((largest_share(part) for part in parts if part.sum() > 0.0), default=0.0)
