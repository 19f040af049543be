r"""Randomisation test of a rollout: cohorts dealt anew to the clusters, under no effect for anyone.

The statistic compares each cohort's clusters with those never treated: with :math:`d_{c}(g)` the change of cluster c's
mean from before period g to after, the effect of cohort g is the mean change of its clusters less that of the others,
and the average is over cohorts by their number of clusters. It is studentised by its variance between clusters; a
cohort of one cluster adds nothing to that, which leaves the test right and less sharp. MacKinnon & Webb (2020),
doi:10.1016/j.jeconom.2020.04.024. Where no cluster is never treated, cohorts are compared with the last one before it
is treated.
"""

from dataclasses import dataclass
from math import exp, lgamma

import numpy as np

from estimand.stats.arrays import Bools, Floats, Ints

TIE = 1e-9
MOST_LISTED = 5_000
MOST_ENTRIES = 2_000_000


@dataclass(frozen=True, slots=True)
class RolloutTest:
    """What the test says.

    Attributes
    ----------
    statistic : float
        Studentised; the average itself where nothing varies between clusters.
    p_value : float
    smallest : float
        Least p-value that these cohorts allow.
    assignments : float
        Number of different ones there are.
    draws : int
        Those looked at; all of them where ``complete``.
    complete : bool
    """

    statistic: float
    p_value: float
    smallest: float
    assignments: float
    draws: int
    complete: bool


def assignments(cohort: Ints) -> float:
    """Number of different ways to deal the cohorts to the clusters."""
    counts = np.unique(cohort, return_counts=True)[1]
    return exp(lgamma(cohort.shape[0] + 1) - sum(lgamma(int(count) + 1) for count in counts))


def rollout_test(means: Floats, cohort: Ints, rng: np.random.Generator, draws: int) -> RolloutTest | None:
    """Test that nobody is affected; None where cohorts cannot be compared.

    Parameters
    ----------
    means : ndarray of shape (C, T)
        Mean outcome of each cluster in each period; not-a-number where it has no rows.
    cohort : ndarray of shape (C,)
        First treated period: between 1 and T - 1, or T if never.
    rng : Generator
        For drawing, where there are more than 5,000 assignments.
    draws : int
    """
    changes = _changes(means, cohort)
    observed = float(_statistics(changes, cohort[None, :])[0])
    if not np.isfinite(observed):
        return None
    count = assignments(cohort)
    complete = count <= min(MOST_LISTED, 10 * draws)
    dealt = _every(cohort) if complete else rng.permuted(np.tile(cohort, (draws, 1)), axis=1)
    batches = np.array_split(dealt, 1 + dealt.size // MOST_ENTRIES)
    values = np.concatenate([_statistics(changes, batch) for batch in batches])
    extreme = int((~(np.abs(values) < abs(observed) * (1.0 - TIE))).sum())
    own, size = (0 if complete else 1), dealt.shape[0]
    smallest = 1.0 / size if complete else max(1.0 / count, 1.0 / (size + 1))
    return RolloutTest(observed, (extreme + own) / (size + own), smallest, count, size, complete)


def _every(cohort: Ints) -> Ints:
    """Every different assignment, the observed one among them, shape (b, C)."""
    found: list[list[int]] = [[]]
    left = [dict(zip(*[part.tolist() for part in np.unique(cohort, return_counts=True)], strict=True))]
    for _ in range(cohort.shape[0]):
        grown, rest = [], []
        for row, counts in zip(found, left, strict=True):
            for code, count in counts.items():
                if count:
                    grown.append([*row, code])
                    rest.append({**counts, code: count - 1})
        found, left = grown, rest
    return np.array(found, dtype=np.int64)


def _changes(means: Floats, cohort: Ints) -> dict[int, Floats]:
    """Change of every cluster's mean from before each treated cohort's date to after, shape (C,) each."""
    last = int(cohort.max())
    stop = min(last, means.shape[1])
    treated = np.unique(cohort[cohort < last]).tolist()
    return {g: _mean(means[:, g:stop]) - _mean(means[:, :g]) for g in treated}


def _statistics(changes: dict[int, Floats], dealt: Ints) -> Floats:
    """Studentised average under assignments (b, C); not-a-number where no cohort can be compared."""
    control = dealt == dealt[0].max()
    average, total = np.zeros(dealt.shape[0]), np.zeros(dealt.shape[0])
    scores = np.zeros(dealt.shape)
    for g, change in changes.items():
        seen = np.isfinite(change)
        held = np.where(seen, change, 0.0)
        own, others = (dealt == g) & seen, control & seen
        size, beside = own.sum(axis=1), others.sum(axis=1)
        size = np.where(beside > 0, size, 0)
        mean, level = own @ held / np.maximum(size, 1), others @ held / np.maximum(beside, 1)
        average += size * (mean - level)
        total += size
        scores += np.where(own & (beside > 0)[:, None], held - mean[:, None], 0.0)
        scores -= np.where(others, held - level[:, None], 0.0) * (size / np.maximum(beside, 1))[:, None]
    spread = np.sqrt(np.square(scores).sum(axis=1))
    divided = np.where(spread > 0.0, spread, np.maximum(total, 1.0))
    return np.asarray(np.where(total > 0, average / divided, np.nan))


def _mean(block: Floats) -> Floats:
    """Mean over the periods in which a cluster has rows; not-a-number where it has none."""
    seen: Bools = np.isfinite(block)
    count = seen.sum(axis=1)
    total = np.where(seen, block, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
