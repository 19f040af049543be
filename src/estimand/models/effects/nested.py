"""Nuisances for effects that are themselves fitted out of fold.

A row's effect comes from a model that its fold has no part in. That model learns from other rows' nuisances, which must
not have seen the fold either, nor those rows: each leaves out two folds. As leaving out j and k serves both, K folds
take K(K - 1)/2 such models. Where no fold is held out, a row has the mean of the K - 1 that left out its own.
"""

from dataclasses import dataclass, replace

import numpy as np

from estimand.errors import ConvergenceError
from estimand.models.effects.teaching import Exercise, Teacher, candidates, share_of
from estimand.stats.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Predictions of one nuisance for every row.

    Attributes
    ----------
    inner : ndarray of shape (K, n)
        By models that saw neither the row's fold nor the k-th; not-a-number in the k-th.
    outer : ndarray of shape (n,)
        Mean by the models that did not see the row's fold.
    """

    inner: Floats
    outer: Floats

    def without(self, held: int | None) -> Floats:
        """What may be used where a fold is held out, or none is, shape (n,)."""
        return self.outer if held is None else self.inner[held]


def nested(teacher: Teacher, exercises: list[Exercise]) -> list[Nested]:
    """Predict every row for each exercise, all models side by side.

    Raises
    ------
    ConvergenceError
        If a model fails that no stack can do without.
    """
    count = int(teacher.fold.max()) + 1
    pairs = [(j, k) for k in range(count) for j in range(k)]
    parts = [[replace(exercise, learner=learner) for learner in candidates(exercise.learner)] for exercise in exercises]
    jobs = [(part, pair) for group in parts for part in group for pair in pairs]
    done = iter(teacher.run.map(lambda job: _predicted(teacher, *job), jobs, "fitting nuisances"))
    made = []
    for exercise, group in zip(exercises, parts, strict=True):
        found = [_gathered(teacher.fold, pairs, [next(done) for _ in pairs]) for _ in group]
        made.append(_mixed(teacher, exercise, found))
    return made


def _predicted(teacher: Teacher, part: Exercise, pair: tuple[int, int]) -> list[tuple[Ints, Floats]] | ConvergenceError:
    """Train without the pair, and predict it: the rows of each, and their predictions."""
    seen = ~np.isin(teacher.fold[part.rows], pair)
    try:
        model = teacher.alone(part.within(part.rows[seen], *pair))
    except ConvergenceError as error:
        return error
    asked = [np.flatnonzero(teacher.fold == k) for k in pair]
    return [(rows, model(teacher.features[rows])) for rows in asked]


def _gathered(
    fold: Ints, pairs: list[tuple[int, int]], made: list[list[tuple[Ints, Floats]] | ConvergenceError]
) -> Nested | ConvergenceError:
    inner: Floats = np.full((int(fold.max()) + 1, fold.shape[0]), np.nan)
    for (j, k), parts in zip(pairs, made, strict=True):
        if isinstance(parts, ConvergenceError):
            return parts
        inner[k, parts[0][0]], inner[j, parts[1][0]] = parts[0][1], parts[1][1]
    return Nested(inner, np.nanmean(inner, axis=0))


def _mixed(teacher: Teacher, exercise: Exercise, found: list[Nested | ConvergenceError]) -> Nested:
    """Mix the candidates of a stack, for each fold by the loss on the others; one that failed is left out."""
    solved = [item for item in found if isinstance(item, Nested)]
    for learner, item in zip(candidates(exercise.learner), found, strict=True):
        if isinstance(item, ConvergenceError):
            if not solved:
                raise item
            teacher.notes.append(f"Learner '{learner.name}' took no part in {exercise.label}: {item.message}")
    if len(solved) == 1:
        return solved[0]
    first, second = solved
    inner, outer, fold = first.inner.copy(), first.outer.copy(), teacher.fold
    for k in range(inner.shape[0]):
        rows = exercise.rows[fold[exercise.rows] != k]
        share = share_of(exercise, rows, first.inner[k], second.inner[k])
        inner[k] = (1.0 - share) * first.inner[k] + share * second.inner[k]
        own = fold == k
        outer[own] = (1.0 - share) * first.outer[own] + share * second.outer[own]
    return Nested(inner, outer)
