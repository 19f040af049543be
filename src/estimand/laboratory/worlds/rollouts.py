"""Rollouts in which the methods are measured: as the textbook has them, with few clusters, and with awkward data."""

import numpy as np

from estimand.laboratory.worlds.panel import Drift, Observed, Rollout, Shocks, Wave
from estimand.stats.arrays import Floats

ONE = (Wave(3, 0.5, 0.5, 0.25),)
TWO = (Wave(2, 1 / 3, 0.8, 0.4), Wave(4, 1 / 3, 0.4, 0.1))
ALONE = (1,) * 500
STATES = Shocks(cluster=0.4, cluster_lasts=0.6, unit_lasts=0.3)
# Units of each cluster, six clusters after six: unequal, and fewer where clusters are many.
SIZES = {
    6: (3, 4, 5, 7, 9, 12),
    10: (3, 4, 5, 6, 8, 10),
    20: (2, 3, 4, 5, 6, 8),
    50: (1, 2, 3, 4, 5, 6),
    200: (1, 2, 3),
}


def of_clusters(clusters: int) -> tuple[int, ...]:
    """Units of each of some clusters, unequal."""
    sizes = SIZES[clusters]
    return tuple(sizes[j % len(sizes)] for j in range(clusters))


def _gappy(rng: np.random.Generator, rows: Observed) -> Observed:
    """Lose one row in six, whoever it is of."""
    chance: Floats = rng.random(rows.unit.shape)
    return rows.take(np.flatnonzero(chance >= 1 / 6))


def _one_cohort(clusters: int) -> Rollout:
    return Rollout(
        f"one_cohort_{clusters}_clusters",
        f"{clusters} states of unequal size, half of them treated from the fourth of six periods on; their units share "
        "shocks that last, and the design names the states.",
        of_clusters(clusters), ONE, shocks=STATES,
    )  # fmt: skip


def _staggered(clusters: int) -> Rollout:
    return Rollout(
        f"staggered_{clusters}_clusters",
        f"{clusters} states of unequal size, a third treated from the third of six periods on, a third from the fifth "
        "with smaller effects; their units share shocks that last, and the design names the states.",
        of_clusters(clusters), TWO, shocks=STATES,
    )  # fmt: skip


_CHOOSE = "500 units choose when to adopt by a covariate that their untreated outcomes also drift with; "
ROLLOUTS = (
    Rollout(
        "one_cohort",
        "500 units, each on its own; half are treated from the fourth of six periods on, and the effect grows.",
        ALONE, ONE,
    ),
    Rollout(
        "staggered",
        "500 units, each on its own; a third treated from the third of six periods on, a third from the fifth, with "
        "effects that grow and differ.",
        ALONE, TWO,
    ),
    *(_one_cohort(clusters) for clusters in SIZES),
    *(_staggered(clusters) for clusters in SIZES),
    Rollout(
        "drifting_one_cohort",
        _CHOOSE + "one cohort, and the design names the covariate.",
        ALONE, ONE, drift=Drift(0.7, 0.3),
    ),
    Rollout(
        "drifting_staggered",
        _CHOOSE + "two cohorts, and the design names the covariate.",
        ALONE, TWO, drift=Drift(0.7, 0.3),
    ),
    Rollout(
        "drifting_effects",
        _CHOOSE + "the effect of the one cohort depends on it too, and the design names it.",
        ALONE, ONE, drift=Drift(0.7, 0.3, 0.5),
    ),
    Rollout(
        "unbalanced_rollout",
        "The staggered world with one row in six missing, whoever it is of; the design names the cohort.",
        ALONE, TWO, alter=_gappy, dated=True,
    ),
    Rollout(
        "lasting_errors",
        "The staggered world with 300 units, each of whose shocks keeps four fifths of the last.",
        ALONE[:300], TWO, shocks=Shocks(unit_lasts=0.8),
    ),
    Rollout(
        "cross_sections",
        "Other people in each of six periods, 300 at a time, of two cohorts and one that is never treated; no unit is "
        "followed.",
        ALONE[:300], TWO, followed=False, dated=True,
    ),
    Rollout(
        "cross_sections_of_states",
        "Other people of the same fifty states in each period; states are treated in two cohorts and share shocks that "
        "last.",
        of_clusters(50), TWO, shocks=STATES, followed=False, dated=True,
    ),
)  # fmt: skip
