"""Effects on rows that they were not learned from: in turn over folds, and by random halves."""

from dataclasses import dataclass

import numpy as np

from estimand.checks.heterogeneity.rules import Lesson, learned_rule, refuse_unlearnable
from estimand.checks.heterogeneity.scores import effect_scores
from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.row_weights import row_weights
from estimand.core.run import Run
from estimand.models.bank import NuisanceBank
from estimand.models.folds import hashed_folds
from estimand.stats.arrays import Floats, Ints

FOLDS = 5
MOST_ROWS = 20_000
ROUNDING = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows that a rule did not see, for one arm.

    Attributes
    ----------
    rows : ndarray of shape (m,)
        Positions in the sample.
    predicted, scores, weights : ndarray of shape (m,)
    units : ndarray of shape (m,)
        Independent unit of each row.
    """

    rows: Ints
    predicted: Floats
    scores: Floats
    weights: Floats
    units: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """The parts of one arm as one.

    Attributes
    ----------
    part : ndarray of shape (m,)
        Number of the part.
    predicted, scores, weights : ndarray of shape (m,)
    units : ndarray of shape (m,)
    """

    part: Ints
    predicted: Floats
    scores: Floats
    weights: Floats
    units: Ints

    @classmethod
    def of(cls, parts: tuple[Part, ...]) -> "Stacked":
        """Put parts without a row in common below each other."""
        number = np.repeat(np.arange(len(parts)), [part.rows.shape[0] for part in parts])
        columns = ([getattr(part, name) for part in parts] for name in ("predicted", "scores", "weights", "units"))
        return cls(number, *(np.concatenate(column) for column in columns))


Split = tuple[Ints, Ints]
Found = tuple[tuple[Ints, Floats], ...]


def in_turn(case: Case, estimate: Estimate) -> tuple[tuple[Part, ...], ...]:
    """Parts of each arm, one for every fold but the first, by a rule learned from the folds before it.

    Raises
    ------
    EstimandError
        If rows are too few to learn from.
    """
    rows = _chosen(case)
    fold = _folds(case, rows, FOLDS, "in turn")
    splits = [(rows[fold < k], rows[fold == k]) for k in range(1, FOLDS)]
    return _parts(case, estimate, _learned(case, estimate, "in turn", splits))


def by_halves(case: Case, estimate: Estimate, splits: int) -> tuple[tuple[Part, ...], ...]:
    """Parts of each arm, one for every split into halves, by a rule learned from the other half.

    Raises
    ------
    EstimandError
        If rows are too few to learn from.
    """
    rows = _chosen(case)
    half = [_folds(case, rows, 2, f"half {number}") for number in range(splits)]
    halves = [(rows[part == 0], rows[part == 1]) for part in half]
    return _parts(case, estimate, _learned(case, estimate, f"{splits} halves", halves))


def among(case: Case) -> str:
    """What to add to a message where a quick run learned and judged on some of the rows; nothing otherwise."""
    rows, every = _chosen(case).shape[0], case.sample().n
    return "" if rows == every else f" By {rows:,} of {every:,} rows, drawn by lot; stress: full takes all."


def _chosen(case: Case) -> Ints:
    """Rows to be judged on, in the order of their identity: all, or as many as a quick run may spend on."""
    sample = case.sample()
    rows = np.argsort(sample.ids, kind="stable")
    shares = -(-sample.n // MOST_ROWS)
    if case.stress == "full" or shares == 1:
        return np.asarray(rows)
    return np.asarray(rows[_folds(case, rows, shares, "some") == 0])


def _folds(case: Case, rows: Ints, folds: int, label: str) -> Ints:
    sample = case.sample()
    cluster = None if sample.cluster is None else sample.cluster[rows]
    salt = case.run.seed_for("heterogeneity", label)
    return hashed_folds(sample.ids[rows], sample.arm[rows], cluster, folds, salt)


def _learned(case: Case, estimate: Estimate, label: str, splits: list[Split]) -> Found:
    """Rows and effects of every split, learned once and shared by the checks of a study."""
    refuse_unlearnable(estimate)
    bank = case.nuisances.cache.held_out if isinstance(case.nuisances, NuisanceBank) else {}
    options = repr(sorted(estimate.options.items()))
    key = (label, case.sample().fingerprint, case.outcome, estimate.method, options, case.run.seed, case.stress)
    if key not in bank:
        features = case.sample().features.values

        def step(numbered: tuple[int, Split]) -> tuple[Ints, Floats]:
            number, (learn, ask) = numbered
            seed = case.run.seed_for("heterogeneity", label, number)
            rule = learned_rule(Lesson(case, estimate, learn, Run(seed, cancelled=case.run.cancelled)))
            return ask, np.asarray(rule(np.ascontiguousarray(features[ask])))

        bank[key] = tuple(case.run.map(step, enumerate(splits), "learning effects again"))
    return bank[key]


def _parts(case: Case, estimate: Estimate, found: Found) -> tuple[tuple[Part, ...], ...]:
    scores, weights, units = effect_scores(case, estimate), row_weights(case.sample()), case.sample().units
    return tuple(
        tuple(
            Part(rows, _told_apart(effects[:, j], scores[rows, j]), scores[rows, j], weights[rows], units[rows])
            for rows, effects in found
        )
        for j in range(scores.shape[1])
    )


def _told_apart(predicted: Floats, scores: Floats) -> Floats:
    """Predictions, all the same where they differ by rounding only."""
    scale = float(np.abs(predicted).max()) + float(np.abs(scores).max())
    if float(np.ptp(predicted)) <= ROUNDING * scale:
        return np.full(predicted.shape[0], float(predicted.mean()))
    return predicted
