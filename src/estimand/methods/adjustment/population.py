"""Whom an adjusted estimate is about, in words."""

from collections.abc import Callable

import numpy as np

from estimand.core.case import Case
from estimand.core.estimate import Population
from estimand.core.question import Target
from estimand.core.row_weights import row_weights
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
    arm = np.concatenate([part.arm for part in case.everyone()])
    rules = [] if arm.shape[0] == sample.rows_read else ["complete cases"]
    if rule is not None:
        rules.append(rule)
    about = np.ones(arm.shape[0], dtype=bool) if target not in _ARMS else _ARMS[target](arm)
    used = _count(case, about, kept) if n is None else n
    label = f"{who} ({', '.join(rules)})" if rules else who
    return Population(label, used, used / sample.rows_read, "; ".join(rules) or None)


def _count(case: Case, about: Bools, kept: Bools | None) -> int:
    """Rows of the target that the method left in; the share of rows without an outcome is told by those for them."""
    sample = case.sample()
    if kept is None:
        return int(about.sum())
    own = about[: sample.n]
    if case.observing() is None:
        return int((own & kept).sum())
    weights = row_weights(sample)
    return round(float(about.sum() * weights[own & kept].sum() / weights[own].sum()))
