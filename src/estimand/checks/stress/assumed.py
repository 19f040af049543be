"""What remains of an effect under each of several assumptions: rows of a table, weakest assumption first."""

import math
from dataclasses import dataclass

import numpy as np

from estimand.checks.diagnosis.weighted import people_weights
from estimand.core.case import Case
from estimand.core.display import format_number
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats, Ints
from estimand.stats.set_intervals import end_std_error, set_interval
from estimand.stats.worst_case import End


@dataclass(frozen=True, slots=True)
class Assumed:
    """The effect as far as one assumption tells it.

    Attributes
    ----------
    words : str
        The assumption.
    low, high : float
        The same where it tells all.
    ci_low, ci_high : float
    """

    words: str
    low: float
    high: float
    ci_low: float
    ci_high: float

    @property
    def sign(self) -> float:
        """Sign of the effect where the interval tells it, else zero."""
        return 1.0 if self.ci_low > 0.0 else -1.0 if self.ci_high < 0.0 else 0.0


def assumed(words: str, ends: tuple[End, End], cluster: Ints | None, level: float) -> Assumed:
    """Put an interval around two ends; t with one degree of freedom less than clusters where there are any."""
    low, high = ends
    errors = (end_std_error(low.psi, cluster), end_std_error(high.psi, cluster))
    df = math.inf if cluster is None else np.unique(cluster).shape[0] - 1.0
    return Assumed(words, low.value, high.value, *set_interval((low.value, high.value), errors, level, df))


def assumptions_table(rows: list[Assumed]) -> Table:
    """One row per assumption."""
    return Table(
        {
            "assumption": [row.words for row in rows],
            "low": [row.low for row in rows],
            "high": [row.high for row in rows],
            "ci_low": [row.ci_low for row in rows],
            "ci_high": [row.ci_high for row in rows],
        }
    )


def outcome_limits(values: Floats) -> tuple[tuple[float, float], str]:
    """Least and greatest outcome there can be, and in words where they are from."""
    low, high = float(values.min()), float(values.max())
    if np.isin(values, (0.0, 1.0)).all():
        return (0.0, 1.0), "a yes-or-no outcome is 0 or 1"
    return (
        low,
        high,
    ), f"the outcome is taken to stay within the values seen, {format_number(low)} to {format_number(high)}"


def design_weights(case: Case) -> Floats:
    """Weight of each row with the outcome in an average over people, shape (n,).

    Precision weights say nothing of people; weights that stand for those without the outcome assume what these bounds
    do not, and are taken off again.
    """
    weights = people_weights(case.sample())
    return weights if case.observation is None else np.asarray(weights * case.observation.probability)


def stacked(case: Case, beside: Sample) -> tuple[Floats, Ints, Floats, Ints | None]:
    """Outcome (zero where unobserved), arm, weight and cluster of the rows of a case, then of those beside it."""
    sample = case.sample()
    values = np.concatenate([case.values(), np.zeros(beside.n)])
    arm = np.concatenate([sample.arm, beside.arm])
    weights = np.concatenate([design_weights(case), people_weights(beside)])
    if sample.cluster is None or beside.cluster is None:
        return values, arm, weights, None
    return values, arm, weights, np.concatenate([sample.cluster, beside.cluster])
