"""Simulated new users of a product: four weeks before a test of a guided onboarding, the test, and its first log.

Six hundred users sign up a day. With b the visits before signing up, 0 to 8, each as likely, and g whether they were
guided, each of two as likely::

    sessions  ~ Poisson(0.6 + 0.6 b + 0.15 g)
    activated ~ Bernoulli(0.30 + 0.03 b + 0.02 g)
    tickets   ~ Poisson(0.1)

The log of the first week went through a filter for bots that takes the quick steps of guided users on Android for those
of a machine: who of them had three sessions or more is not in it. The filter had nothing to do with the current
onboarding, nor with other platforms.
"""

from typing import Any

import numpy as np
import pandas as pd

from estimand.data.card import DatasetCard, Simulation

SIGNED_UP_A_DAY = 600
DAYS, DAYS_BEFORE, DAYS_LOGGED = 14, 28, 7
LAUNCH = "2025-03-03"
SEED, SEED_BEFORE = 3, 2
FEWEST_ROWS = 200
# Users of the first week, as drawn with the seed, whom the filter left.
LEFT_IN_LOG = 3_841

ARMS = ("current", "guided")
PLATFORMS, PLATFORM_SHARES = ("android", "ios", "web"), (0.3, 0.2, 0.5)
MOST_VISITS = 8
MANY_SESSIONS = 3
TRUTH = {"sessions": 0.15, "activated": 0.02, "tickets": 0.0}
DESIGN = {
    "kind": "experiment",
    "treatment": "onboarding",
    "control": "current",
    "unit": "user",
    "exposed": "signed_up",
    "metrics": [
        {"name": "sessions", "kind": "count", "column": "sessions", "covariate": "visits_before"},
        {
            "name": "tickets",
            "kind": "count",
            "column": "tickets",
            "direction": "decrease",
            "role": "guardrail",
            "margin": 0.02,
        },
        {
            "name": "activated",
            "kind": "proportion",
            "column": "activated",
            "covariate": "visits_before",
            "role": "secondary",
        },
    ],
    "roles": {"segments": ["platform"]},
}
SOURCE, LICENCE = "Simulated; the truth is known", "MIT, as the package"
QUESTION = {
    "text": "Should every new user be guided?",
    "target": "ATE",
    "benchmarks": [{"label": "Simulated truth, sessions", "value": TRUTH["sessions"]}],
}


def _users(count: int, seed: int, first_day: str, share: float = 0.5) -> pd.DataFrame:
    """Users in the order in which they signed up, a share of them guided; the first are the same however many."""
    # A stream for each column: what one draws for later users moves nothing of another's first ones.
    streams = [np.random.default_rng((seed, column)) for column in range(6)]
    guided = streams[0].random(count) < share
    before = streams[1].integers(0, MOST_VISITS + 1, count)
    edges = np.cumsum(PLATFORM_SHARES)[:-1]
    columns: dict[str, Any] = {
        "user": [f"user-{number:06d}" for number in range(1, count + 1)],
        "onboarding": np.array(ARMS)[guided.astype(np.int64)],
        "signed_up": pd.Timestamp(first_day) + pd.to_timedelta(np.arange(count) // SIGNED_UP_A_DAY, unit="D"),
        "platform": np.array(PLATFORMS)[np.searchsorted(edges, streams[2].random(count), side="right")],
        "visits_before": before,
        "sessions": streams[3].poisson(0.6 + 0.6 * before + TRUTH["sessions"] * guided),
        "activated": (streams[4].random(count) < 0.30 + 0.03 * before + TRUTH["activated"] * guided).astype(np.int64),
        "tickets": streams[5].poisson(0.1, count),
    }
    return pd.DataFrame(columns)


def simulate(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate the test, every user in it.

    Parameters
    ----------
    rows, seed : int

    Returns
    -------
    frame : pandas.DataFrame
        One row a user.
    truth : dict
        Effect on each metric.
    """
    return _users(rows, seed, LAUNCH), dict(TRUTH)


def simulate_log(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate what the filter left of the test: the first users of :func:`simulate`, without those it took for bots.

    Parameters
    ----------
    rows, seed : int

    Returns
    -------
    frame : pandas.DataFrame
        One row a user.
    truth : dict
        Effect on each metric, had no one been left out.
    """
    users = _users(2 * rows, seed, LAUNCH)
    taken = (users["onboarding"] == "guided") & (users["platform"] == "android")
    left = users[~(taken & (users["sessions"] >= MANY_SESSIONS))]
    return left.iloc[:rows].reset_index(drop=True), dict(TRUTH)


def simulate_history(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """Simulate users before the test, none of whom was guided.

    Parameters
    ----------
    rows, seed : int

    Returns
    -------
    frame : pandas.DataFrame
        One row a user.
    truth : dict
        Empty: nothing was done to them.
    """
    first = pd.Timestamp(LAUNCH) - pd.Timedelta(days=-(-rows // SIGNED_UP_A_DAY))
    return _users(rows, seed, str(first.date()), share=0.0).drop(columns="onboarding"), {}


CARD = DatasetCard(
    name="onboarding",
    title="A randomised test of a guided onboarding, over two weeks (simulated)",
    rows=DAYS * SIGNED_UP_A_DAY,
    source=SOURCE,
    licence=LICENCE,
    needs=None,
    design=DESIGN,
    question=QUESTION,
    truth=TRUTH,
)
LOG = DatasetCard(
    name="onboarding_log",
    title="Its first week, as a filter for bots left it (simulated)",
    rows=LEFT_IN_LOG,
    source=SOURCE,
    licence=LICENCE,
    needs=None,
    design=DESIGN,
    question=QUESTION,
    truth=TRUTH,
)
HISTORY = DatasetCard(
    name="onboarding_history",
    title="The four weeks before it, to plan by (simulated)",
    rows=DAYS_BEFORE * SIGNED_UP_A_DAY,
    source=SOURCE,
    licence=LICENCE,
    needs=None,
    design={},
    question={},
)
SIMULATIONS = (
    Simulation(CARD, SEED, FEWEST_ROWS, simulate),
    Simulation(LOG, SEED, FEWEST_ROWS, simulate_log),
    Simulation(HISTORY, SEED_BEFORE, FEWEST_ROWS, simulate_history),
)
