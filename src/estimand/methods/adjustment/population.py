"""Whom an adjusted estimate is about, in words."""

from estimand.core.case import Case
from estimand.core.estimate import Population
from estimand.core.question import Target

_WHO = {
    Target.ATT: "the treated",
    Target.ATC: "the untreated",
    Target.ATO: "those common to both arms",
}


def population(case: Case, target: Target, n: int | None = None, rule: str | None = None) -> Population:
    """Name the population of a target, and every rule that narrowed it.

    Parameters
    ----------
    n : int, optional
        Rows the estimate used, where fewer than the sample's.
    rule : str, optional
        What the method left out.
    """
    sample = case.sample()
    who = _WHO.get(target, "everyone")
    rules = [] if sample.n == sample.rows_read else ["complete cases"]
    if rule is not None:
        rules.append(rule)
    used = sample.n if n is None else n
    label = f"{who} ({', '.join(rules)})" if rules else who
    return Population(label, used, used / sample.rows_read, "; ".join(rules) or None)
