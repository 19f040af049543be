"""Remedies that the method at hand can follow."""

from estimand.core.catalog import resolve
from estimand.core.estimate import Estimate


def narrower(estimate: Estimate) -> str:
    """What to do about rows that carry too much weight, or are like nobody in the other arm."""
    fields = resolve("methods", estimate.method).model_fields
    ways = ["Narrow the sample to comparable rows"]
    if "trim" in fields:
        ways.append("set trim, which says whom it leaves out")
    if "ATO" in str(fields["target"].annotation if "target" in fields else ""):
        ways.append("target ATO")
    return f"{', or '.join(ways)}."


def richer(estimate: Estimate) -> str:
    """What to do about covariates that stay unlike after adjustment."""
    fields = resolve("methods", estimate.method).model_fields
    if "folds" in fields:
        return "Use a flexible learner, or add squares and interactions to the covariates."
    if "moments" in fields:
        return "Set moments: 2, or add interactions to the covariates."
    return "Add its square or interactions to the covariates, or use 'aipw' with a flexible learner."
