"""Matching without replacement: who is matched in which order, and the pair-clustered regression."""

from dataclasses import dataclass

import numpy as np

from estimand.errors import DataError
from estimand.methods.adjustment.contrast import Spread
from estimand.stats.arrays import Floats, Hashes, Ints
from estimand.stats.cluster import Block, ClusterKind, block_scores, effective_clusters
from estimand.stats.enough_clusters import MANY_CLUSTERS
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
        Rows, or -1; found ones first.
    design : ndarray of shape (n,)
        Design weights: a treated row's is its set's, and its controls share that in proportion to their own.
    """

    treated: Ints
    controls: Ints
    design: Floats

    @property
    def counts(self) -> Ints:
        """Controls of each treated row, shape (t,)."""
        return np.asarray((self.controls >= 0).sum(axis=1))

    def shares(self) -> Floats:
        """Share of each control in its set's mean, of the sets with any, shape (sets, ratio)."""
        controls = self.controls[self.counts > 0]
        held = np.where(controls >= 0, self.design[np.maximum(controls, 0)], 0.0)
        return np.asarray(held / held.sum(axis=1, keepdims=True))

    def weights(self, n: int) -> Floats:
        """Each matched treated row's design weight, shared among its controls, shape (n,)."""
        out, own = np.zeros(n), self.design[self.matched]
        out[self.matched] = own
        controls = self.controls[self.counts > 0]
        owner, place = np.nonzero(controls >= 0)
        out[controls[owner, place]] = (own[:, None] * self.shares())[owner, place]
        return out

    def pairs(self) -> Ints:
        """Every (treated row, control row), shape (m, 2)."""
        owner, place = np.nonzero(self.controls >= 0)
        return np.stack([self.treated[owner], self.controls[owner, place]], axis=1)

    def control_means(self, values: Floats) -> Floats:
        """Mean of a value of shape (n,) or (n, p) over each matched row's controls, in their order."""
        controls = self.controls[self.counts > 0]
        if controls.shape[1] == 1:
            return np.asarray(values[controls[:, 0]])
        return np.asarray(np.einsum("tr,tr...->t...", self.shares(), values[np.maximum(controls, 0)]))

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


@dataclass(frozen=True, slots=True, eq=False)
class PairFit:
    """The effect on the matched treated, and each set's part in its error.

    Attributes
    ----------
    value : float
    spread : Spread
    scores : ndarray of shape (sets,)
        The variance is the sum of their squares.
    rows : ndarray of shape (n,)
        Each row's part, without correction for small samples.
    """

    value: float
    spread: Spread
    scores: Floats
    rows: Floats


def pair_regression(sets: Sets, values: Floats, features: Floats | None) -> PairFit:
    """Effect on the matched treated by regression on the matched sets, clustered by set.

    The outcome is regressed on treatment, and with ``features`` on covariates centred at the treated and
    interacted: Abadie & Spiess (2022). A set's controls enter as their mean; design weights are those of the treated.

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
    none, weights = np.zeros((size, 0)), sets.design[sets.matched]
    even = bool((weights == weights[0]).all())
    held = None if even else weights
    near = none if features is None else sets.control_means(features)
    control = least_squares(near, other, held)
    if control.df_residual < 1:
        raise DataError(
            f"{size} matched sets are too few for {control.basis.matrix.shape[1]} coefficients.",
            remedy="Widen the caliper, use fewer covariates, or set bias_correct=False.",
        )
    here = none if features is None else features[sets.matched]
    treated = least_squares(none, own - control.predict(here), held)
    blocks = (
        Block(treated, np.arange(size), np.ones((1, 1))),
        Block(control, np.arange(size, 2 * size), _drift(control.basis.rows(here), weights)),
    )
    cluster = np.tile(np.arange(size), 2)
    kind: ClusterKind = "CR1" if not even or effective_clusters(blocks, cluster) >= MANY_CLUSTERS else "CR2"
    scores = block_scores(blocks, cluster, kind)
    rows = _row_parts(sets, values, features, blocks)
    return PairFit(
        treated.value(np.ones(1)),
        Spread(scores.covariance, scores.df, f"{kind} by matched set"),
        scores.scores[:, 0],
        rows,
    )


def _row_parts(sets: Sets, values: Floats, features: Floats | None, blocks: tuple[Block, Block]) -> Floats:
    """Each row's part in the error of the effect: a control's is its share of its set's, shape (n,)."""
    out, (treated, control) = np.zeros(values.shape[0]), blocks
    out[sets.matched] = treated.load()[:, 0] * treated.fit.residual
    controls, shares = sets.controls[sets.counts > 0], sets.shares()
    owner, place = np.nonzero(controls >= 0)
    rows = controls[owner, place]
    residual = values[rows] - control.fit.predict(np.zeros((rows.size, 0)) if features is None else features[rows])
    out[rows] = control.load()[owner, 0] * shares[owner, place] * residual
    return out


def two_way(fit: PairFit, sets: Sets, cluster: Ints) -> Spread:
    """Variance clustered by matched set and by cluster: Cameron, Gelbach & Miller (2011), doi:10.1198/jbes.2010.07136.

    The sum of both less that of the rows which share set and cluster; t with one less than the clusters that have
    matched rows. Each sum over groups has the factor G/(G - 1).
    """
    group = np.full(cluster.shape[0], -1)
    group[sets.matched] = np.arange(sets.matched.shape[0])
    controls = sets.controls[sets.counts > 0]
    owner, place = np.nonzero(controls >= 0)
    group[controls[owner, place]] = owner
    rows = np.flatnonzero(group >= 0)
    teams = np.unique(cluster[rows]).shape[0]
    both = np.unique(np.stack([group[rows], cluster[rows]], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    variance = float(fit.spread.vcov[0, 0]) + _summed(fit.rows[rows], cluster[rows]) - _summed(fit.rows[rows], both)
    return Spread(np.array([[variance]]), np.array([teams - 1.0]), "two-way by matched set and cluster")


def _summed(parts: Floats, codes: Ints) -> float:
    groups, position = np.unique(codes, return_inverse=True)
    total = np.bincount(position, weights=parts)
    return float(total @ total * groups.shape[0] / max(groups.shape[0] - 1.0, 1.0))


def _drift(rows: Floats, weights: Floats) -> Floats:
    """Minus the mean row: the functional by which control's fit enters the effect, shape (1, q)."""
    return np.asarray(-(weights @ rows)[None, :] / weights.sum())
