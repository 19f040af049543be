"""How uncertain the averages of group-time effects are: their influence, or clusters left out in turn."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.methods.panel.staggered_cells import Identified, count
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.did_jackknife import jackknife_covariance, left_out_moves, welch_freedom
from estimand.stats.did_sweep import values_again
from estimand.stats.enough_clusters import FEW_OF_A_KIND
from estimand.stats.influence import influence_covariance, sum_within
from estimand.stats.levels import numbered

MOST_REFITS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Covariance of the terms, and the influence behind it.

    Attributes
    ----------
    vcov : ndarray of shape (k, k)
    df : ndarray of shape (k,) or None
    correction : str
    psi : ndarray of shape (G, k)
        Summed within clusters.
    units : ndarray of shape (G,)
        Codes of the clusters.
    n : int
        Divisor of ψ.
    findings : tuple of Finding
    """

    vcov: Floats
    df: Floats | None
    correction: str
    psi: Floats
    units: Ints
    n: int
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Clusters:
    """Clusters of a rollout.

    Attributes
    ----------
    codes : ndarray of shape (G,)
    position : ndarray of shape (n,)
        Of each unit's cluster.
    used : ndarray of shape (T + 1,) of bool
        Cohorts in the cells, compared or treated.
    small : ndarray of shape (G,) of bool
        Clusters of cohorts that have too few.
    words : str or None
        What is too few.
    """

    codes: Ints
    position: Ints
    small: Bools
    words: str | None


def spread_of(key: str, case: Case, found: Identified, wanted: Literal["influence", "jackknife"] | None) -> Spread:
    """Covariance by ψ, or by the jackknife where clusters are few."""
    clusters = _clusters(case, found)
    made, n = found.averaged, found.rollout.size
    size = clusters.codes.shape[0]
    if size == n:
        psi = np.empty((n, made.value.shape[0]))
        psi[clusters.position] = made.effects.psi.T
    else:
        psi = sum_within(made.effects.psi.T, clusters.position, size)
    clustered = case.sample().cluster is not None
    short = clusters.words is not None
    if wanted == "jackknife" or (short and wanted is None):
        return _jackknifed(key, case, found, clusters, psi)
    df = np.full(psi.shape[1], size - 1.0) if clustered else None
    name = "clustered influence" if clustered else "influence"
    warned = (_few_finding(key, clusters, "Standard errors are those of the influence, as asked for."),)
    return Spread(influence_covariance(psi, n), df, name, psi, clusters.codes, n, warned if short else ())


def _clusters(case: Case, found: Identified) -> _Clusters:
    """Number the clusters, and find cohorts in use that have too few."""
    codes, position = numbered(found.rollout.cluster)
    cohort = found.rollout.cohort
    size = codes.shape[0]
    small = np.zeros(size, dtype=np.bool_)
    thin = []
    labels, never = case.timeline().labels, found.rollout.cohorts - 1
    for g in (*np.unique(found.cells.cohort), never):
        members = np.unique(position[cohort == g])
        if 0 < members.shape[0] < FEW_OF_A_KIND:
            small[members] = True
            thin.append(f"{members.shape[0]} {'never treated' if g == never else f'in cohort {labels[g]}'}")
    words = None
    if size < case.gates.clusters:
        words = f"{count(size, 'cluster')}, and {case.gates.clusters} are held to suffice"
    elif thin:
        words = f"of {size:,} clusters {', '.join(thin)}, and {FEW_OF_A_KIND} are held to suffice"
    return _Clusters(codes, position, small, words)


def _jackknifed(key: str, case: Case, found: Identified, clusters: _Clusters, psi: Floats) -> Spread:
    """Leave out each cluster in turn and fit again; ψ stands for those that are too many, or lose a cell."""
    n, size = found.rollout.size, clusters.codes.shape[0]
    moves = left_out_moves(psi, n, size)
    chosen = np.arange(size) if size <= MOST_REFITS else np.flatnonzero(clusters.small)
    plan, value = found.plan, found.averaged.value

    def left_out(g: int) -> Floats | None:
        kept = (clusters.position != g).astype(np.float64)
        made = values_again(found.rollout, kept, found.cells, found.aggregation, plan.estimator)
        return None if made is None else made - value

    failed = 0
    for g, move in zip(chosen, case.run.map(left_out, chosen.tolist(), "jackknife"), strict=True):
        if move is None:
            failed += 1
        else:
            moves[g] = move
    df = _freedom(found, clusters, moves)
    said = "Each was left out in turn and all was fitted again." if size <= MOST_REFITS else (
        "Those of the small cohorts were left out in turn and all was fitted again; the influence function stands for "
        "the others."
    )  # fmt: skip
    if failed:
        said += f" Without {failed} of them a cell is not identified, and the influence function stands for those too."
    findings = (_few_finding(key, clusters, said),) if clusters.words is not None or failed else ()
    return Spread(jackknife_covariance(moves), df, "cluster jackknife", psi, clusters.codes, n, findings)


def _freedom(found: Identified, clusters: _Clusters, moves: Floats) -> Floats:
    """Welch's over cohorts where each cluster is of one; else one less than there are clusters."""
    size = clusters.codes.shape[0]
    cohort = np.zeros(size, dtype=np.int64)
    cohort[clusters.position] = found.rollout.cohort
    if not np.array_equal(cohort[clusters.position], found.rollout.cohort):
        return np.full(moves.shape[1], size - 1.0)
    return welch_freedom(moves, numbered(cohort)[1])


def _few_finding(key: str, clusters: _Clusters, said: str) -> Finding:
    words = clusters.words or "leaving one out loses a cell"
    return Finding(
        check=f"{key}.few_clusters",
        about=key,
        grade=Grade.WARN,
        subject="clusters",
        statistic=float(clusters.codes.shape[0]),
        message=f"Too few clusters for the usual standard errors: {words}. {said}",
        remedy="Read the interval with care; gather more clusters, or pool small cohorts.",
    )
