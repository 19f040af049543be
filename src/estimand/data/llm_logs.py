"""Simulated users of an assistant product, in which three questions have three known answers.

Fifty workspaces were given a new release in two waves, from week 20 and from week 30 on; users chose by themselves
whether to turn on agent mode; queries below a confidence of 0.85 were routed to a premium model. Each of these adds
the same amount to everybody's probability of completing a task, which is linear in what drives it and bounded by
bounds of those, so nothing is clipped and the three effects are exact ::

    P(task completed) = ... + 0.05 treated_post + 0.08 opt_in_agent_mode + 0.06 routed_to_premium

Heavy users opt in more and complete more whatever they do, wave 1 workspaces were better to begin with, completion
rises over the year, and confident queries are easier: plain comparisons answer none of the questions. The prompt
variant was drawn at random and does nothing. Confidence is measured before a user can opt in.
"""

from typing import Any

import numpy as np
import pandas as pd

from estimand.data.card import DatasetCard
from estimand.stats.arrays import AnyArray, Floats, Ints

ROWS = 50_000
SEED = 2
FEWEST_ROWS = 50

WAVE, OPT_IN, PREMIUM = 0.05, 0.08, 0.06
# From 20 million simulated users, with probabilities in place of draws: standard error 2 in the fifth digit.
NAIVE = 0.2105

WORKSPACES = 50
WEEKS = 40
WAVE_WEEKS = (20, 30)
CUTOFF = 0.85
CONFIDENCE_MIDDLE, CONFIDENCE_REACH = 0.75, 0.24
COLUMNS = (
    "user_id",
    "workspace_id",
    "engagement_tier",
    "signup_week",
    "wave",
    "treatment_week",
    "treated_post",
    "prompt_variant",
    "opt_in_agent_mode",
    "query_confidence",
    "routed_to_premium",
    "task_completed",
    "thumbs_up",
    "session_minutes",
    "cost_usd",
    "retained_7d",
)
TIERS, TIER_SHARES = ("heavy", "light", "medium"), (0.25, 0.40, 0.35)
VARIANTS = ("A", "B")
COVARIATES = ("engagement_tier", "query_confidence", "routed_to_premium", "signup_week", "treated_post")
POST_TREATMENT = ("thumbs_up", "session_minutes", "cost_usd", "retained_7d")

CARD = DatasetCard(
    name="llm_logs",
    title="Agent mode, premium routing and a release in two waves, in an assistant product (simulated)",
    rows=ROWS,
    source="Simulated; the truths are known",
    licence="MIT, as the package",
    needs=None,
    design={
        "kind": "observational",
        "treatment": "opt_in_agent_mode",
        "outcome": "task_completed",
        "covariates": list(COVARIATES),
        "unit": "user_id",
        "roles": {"post_treatment": list(POST_TREATMENT)},
    },
    question={
        "text": "Does opting in to agent mode help users complete their tasks?",
        "target": "ATE",
        "unit": "share",
        "benchmarks": [{"label": "Simulated truth", "value": OPT_IN}],
        "labels": {"opt_in_agent_mode": "agent mode", "task_completed": "task completion"},
    },
    truth={"wave": WAVE, "opt_in": OPT_IN, "premium": PREMIUM, "naive_opt_in": NAIVE},
    others={
        "wave": {
            "design": {
                "kind": "panel",
                "time": "signup_week",
                "treatment": "treated_post",
                "outcome": "task_completed",
                "cluster": "workspace_id",
                "window": [None, str(WAVE_WEEKS[1] - 1)],
            },
            "question": {
                "text": "Did the new release help users of the first wave complete their tasks?",
                "target": "ATT",
                "unit": "share",
                "benchmarks": [{"label": "Simulated truth", "value": WAVE}],
                "labels": {"treated_post": "the release", "task_completed": "task completion"},
            },
        }
    },
)


def simulate(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate users.

    Parameters
    ----------
    rows, seed : int

    Returns
    -------
    frame : pandas.DataFrame
        One row a user.
    truth : dict
        ``wave``, ``opt_in`` and ``premium``: what each adds to the probability of completing a task, exact;
        ``naive_opt_in``: the plain difference between those who opted in and the others in the population.
    """
    rng = np.random.default_rng(seed)
    users = _users(rng, rows)
    users["opt_in_agent_mode"] = (rng.random(rows) < propensity(users)).astype(np.int64)
    luck = rng.random(rows)
    users["task_completed"] = (luck < completion(users, users["opt_in_agent_mode"])).astype(np.int64)
    users["user_id"] = [f"user-{number:06d}" for number in range(1, rows + 1)]
    return pd.DataFrame(users | _afterwards(rng, users))[list(COLUMNS)], dict(CARD.truth or {})


def _users(rng: np.random.Generator, rows: int) -> dict[str, Any]:
    """Draw what precedes the choice: where and when a user arrived, how engaged, and how clear the queries."""
    workspace = rng.integers(1, WORKSPACES + 1, rows)
    tier = rng.choice(TIERS, size=rows, p=TIER_SHARES)
    week = rng.integers(1, WEEKS + 1, rows)
    wave = 2 - workspace % 2
    start = np.array(WAVE_WEEKS)[wave - 1]
    clarity = np.tanh(0.8 * rng.standard_normal(rows) + _by_tier(tier, heavy=0.35, light=-0.10, medium=0.15))
    confidence = np.round(CONFIDENCE_MIDDLE + CONFIDENCE_REACH * clarity, 4)
    return {
        "workspace_id": workspace,
        "engagement_tier": tier,
        "signup_week": week,
        "wave": wave,
        "treatment_week": start,
        "treated_post": (week >= start).astype(np.int64),
        "prompt_variant": rng.choice(VARIANTS, size=rows),
        "query_confidence": confidence,
        "routed_to_premium": (confidence < CUTOFF).astype(np.int64),
    }


def propensity(users: dict[str, Any]) -> Floats:
    """Probability of opting in: a logit linear in the tier and the confidence."""
    logit = _by_tier(users["engagement_tier"], heavy=1.0, light=-1.8, medium=-0.5) + 0.30 * _clarity(users)
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)


def completion(users: dict[str, Any], opted_in: Ints) -> Floats:
    """Probability of completing a task: linear, and bounded by the bounds of what it is made of."""
    workspace, week = np.asarray(users["workspace_id"]), np.asarray(users["signup_week"])
    return np.asarray(
        0.40
        + _by_tier(users["engagement_tier"], heavy=0.175, light=-0.150, medium=0.0)
        + 0.05 * _clarity(users)
        + 0.04 * (week - 1) / (WEEKS - 1)
        + 0.02 * (np.asarray(users["wave"]) == 1)
        + 0.06 * ((17 * workspace) % WORKSPACES / (WORKSPACES - 1) - 0.5)
        + WAVE * np.asarray(users["treated_post"])
        + OPT_IN * opted_in
        + PREMIUM * np.asarray(users["routed_to_premium"]),
        dtype=np.float64,
    )


def _clarity(users: dict[str, Any]) -> Floats:
    """Confidence moved to (-1, 1)."""
    return np.asarray((users["query_confidence"] - CONFIDENCE_MIDDLE) / CONFIDENCE_REACH, dtype=np.float64)


def _by_tier(tier: AnyArray, *, heavy: float, light: float, medium: float) -> Floats:
    return np.asarray(np.array([heavy, light, medium])[np.searchsorted(TIERS, tier)], dtype=np.float64)


def _afterwards(rng: np.random.Generator, users: dict[str, Any]) -> dict[str, AnyArray]:
    """Draw what follows from the task and the choice: adjusting for any of it distorts the answer."""
    done, agent, premium = (users[name] for name in ("task_completed", "opt_in_agent_mode", "routed_to_premium"))
    rows = done.shape[0]
    habit = _by_tier(users["engagement_tier"], heavy=1.0, light=0.0, medium=0.5)
    minutes = (4 + 5 * habit + 3 * agent) * rng.gamma(4.0, 0.25, rows)
    return {
        "thumbs_up": (rng.random(rows) < 0.10 + 0.45 * done + 0.10 * agent).astype(np.int64),
        "session_minutes": np.round(minutes, 2),
        "cost_usd": np.round((0.004 + 0.012 * premium + 0.008 * agent) * minutes / 6, 5),
        "retained_7d": (rng.random(rows) < 0.25 + 0.20 * done + 0.25 * habit + 0.05 * agent).astype(np.int64),
    }
