"""Whom an adjusted estimate is about, in words."""

from collections.abc import Callable

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Population
from estimand.core.question import Target
from estimand.stats.arrays import Bools, Ints

_ARMS: dict[Target, Callable[[Ints], Bools]] = {
    Target.ATT: lambda arm: np.asarray(arm > 0),
    Target.ATC: lambda arm: np.asarray(arm == 0),
}
_WHO = {
    Target.ATT: "the treated",
    Target.ATC: "the untreated",
    Target.ATO: "those common to both arms",
}


def population(
    case: Case, target: Target, rule: str | None = None, *, kept: Bools | None = None, n: int | None = None
) -> Population:
    """Name and count the population of a target, with every rule that narrowed it.

    Parameters
    ----------
    rule : str, optional
        What the method left out.
    kept : ndarray of shape (n,) of bool, optional
        Rows that the method left in, where not all.
    n : int, optional
        Rows the estimate is about, where the method has counted them.
    """
    sample = case.sample()
    who = _WHO.get(target, "everyone")
    rules = [] if sample.n == sample.rows_read else ["complete cases"]
    if rule is not None:
        rules.append(rule)
    about = np.ones(sample.n, dtype=bool) if kept is None else kept
    if target in _ARMS:
        about = about & _ARMS[target](sample.arm)
    used = int(about.sum()) if n is None else n
    label = f"{who} ({', '.join(rules)})" if rules else who
    return Population(label, used, used / sample.rows_read, "; ".join(rules) or None)
