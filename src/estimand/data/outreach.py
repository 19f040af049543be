"""Simulated accounts of a software company that reached out to those it feared to lose.

Outreach went to fragile accounts, so those reached churn more often although outreach lowers churn.
Covariates are bounded and the churn probability is linear in them, in both arms, so no probability is ever clipped.
With h the health score, moved to (-1, 1), and s the segment, the effect on an account is ::

    effect = ATE + 0.030 h + {commerce: -0.010, finance: 0.010, software: 0.000}[s]

Since h is symmetric about 0, and commerce and finance are equally common, the population's average effect is
ATE = -0.046 exactly.
"""

from typing import Any

import numpy as np
import pandas as pd

from estimand.data.card import DatasetCard
from estimand.stats.arrays import AnyArray, Floats, Ints

ROWS = 6_000
SEED = 1
FEWEST_ROWS = 50

ATE = -0.046
# From 200 million simulated accounts, with probabilities in place of draws: error below 2 in the fifth digit.
ATT = -0.0543
NAIVE = 0.0802

COVARIATES = (
    "company_size",
    "tenure_months",
    "usage_score",
    "prior_tickets",
    "health_score",
    "region",
    "segment",
)
SIZES, SIZE_SHARES = ("enterprise", "mid", "small"), (0.15, 0.35, 0.50)
REGIONS, REGION_SHARES = ("east", "north", "south", "west"), (0.20, 0.25, 0.25, 0.30)
SEGMENTS, SEGMENT_SHARES = ("commerce", "finance", "software"), (0.30, 0.30, 0.40)

MOST_TICKETS = 10
HEALTH_MIDDLE, HEALTH_REACH = 55.0, 42.0
USAGE_MIDDLE, USAGE_REACH = 50.0, 46.0
LONGEST, SHORTEST = 84, 1

CARD = DatasetCard(
    name="outreach",
    title="Proactive outreach and churn among software accounts (simulated)",
    rows=ROWS,
    source="Simulated; the truth is known",
    licence="MIT, as the package",
    needs=None,
    design={
        "kind": "observational",
        "treatment": "outreach",
        "outcome": "churn",
        "covariates": list(COVARIATES),
        "unit": "account_id",
        "roles": {"post_treatment": ["post_outreach_engagement"]},
    },
    question={
        "text": "Did proactive outreach reduce churn?",
        "target": "ATE",
        "unit": "share",
        "benchmarks": [{"label": "Simulated truth", "value": ATE}],
    },
    truth={"ate": ATE, "att": ATT, "naive_population": NAIVE},
)


def simulate(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate accounts.

    Parameters
    ----------
    rows, seed : int

    Returns
    -------
    frame : pandas.DataFrame
        One row an account.
    truth : dict
        ``ate``, the population's average effect, exact; ``sample_ate``, the mean of the effects on the
        accounts drawn; ``att`` and ``naive_population``, the effect on those treated and the plain
        difference in the population, to four digits.
    """
    rng = np.random.default_rng(seed)
    accounts = _accounts(rng, rows)
    score = propensity(accounts)
    treated = (rng.random(rows) < score).astype(np.int64)
    untreated_risk, effect = churn_risk(accounts), effects(accounts)
    disposition = rng.random(rows)
    churn = (disposition < untreated_risk + treated * effect).astype(np.int64)
    engagement = _engagement(rng, accounts, treated, disposition)
    frame = pd.DataFrame(
        {
            "account_id": [f"acct-{number:06d}" for number in range(1, rows + 1)],
            "outreach": treated,
            "churn": churn,
            **accounts,
            "post_outreach_engagement": engagement,
        }
    )
    truth = {"ate": ATE, "att": ATT, "sample_ate": float(effect.mean()), "naive_population": NAIVE}
    return frame, truth


def _accounts(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Draw covariates: scores share a factor, tickets follow poor health, all within bounds."""
    vigour = rng.standard_normal(rows)
    health = np.tanh(0.85 * (0.8 * vigour + 0.6 * rng.standard_normal(rows)))
    usage = np.tanh(0.85 * (0.6 * vigour + 0.8 * rng.standard_normal(rows)))
    age = (1 + np.tanh(0.8 * (0.3 * vigour + 0.95 * rng.standard_normal(rows)))) / 2
    return {
        "company_size": rng.choice(SIZES, size=rows, p=SIZE_SHARES),
        "tenure_months": (SHORTEST + (LONGEST - SHORTEST + 1) * age**1.6).astype(np.int64),
        "usage_score": np.round(USAGE_MIDDLE + USAGE_REACH * usage, 1),
        "prior_tickets": rng.binomial(MOST_TICKETS, 0.08 + 0.22 * (1 - health) / 2),
        "health_score": np.round(HEALTH_MIDDLE + HEALTH_REACH * health, 1),
        "region": rng.choice(REGIONS, size=rows, p=REGION_SHARES),
        "segment": rng.choice(SEGMENTS, size=rows, p=SEGMENT_SHARES),
    }


def _scaled(accounts: dict[str, Any]) -> tuple[Floats, Floats, Floats, Floats]:
    """Return health and usage in (-1, 1), tickets and tenure in [0, 1]."""
    return (
        (accounts["health_score"] - HEALTH_MIDDLE) / HEALTH_REACH,
        (accounts["usage_score"] - USAGE_MIDDLE) / USAGE_REACH,
        accounts["prior_tickets"] / MOST_TICKETS,
        (accounts["tenure_months"] - SHORTEST) / (LONGEST - SHORTEST),
    )


def propensity(accounts: dict[str, Any]) -> Floats:
    """Probability of outreach: a logit linear in the covariates."""
    health, usage, tickets, tenure = _scaled(accounts)
    logit = -0.66 - 1.10 * health - 0.50 * usage + 0.80 * tickets - 0.25 * tenure
    logit += _pick(accounts["company_size"], SIZES, (0.30, 0.10, -0.10))
    logit += _pick(accounts["region"], REGIONS, (0.05, -0.10, 0.10, 0.00))
    logit += _pick(accounts["segment"], SEGMENTS, (0.10, -0.10, 0.00))
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)


def churn_risk(accounts: dict[str, Any]) -> Floats:
    """Probability of churn without outreach: linear in the covariates, and bounded by their bounds."""
    health, usage, tickets, tenure = _scaled(accounts)
    risk = 0.41 - 0.207 * health - 0.11 * usage + 0.14 * tickets - 0.03 * tenure
    risk += _pick(accounts["company_size"], SIZES, (-0.01, 0.0, 0.01))
    risk += _pick(accounts["region"], REGIONS, (0.005, -0.005, 0.01, 0.0))
    return risk + _pick(accounts["segment"], SEGMENTS, (0.01, -0.01, 0.0))


def effects(accounts: dict[str, Any]) -> Floats:
    """Effect of outreach on the probability of churn: linear in the covariates, of mean ``ATE``."""
    health, _, _, _ = _scaled(accounts)
    return ATE + 0.030 * health + _pick(accounts["segment"], SEGMENTS, (-0.010, 0.010, 0.000))


def _pick(values: AnyArray, levels: tuple[str, ...], amounts: tuple[float, ...]) -> Floats:
    return np.asarray(np.array(amounts)[np.searchsorted(levels, values)], dtype=np.float64)


def _engagement(rng: np.random.Generator, accounts: dict[str, Any], treated: Ints, disposition: Floats) -> Floats:
    """Engagement after outreach: raised by it, by health and usage, and by whatever else keeps an account.

    Those about to churn (a low ``disposition``) engage less, so adjusting for engagement opens a path from
    outreach to churn that is not its effect.
    """
    health, usage, _, _ = _scaled(accounts)
    noise = rng.standard_normal(treated.shape[0])
    level = 50 + 6 * treated + 6 * health + 6 * usage + 10 * (disposition - 0.5) + 9 * noise
    return np.asarray(np.round(level, 1), dtype=np.float64)
