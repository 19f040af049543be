"""The terms that a study reads together, their p-values adjusted as one family."""

from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.multiplicity import Multiplicity, adjusted_p_values

_KEEPS = {"BH": "the share of false rejections", "BY": "the share of false rejections"}


def family_findings(
    headline: Estimate | None, estimates: tuple[Estimate, ...], kind: Multiplicity | None, seed: int
) -> tuple[Finding, ...]:
    """Adjusted p-values of the headline's terms, for every outcome it was estimated on."""
    if headline is None or kind is None:
        return ()
    name = headline.id.removesuffix(f":{headline.outcome}")
    family = [item for item in estimates if item.id.removesuffix(f":{item.outcome}") == name]
    without = next((item for item in family if item.uncertainty.p_value(item.value) is None), None)
    if without is not None:
        return (_nothing_to_adjust(headline, without, kind),)
    table = adjusted_p_values(family, kind, seed=seed)
    adjusted, plain = table["adjusted"], table["p_value"]
    alpha = 1.0 - headline.level
    before, after = sum(p <= alpha for p in plain), sum(p <= alpha for p in adjusted)
    return (
        Finding(
            check="inference.multiplicity",
            about=headline.id,
            grade=Grade.NOTE,
            subject=kind,
            statistic=float(min(adjusted)),
            threshold=alpha,
            message=f"Of {len(adjusted)} terms read together, {before} have p ≤ {alpha:.3g} and {after} once adjusted "
            f"by {kind}, which holds {_KEEPS.get(kind, 'the chance of any false rejection')}.",
            remedy="Read the adjusted p-values; the intervals are of one term each.",
            evidence=table,
        ),
    )


def _nothing_to_adjust(headline: Estimate, without: Estimate, kind: Multiplicity) -> Finding:
    return Finding(
        check="inference.multiplicity",
        about=headline.id,
        grade=Grade.NOT_RUN,
        subject=kind,
        message=f"'{without.id}' has no p-value, so nothing was adjusted by {kind}.",
        remedy="Declare a headline that has one.",
    )
