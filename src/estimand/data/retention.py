"""Simulated subscribers to whom a retention offer was made, which brings new ones back and reminds old ones to leave.

Managers made the offer to those they feared to lose, so that the plain difference between those with and without it is
half the effect. Covariates are bounded and both probabilities linear in them, so that no probability is ever clipped.
With t the months of tenure, 1 to 48, u the weekly hours of use moved to (-1, 1), s the support tickets, 0 to 6, and p
the plan::

    effect  = 0.18 max(0, 1 - t / 24) + {basic: 0.06, plus: 0.02, pro: -0.07}[p]
    renewal = 0.56 + 0.12 u + 0.08 (t - 24.5) / 23.5 - 0.03 (s - 1.5) + {basic: -0.04, plus: 0, pro: 0.06}[p] + effect
    offer   = 0.45 - 0.15 u - 0.08 (t - 24.5) / 23.5 + 0.04 (s - 1.5)

Nothing depends on the region, nor on whether somebody pays automatically. The effect turns on tenure and plan alone,
and tenure, plan, use and tickets are drawn independently, so that averages of it are exact sums.
"""

from typing import Any

import numpy as np
import pandas as pd

from estimand.data.card import DatasetCard
from estimand.stats.arrays import Floats, Ints

ROWS = 8_000
SEED = 6
FEWEST_ROWS = 50

LONGEST, SETTLED = 48, 24
PLANS, PLAN_SHARES = ("basic", "plus", "pro"), (0.5, 0.3, 0.2)
REGIONS, REGION_SHARES = ("east", "north", "south", "west"), (0.20, 0.25, 0.25, 0.30)
MOST_TICKETS, TICKET_CHANCE = 6, 0.25
MOST_HOURS = 20.0
AUTOMATIC = 0.6

GAIN, GAIN_BY_PLAN = 0.18, (0.06, 0.02, -0.07)
RENEWAL, OFFER = 0.56, 0.45
RENEWAL_BY_PLAN = (-0.04, 0.0, 0.06)
COVARIATES = ("tenure_months", "plan", "weekly_hours", "tickets", "autopay", "region")


def effects(tenure: Ints, plan: Ints) -> Floats:
    """What the offer does to the probability of renewing, shape (n,); plans are positions in ``PLANS``."""
    return np.asarray(GAIN * np.maximum(0.0, 1.0 - tenure / SETTLED) + np.array(GAIN_BY_PLAN)[plan])


def _moved(tenure: Ints) -> Floats:
    """Tenure moved to (-1, 1)."""
    return np.asarray((2.0 * tenure - LONGEST - 1.0) / (LONGEST - 1.0))


def _population() -> dict[str, float]:
    """Average effects: sums over tenure and plan; what else decides the offer has mean zero in each."""
    tenure, plan = (axis.ravel() for axis in np.meshgrid(np.arange(1, LONGEST + 1), range(len(PLANS)), indexing="ij"))
    share = np.array(PLAN_SHARES)[plan] / LONGEST
    effect, offered = effects(tenure, plan), share * (OFFER - 0.08 * _moved(tenure))
    order = np.argsort(-effect, kind="stable")
    before = np.cumsum(share[order]) - share[order]
    first = np.clip(0.2 - before, 0.0, share[order])
    by_plan = {f"ate_{name}": float(effect[plan == k].mean()) for k, name in enumerate(PLANS)}
    return {
        "ate": float(share @ effect),
        "att": float(offered @ effect / offered.sum()),
        **by_plan,
        "ate_first_fifth": float(first @ effect[order] / first.sum()),
        "share_harmed": float(share[effect < 0.0].sum()),
    }


TRUTH = _population()
CARD = DatasetCard(
    name="retention",
    title="A retention offer that helps new subscribers and drives old ones away (simulated)",
    rows=ROWS,
    source="Simulated; the truth is known",
    licence="MIT, as the package",
    needs=None,
    design={
        "kind": "observational",
        "treatment": "offer",
        "outcome": "renewed",
        "covariates": list(COVARIATES),
        "unit": "subscriber",
    },
    question={
        "text": "Did the retention offer raise renewals, and whose?",
        "target": "ATE",
        "unit": "share",
        "benchmarks": [{"label": "Simulated truth", "value": TRUTH["ate"]}],
        "labels": {"offer": "the offer", "renewed": "renewal"},
    },
    truth=TRUTH,
)


def simulate(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate subscribers.

    Parameters
    ----------
    rows, seed : int

    Returns
    -------
    frame : pandas.DataFrame
        One row a subscriber.
    truth : dict
        ``ate``, ``att``, ``ate_basic`` … ``ate_pro``, ``ate_first_fifth`` (of those who gain most) and
        ``share_harmed`` as in the population; ``sample_ate``, exact for the subscribers drawn.
    """
    rng = np.random.default_rng(seed)
    tenure = rng.integers(1, LONGEST + 1, rows)
    plan = rng.choice(len(PLANS), rows, p=PLAN_SHARES)
    hours = np.round(rng.uniform(0.0, MOST_HOURS, rows), 1)
    tickets = rng.binomial(MOST_TICKETS, TICKET_CHANCE, rows)
    region = rng.choice(REGIONS, rows, p=REGION_SHARES)
    automatic = rng.random(rows) < AUTOMATIC
    use, trouble = hours / (MOST_HOURS / 2.0) - 1.0, tickets - MOST_TICKETS * TICKET_CHANCE
    effect = effects(tenure, plan)
    offer = rng.random(rows) < OFFER - 0.15 * use - 0.08 * _moved(tenure) + 0.04 * trouble
    chance = RENEWAL + 0.12 * use + 0.08 * _moved(tenure) - 0.03 * trouble + np.array(RENEWAL_BY_PLAN)[plan]
    renewed = rng.random(rows) < chance + effect * offer
    columns: dict[str, Any] = {
        "subscriber": [f"subscriber-{number:06d}" for number in range(1, rows + 1)],
        "offer": offer.astype(np.int64),
        "tenure_months": tenure,
        "plan": np.array(PLANS)[plan],
        "weekly_hours": hours,
        "tickets": tickets,
        "autopay": automatic.astype(np.int64),
        "region": region,
        "renewed": renewed.astype(np.int64),
    }
    return pd.DataFrame(columns), TRUTH | {"sample_ate": float(effect.mean())}
