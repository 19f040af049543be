"""Rollouts made for the checks of panels: each holds one trouble that a check should see."""

from dataclasses import replace

import numpy as np

from estimand.laboratory.worlds.panel import Observed, Rollout, Wave
from estimand.laboratory.worlds.rollouts import ALONE, ONE, STATES, TWO, of_clusters
from estimand.stats.arrays import Floats


def _diverging(rng: np.random.Generator, rows: Observed) -> Observed:
    """Let those who are treated drift up by a fifth of a standard deviation in each period, before treatment too."""
    ever = rows.start <= rows.period.max()
    return replace(rows, outcome=rows.outcome + 0.2 * ever * rows.period)


def _expecting(rng: np.random.Generator, rows: Observed) -> Observed:
    """Let half of the effect be felt one period before treatment."""
    return replace(rows, outcome=rows.outcome + 0.5 * (rows.period == rows.start - 1))


def _leaving(rng: np.random.Generator, rows: Observed) -> Observed:
    """Lose, once treated, most rows of units whose level is high."""
    chance: Floats = rng.random(rows.unit.shape)
    lost = (rows.treated == 1) & (rows.level > 0.5) & (chance < 0.7)
    return rows.take(~lost)


def _stopping(rng: np.random.Generator, rows: Observed) -> Observed:
    """End treatment, and its effect, after two periods."""
    ended = rows.period >= rows.start + 2
    return replace(
        rows,
        treated=np.where(ended, 0, rows.treated),
        outcome=np.where(ended, rows.outcome - rows.effect, rows.outcome),
        effect=np.where(ended, 0.0, rows.effect),
    )


def _half_reached(rng: np.random.Generator, rows: Observed) -> Observed:
    """Treat only half of the units of a treated state."""
    chance: Floats = rng.random((int(rows.unit.max()) + 1,))
    spared = (chance[rows.unit] < 0.5) & (rows.treated == 1)
    return replace(
        rows,
        treated=np.where(spared, 0, rows.treated),
        outcome=np.where(spared, rows.outcome - rows.effect, rows.outcome),
        effect=np.where(spared, 0.0, rows.effect),
    )


def _moving(rng: np.random.Generator, rows: Observed) -> Observed:
    """Record one row in ten in another state."""
    chance: Floats = rng.random(rows.unit.shape)
    return replace(rows, cluster=np.where(chance < 0.1, (rows.cluster + 1) % 50, rows.cluster))


TROUBLED_ROLLOUTS = (
    Rollout(
        "diverging_trends",
        "The one-cohort world, in which those treated drift up all along.",
        ALONE, ONE, alter=_diverging, for_checks=True,
    ),
    Rollout(
        "anticipated",
        "The staggered world, in which treatment is felt one period before it starts.",
        ALONE, TWO, alter=_expecting, for_checks=True,
    ),
    Rollout(
        "leaving_units",
        "The one-cohort world, in which most units of a high level leave once they are treated.",
        ALONE, ONE, alter=_leaving, dated=True, for_checks=True,
    ),
    Rollout(
        "treatment_that_ends",
        "The staggered world, in which treatment and its effect end after two periods.",
        ALONE, TWO, alter=_stopping, for_checks=True,
    ),
    Rollout(
        "mixed_states",
        "Fifty states, in whose treated ones only half of the units are treated.",
        of_clusters(50), TWO, shocks=STATES, alter=_half_reached, for_checks=True,
    ),
    Rollout(
        "moving_units",
        "Fifty states; one row in ten says that its unit is in another.",
        of_clusters(50), TWO, shocks=STATES, alter=_moving, for_checks=True,
    ),
    Rollout(
        "everyone_treated",
        "Half are treated from the third of six periods on, the others from the fifth: then nobody is left to compare "
        "with.",
        ALONE, (Wave(2, 0.5, 0.8, 0.4), Wave(4, 0.5, 0.4, 0.1)), for_checks=True,
    ),
    Rollout(
        "opposed_effects",
        "Nearly all are treated, an early wave with effects that grow fast: a regression on unit and period effects "
        "takes them for a trend.",
        ALONE, (Wave(1, 0.5, 0.5, 1.0), Wave(4, 0.45, 0.5)), for_checks=True,
    ),
)  # fmt: skip
