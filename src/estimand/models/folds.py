"""Folds by hashing: the same row falls in the same fold whatever the order of the file."""

import numpy as np

from estimand.errors import Code, DataError, DesignError
from estimand.models.cluster_folds import spread_folds
from estimand.stats.arrays import Hashes, Ints

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mixed(codes: Hashes, salt: int) -> Hashes:
    """Scramble 64-bit codes with a salt (the splitmix64 finaliser, Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        z = codes + _GOLDEN * np.uint64((salt % 2**32) + 1)
        z = (z ^ (z >> np.uint64(30))) * _FIRST
        z = (z ^ (z >> np.uint64(27))) * _SECOND
        return np.asarray(z ^ (z >> np.uint64(31)))


def hashed_folds(ids: Hashes, arm: Ints, cluster: Ints | None, folds: int, salt: int) -> Ints:
    """Split rows into folds, evenly within each arm, whole clusters (or repeated rows) together.

    Parameters
    ----------
    ids : ndarray of shape (n,) of uint64
        Rows of one id stay together, as the copies of a row in a bootstrap draw must.
    arm : ndarray of shape (n,)
    cluster : ndarray of shape (n,) or None
        Clusters stay together. Where some hold several arms, they are spread by their rows of each arm.
    folds : int
    salt : int
        A new salt gives a new split.

    Raises
    ------
    DataError
        If an arm has fewer units than folds; where clusters hold several arms, if no split leaves every arm in
        every training set.
    """
    labels = ids if cluster is None else cluster.astype(np.uint64)
    unit, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    stratum, order = arm[first], mixed(unit, salt)
    if cluster is not None and (stratum[inverse] != arm).any():
        counts = np.zeros((unit.shape[0], int(arm.max()) + 1), dtype=np.int64)
        np.add.at(counts, (inverse, arm), 1)
        return spread_folds(counts, order, folds)[inverse]
    out = np.empty(unit.shape[0], dtype=np.int64)
    for level in np.unique(stratum):
        members = np.flatnonzero(stratum == level)
        if members.shape[0] < folds:
            raise DataError(
                f"An arm has {members.shape[0]} independent units, fewer than {folds} folds.",
                remedy=f"Use folds={members.shape[0]} or fewer." if members.shape[0] > 1 else "Gather more data.",
                code=Code.INSUFFICIENT_DATA,
            )
        ranked = members[np.argsort(order[members], kind="stable")]
        out[ranked] = (np.arange(members.shape[0]) + int(level)) % folds
    return out[inverse]


def given_folds(folds: tuple[int, ...], arm: Ints) -> Ints:
    """Read fold ids given row by row.

    Raises
    ------
    DesignError
        If there is not one per row, or fewer than two folds, or some training set lacks an arm.
    """
    ids = np.asarray(folds, dtype=np.int64)
    if ids.shape[0] != arm.shape[0]:
        raise DesignError(
            f"There are {ids.shape[0]} fold ids for {arm.shape[0]} rows used.",
            remedy="Give one fold id per row used, in row order.",
        )
    _, codes = np.unique(ids, return_inverse=True)
    count = int(codes.max()) + 1
    lacking = [f for f in range(count) if np.unique(arm[codes != f]).shape[0] < np.unique(arm).shape[0]]
    if count < 2 or lacking:
        raise DesignError(
            "The fold ids leave a training set without one of the arms.",
            remedy="Give at least two folds, each of which leaves every arm in the others.",
        )
    return codes
