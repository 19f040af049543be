"""Which estimates may be fitted again, within which cost, and what is said of the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from estimand.checks.stress.causal import AVERAGES
from estimand.checks.stress.cost import linear_cost, refit_cost
from estimand.core.case import Case
from estimand.core.catalog import resolve
from estimand.core.check import Refit
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.uncertainty import Normal
from estimand.errors import EstimandError

FULL = "Run the study with stress: full, which fits it again whatever that costs."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An estimate that is not fitted again, and why."""

    estimate: Estimate
    why: str
    remedy: str

    def finding(self, check: str, subject: str) -> Finding:
        """Say so."""
        return Finding(check, self.estimate.id, Grade.NOT_RUN, subject, self.why, self.remedy)


def adjusted_averages(case: Case, estimates: tuple[Estimate, ...]) -> list[Estimate]:
    """Average effects that use covariates, of a sample that has some."""
    if not isinstance(case.source, Sample) or not case.source.features.features:
        return []
    return [estimate for estimate in estimates if estimate.target in AVERAGES and adjusts(estimate)]


def adjusts(estimate: Estimate) -> bool:
    """Tell whether the method uses covariates."""
    return bool(resolve("methods", estimate.method).spec.adjusts)


def unfit(estimate: Estimate) -> Refusal | None:
    """Refuse an effect whose moves cannot be held against a standard error; None where they can."""
    uncertainty = estimate.uncertainty
    if getattr(uncertainty, "scale", "identity") != "identity":
        return Refusal(
            estimate,
            "The effect is a ratio, and this test adds and compares differences.",
            "Add the same method with a difference as its contrast.",
        )
    errors = uncertainty.std_error(estimate.value)
    if errors is None or not (errors > 0.0).all():
        return Refusal(
            estimate,
            "The estimate has no standard error against which a move could be held.",
            "Add a method that has one.",
        )
    return None


def affordable(case: Case, estimates: list[Estimate], fits: int, spend: float) -> tuple[list[Estimate], list[Refusal]]:
    """Split estimates into those to fit again and those refused.

    In a quick run only methods as cheap as a linear fit are fitted again, all of them or, where that would cost
    more than ``spend``, none; in a full run every one is.

    Parameters
    ----------
    fits : int
        Refits of each estimate.
    spend : float
        What all of them may cost, in numbers read (rows times columns of a linear fit).
    """
    refused = [refusal for estimate in estimates if (refusal := unfit(estimate)) is not None]
    fit = [estimate for estimate in estimates if unfit(estimate) is None]
    if case.stress == "full" or not fit:
        return fit, refused
    cheap = [estimate for estimate in fit if refit_cost(case, estimate) <= linear_cost(case)]
    if fits * sum(refit_cost(case, estimate) for estimate in cheap) > spend:
        cheap = []
    return cheap, refused + [too_dear(estimate, fits) for estimate in fit if estimate not in cheap]


def too_dear(estimate: Estimate, fits: int) -> Refusal:
    """Refuse for the cost."""
    times = "time" if fits == 1 else "times"
    why = f"Fitting '{estimate.id}' {fits} more {times} on {estimate.n_obs:,} rows costs more than a quick run may."
    return Refusal(estimate, why, FULL)


def attempt(refit: Refit, estimate: Estimate, case: Case) -> Estimate | None:
    """Fit again; None where it cannot be done."""
    try:
        return refit(estimate, case)
    except EstimandError:
        return None


def each(
    case: Case, refit: Refit, estimates: list[Estimate], changes: Sequence[Callable[[], Case]], label: str
) -> list[list[Estimate | None]]:
    """Fit every estimate again under every change, one list a change; the changes run side by side."""

    def step(change: Callable[[], Case]) -> list[Estimate | None]:
        altered = change()
        return [attempt(refit, estimate, altered) for estimate in estimates]

    return case.run.map(step, changes, label)


def degrees(estimate: Estimate, j: int) -> float:
    """Degrees of freedom of a term's standard error; infinite where it has none."""
    uncertainty = estimate.uncertainty
    if not isinstance(uncertainty, Normal) or uncertainty.df is None:
        return float("inf")
    return float(uncertainty.df[j])
