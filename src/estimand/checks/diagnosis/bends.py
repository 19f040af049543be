"""Squares and products that a model linear in the covariates leaves out: those in which the arms differ first."""

from dataclasses import dataclass

import numpy as np

from estimand.checks.diagnosis.weighted import unadjusted_differences
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.stats.added_terms import leading_pairs, products, scaled
from estimand.stats.arrays import Bools, Floats, Ints

MOST_ROWS = 100_000
ROWS_PER_TERM = 10
CLUSTERS_PER_TERM = 5
NO_ROOM = "An arm has too few rows, or clusters, to test even one square or product of the covariates."


@dataclass(frozen=True, slots=True, eq=False)
class Bends:
    """Terms beside a sample.

    Attributes
    ----------
    sample : Sample
        The rows looked at: all of them, or of a very large sample an even share chosen by their hashed ids.
    rows : ndarray of shape (m,)
        Their positions.
    terms : ndarray of shape (m, k)
        Of mean zero and standard deviation one.
    names : tuple of str
    """

    sample: Sample
    rows: Ints
    terms: Floats
    names: tuple[str, ...]


def bends(sample: Sample) -> Bends | None:
    """Build the terms, the covariates in which the arms differ most leading; None where an arm has no room for one.

    What is added is chosen without a look at the outcome, so that the choice does not spoil a test of it. The last is
    the square of the combination in which the arms differ, for what no pair of leading covariates holds. An arm gives
    room for one term for every ten rows, and for every five clusters.
    """
    thin, rows = _thinned(sample)
    values, names = thin.features.values, thin.features.names
    room = _room(thin)
    if room < 1:
        return None
    differences = np.stack([unadjusted_differences(thin, a, Target.ATE) for a in range(1, len(thin.arms))])
    differences = np.where(np.isfinite(differences), differences, 0.0)
    lead = np.abs(differences).max(axis=0)
    pairs = leading_pairs(_numeric(values), np.argsort(-lead, kind="stable"), room)
    columns, labels = products(values, pairs), [_named(names, pair) for pair in pairs]
    if len(pairs) < room:
        combined = scaled(values) @ differences[np.abs(differences).max(axis=1).argmax()]
        columns = np.hstack([columns, scaled(np.square(combined)[:, None])])
        labels.append("square of the covariates' combination in which the arms differ")
    return Bends(thin, rows, columns, tuple(labels))


def untested(check: str, estimate: Estimate, subject: str, why: str) -> Finding:
    """Report that a form could not be tested, and what does not depend on it."""
    remedy = "Compare with 'aipw', whose default learner bends."
    return Finding(check, estimate.id, Grade.NOT_RUN, subject, why, remedy)


def can_bend(sample: Sample) -> bool:
    """Whether there is a square or a product that could be added."""
    values = sample.features.values
    return values.shape[1] > 1 or bool(_numeric(values).any())


def _numeric(values: Floats) -> Bools:
    """Columns that take more than two values."""
    low, high = values.min(axis=0, initial=np.inf), values.max(axis=0, initial=-np.inf)
    return np.asarray(~((values == low) | (values == high)).all(axis=0))


def _named(names: tuple[str, ...], pair: tuple[int, int]) -> str:
    first, second = names[pair[0]], names[pair[1]]
    return f"{first} squared" if pair[0] == pair[1] else f"{first} × {second}"


def _thinned(sample: Sample) -> tuple[Sample, Ints]:
    stride = -(-sample.n // MOST_ROWS)
    if stride == 1:
        return sample, np.arange(sample.n)
    rows = np.flatnonzero(sample.ids % np.uint64(stride) == 0)
    return sample.take(rows), rows


def _room(sample: Sample) -> int:
    """How many terms the smallest arm has rows, and clusters, for."""
    least = min(int((sample.arm == a).sum()) for a in range(len(sample.arms))) // ROWS_PER_TERM
    if sample.cluster is None:
        return least
    clusters = min(int(np.unique(sample.cluster[sample.arm == a]).shape[0]) for a in range(len(sample.arms)))
    return min(least, clusters // CLUSTERS_PER_TERM)
