"""Several arms: each is matched with control as if the others were not there, and what their errors share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from estimand.core.case import Case
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.methods.adjustment.contrast import Spread
from estimand.models.bank import NuisanceBank
from estimand.stats.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What either way of matching ends with.

    Attributes
    ----------
    value : ndarray of shape (k,)
    spread : Spread
    weights : ndarray of shape (n,)
        Weight of each row in its arm's mean.
    kept : ndarray of shape (n,) of bool
        Target rows with a match.
    pairs : ndarray of shape (m, 2)
        Rows of the target, rows matched with them.
    parts : ndarray of shape (n,) or (sets,)
        Parts in the error, of rows with replacement, of sets without; empty where no other arm shares them.
    """

    value: Floats
    spread: Spread
    weights: Floats
    kept: Bools
    pairs: Ints
    parts: Floats


def arm_pairs(case: Case) -> Iterator[tuple[Ints, Case]]:
    """Rows of each arm and of control, and the case they make; the case itself where there are two arms."""
    sample = case.sample()
    if len(sample.arms) == 2:
        yield np.arange(sample.n), case
        return
    for a in range(1, len(sample.arms)):
        rows = np.flatnonzero((sample.arm == 0) | (sample.arm == a))
        taken = sample.take(rows)
        arms = (sample.arms[0], sample.arms[a])
        pair = replace(taken, arm=np.asarray((taken.arm == a).astype(np.int64)), arms=arms)
        yield rows, replace(case, source=pair, arms=arms, nuisances=NuisanceBank(pair, case.outcome, case.run))


def joined(sample: Sample, found: Sequence[tuple[Ints, Matched]], target: Target) -> Matched:
    """One matching out of those of all arms; weights are those of the first."""
    if len(found) == 1:
        return found[0][1]
    k = len(found)
    vcov = np.diag([part.spread.vcov[0, 0] for _, part in found])
    paired = [rows[part.pairs] for rows, part in found]
    for a in range(k):
        for b in range(a):
            by_row = found[a][1].parts.shape[0] == found[a][0].shape[0]
            both = _of_rows(sample, found[a], found[b]) if by_row else _of_sets(found, paired, a, b)
            vcov[a, b] = vcov[b, a] = both
    weights, kept = np.zeros(sample.n), np.zeros(sample.n, dtype=bool)
    weights[found[0][0]] = found[0][1].weights
    every = np.ones(sample.n, dtype=bool)
    for rows, part in found:
        kept[rows[part.kept]] = True
        every[rows] &= part.kept
    if target is Target.ATC:
        kept = every & (sample.arm == 0)
    freedom = [part.spread.df for _, part in found]
    df = None if freedom[0] is None else np.concatenate([part for part in freedom if part is not None])
    spread = Spread(vcov, df, found[0][1].spread.correction)
    value = np.concatenate([part.value for _, part in found])
    return Matched(value, spread, weights, kept, np.concatenate(paired), np.zeros(0))


def _of_rows(sample: Sample, first: tuple[Ints, Matched], second: tuple[Ints, Matched]) -> float:
    """Covariance through the controls that both use."""
    total = []
    for rows, part in (first, second):
        placed = np.zeros(sample.n)
        placed[rows] = part.parts
        total.append(placed[sample.arm == 0])
    return float(total[0] @ total[1])


def _of_sets(found: Sequence[tuple[Ints, Matched]], paired: Sequence[Ints], a: int, b: int) -> float:
    """Covariance through the sets of two arms that hold the same control."""
    _, one, two = np.intersect1d(paired[a][:, 1], paired[b][:, 1], return_indices=True)
    sets = [np.unique(pairs[:, 0], return_inverse=True)[1] for pairs in (paired[a], paired[b])]
    common = np.unique(np.stack([sets[0][one], sets[1][two]], axis=1), axis=0)
    return float(found[a][1].parts[common[:, 0]] @ found[b][1].parts[common[:, 1]])
