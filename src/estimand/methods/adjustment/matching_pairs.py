"""Matching without replacement: who is matched in which order, and the pair-clustered regression."""

from dataclasses import dataclass

import numpy as np

from estimand.errors import DataError
from estimand.methods.adjustment.contrast import Spread
from estimand.methods.adjustment.robust import MANY_CLUSTERS
from estimand.stats.arrays import Floats, Hashes, Ints
from estimand.stats.cluster import Block, ClusterKind, block_scores, effective_clusters
from estimand.stats.linear import least_squares
from estimand.stats.neighbours import Rule, Space, by_score


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """Each treated row with the controls that are its own.

    Attributes
    ----------
    treated : ndarray of shape (t,)
        Rows, those without a control too.
    controls : ndarray of shape (t, ratio)
        Rows, or -1.
    """

    treated: Ints
    controls: Ints

    @property
    def counts(self) -> Ints:
        """Controls of each treated row, shape (t,)."""
        return np.asarray((self.controls >= 0).sum(axis=1))

    def weights(self, n: int) -> Floats:
        """One for each matched treated row, shared equally among its controls, shape (n,)."""
        out, counts = np.zeros(n), self.counts
        out[self.treated[counts > 0]] = 1.0
        owner, place = np.nonzero(self.controls >= 0)
        out[self.controls[owner, place]] = 1.0 / counts[owner]
        return out

    def pairs(self) -> Ints:
        """Every (treated row, control row), shape (m, 2)."""
        owner, place = np.nonzero(self.controls >= 0)
        return np.stack([self.treated[owner], self.controls[owner, place]], axis=1)

    def control_means(self, values: Floats) -> Floats:
        """Mean of a value of shape (n,) or (n, p) over each matched row's controls, in their order."""
        found = self.counts > 0
        controls = self.controls[found]
        if controls.shape[1] == 1:
            return np.asarray(values[controls[:, 0]])
        there = (controls >= 0).astype(float)
        share = there / there.sum(axis=1, keepdims=True)
        return np.asarray(np.einsum("tr,tr...->t...", share, values[np.maximum(controls, 0)]))

    @property
    def matched(self) -> Ints:
        """Treated rows with a control."""
        return self.treated[self.counts > 0]


def hardest_first(space: Space, scores: Floats | None, treated: Ints, pool: Ints, ids: Hashes) -> Ints:
    """Order the treated: highest propensity first, or farthest from any control; equals by id."""
    if scores is not None:
        return treated[by_score(-scores[treated], ids[treated])]
    near = space.matches(treated, pool, Rule(1))
    first = np.full(treated.shape[0], -1)
    first[near.owner[::-1]] = near.shelf[near.start[::-1]]
    gap = np.where(first >= 0, space.distances(treated, np.maximum(first, 0)), np.inf)
    return treated[by_score(-gap, ids[treated])]


def pair_regression(sets: Sets, values: Floats, features: Floats | None) -> tuple[float, Spread]:
    """Effect on the matched treated by regression on the matched sets, clustered by set.

    The outcome is regressed on treatment, and with ``features`` on covariates centred at the treated and
    interacted: Abadie & Spiess (2022). A set's controls enter as their mean.

    Parameters
    ----------
    sets : Sets
    values : ndarray of shape (n,)
    features : ndarray of shape (n, p) or None

    Raises
    ------
    DataError
        If fewer than two sets, or no more sets than coefficients, are left.
    """
    own, other = values[sets.matched], sets.control_means(values)
    size = own.shape[0]
    none = np.zeros((size, 0))
    near = none if features is None else sets.control_means(features)
    control = least_squares(near, other)
    if control.df_residual < 1:
        raise DataError(
            f"{size} matched sets are too few for {control.basis.matrix.shape[1]} coefficients.",
            remedy="Widen the caliper, use fewer covariates, or set bias_correct=False.",
        )
    here = none if features is None else features[sets.matched]
    treated = least_squares(none, own - control.predict(here))
    blocks = (
        Block(treated, np.arange(size), np.ones((1, 1))),
        Block(control, np.arange(size, 2 * size), _drift(control.basis.rows(here))),
    )
    cluster = np.tile(np.arange(size), 2)
    kind: ClusterKind = "CR1" if effective_clusters(blocks, cluster) >= MANY_CLUSTERS else "CR2"
    scores = block_scores(blocks, cluster, kind)
    return treated.value(np.ones(1)), Spread(scores.covariance, scores.df, f"{kind} by matched set")


def _drift(rows: Floats) -> Floats:
    """Minus the mean row: the functional by which control's fit enters the effect, shape (1, q)."""
    return np.asarray(-rows.mean(axis=0, keepdims=True))
