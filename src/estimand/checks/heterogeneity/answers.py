"""Which estimates are asked, and one answer for each of them and each arm."""

from collections.abc import Callable, Iterable

from estimand.checks.heterogeneity.held_out import Part
from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.errors import EstimandError

SUBJECT = "effects"


def reporting(case: Case, estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    """Estimates from rows whose methods report an effect for each row."""
    if not isinstance(case.source, Sample) or case.nuisances is None:
        return ()
    return tuple(estimate for estimate in estimates if "effects" in estimate.details)


def answered(
    key: str, case: Case, estimates: tuple[Estimate, ...], one: Callable[[Estimate], Iterable[Finding]]
) -> tuple[Finding, ...]:
    """Ask of each estimate that reports effects; one that cannot be asked is reported as not run, and why."""
    out: list[Finding] = []
    for estimate in reporting(case, estimates):
        try:
            out.extend(one(estimate))
        except EstimandError as error:
            out.append(Finding(key, estimate.id, Grade.NOT_RUN, SUBJECT, error.message, error.remedy))
    return tuple(out)


def answered_by_arm(
    key: str,
    case: Case,
    estimates: tuple[Estimate, ...],
    held_out: Callable[[Case, Estimate], Iterable[tuple[Part, ...]]],
    arm: Callable[[Case, Estimate, str, tuple[Part, ...]], Finding],
) -> tuple[Finding, ...]:
    """Ask of each arm of each estimate, given the parts of the rows held out that ``held_out`` makes for its arms."""

    def one(estimate: Estimate) -> list[Finding]:
        arms = zip(arm_labels(case), held_out(case, estimate), strict=True)
        return [arm(case, estimate, label, parts) for label, parts in arms]

    return answered(key, case, estimates, one)


def arm_labels(case: Case) -> tuple[str, ...]:
    """Name of every arm that is compared with control."""
    return tuple(term.label for term in case.arm_terms())
