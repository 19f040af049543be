"""Random numbers inside kernels: a stream is one 64-bit word, so a bag's draws follow from its seed alone.

Steele, Lea & Flood (2014), doi:10.1145/2660193.2660195.
"""

import numpy as np
import numpy.typing as npt

from estimand.kernels.compiled import compiled

Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
# Features that lead; how many of them, and how many of all others, a node tries; and how many of all a node tries where
# none lead yet, which is above a depth, or everywhere if that is negative.
Tries = tuple[int, int, int, int, int]

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_STEP, _ONCE, _TWICE = np.uint64(_GOLDEN), np.uint64(_FIRST), np.uint64(_SECOND)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)

OUTSIDE, IDLE, SPLITS, ESTIMATES = 0, 1, 2, 3


@compiled
def below(state: Words, count: int) -> int:
    """Whole number in [0, count), for counts below 2³¹; moves the stream on."""
    state[0] += _STEP
    z = state[0]
    z = (z ^ (z >> _S30)) * _ONCE
    z = (z ^ (z >> _S27)) * _TWICE
    z ^= z >> _S31
    return int(np.int64(((z >> _S32) * np.uint64(count)) >> _S32))


def below_reference(state: list[int], count: int) -> int:
    """Plain twin of :func:`below`, on a list of one number."""
    whole = 2**64 - 1
    state[0] = (state[0] + _GOLDEN) & whole
    z = state[0]
    z = ((z ^ (z >> 30)) * _FIRST) & whole
    z = ((z ^ (z >> 27)) * _SECOND) & whole
    return ((z ^ (z >> 31)) >> 32) * count >> 32


@compiled
def draw_bag(state: Words, labels: Labels, size: int) -> None:
    """Label ``size`` units idle, without replacement, and all others outside, in one walk over the units."""
    wanted, units = size, labels.shape[0]
    for u in range(units):
        inside = below(state, units - u) < wanted
        labels[u] = IDLE if inside else OUTSIDE
        wanted -= inside


@compiled
def draw_halves(state: Words, labels: Labels, bag: int, splits: int, estimates: int) -> None:
    """Give the units of a bag their parts in one tree: to split, to estimate, or to stay idle."""
    left, first, second = bag, splits, estimates
    for u in range(labels.shape[0]):
        if labels[u] == OUTSIDE:
            continue
        place = below(state, left)
        left -= 1
        if place < first:
            labels[u] = SPLITS
            first -= 1
        elif place < first + second:
            labels[u] = ESTIMATES
            second -= 1
        else:
            labels[u] = IDLE


@compiled
def draw_features(state: Words, order: Ints, count: int) -> None:
    """Bring ``count`` features, drawn without replacement, to the front of a permutation."""
    features = order.shape[0]
    for i in range(count):
        j = i + below(state, features - i)
        order[i], order[j] = order[j], order[i]


@compiled
def rank_features(merits: Floats, order: Ints, leaders: int) -> None:
    """Bring the features of highest mean merit to the front of a permutation; of equal ones the earlier stays ahead.

    Parameters
    ----------
    merits : ndarray of shape (2, p)
        Sums of merit times weight, and of weight.
    order : ndarray of shape (p,)
    leaders : int
        How many to bring.
    """
    for i in range(leaders):
        best = i
        for k in range(i + 1, order.shape[0]):
            a, b = order[k], order[best]
            if merits[0, a] * max(merits[1, b], 1.0) > merits[0, b] * max(merits[1, a], 1.0):
                best = k
        order[i], order[best] = order[best], order[i]


@compiled
def draw_tried(state: Words, order: Ints, tried: Ints, tries: Tries, depth: int) -> int:
    """Write the features that a node tries; how many they are."""
    leaders, chosen, drawn, free, until = tries
    if until < 0 or depth < until:
        leaders, chosen, drawn = 0, 0, free
    draw_features(state, order[:leaders], chosen)
    draw_features(state, order[leaders:], drawn)
    for i in range(chosen):
        tried[i] = order[i]
    for i in range(drawn):
        tried[chosen + i] = order[leaders + i]
    return chosen + drawn


def bag_reference(state: list[int], units: int, size: int) -> Labels:
    """Plain twin of :func:`draw_bag`."""
    labels = np.full(units, OUTSIDE, dtype=np.uint8)
    for u in range(units):
        if below_reference(state, units - u) < size - np.count_nonzero(labels == IDLE):
            labels[u] = IDLE
    return labels


def halves_reference(state: list[int], labels: Labels, splits: int, estimates: int) -> Labels:
    """Plain twin of :func:`draw_halves`."""
    inside = np.flatnonzero(labels != OUTSIDE)
    out = np.where(labels == OUTSIDE, OUTSIDE, IDLE).astype(np.uint8)
    for turn, u in enumerate(inside):
        first, second = (
            wanted - np.count_nonzero(out == kind) for wanted, kind in ((splits, SPLITS), (estimates, ESTIMATES))
        )
        place = below_reference(state, inside.shape[0] - turn)
        if place < first + second:
            out[u] = SPLITS if place < first else ESTIMATES
    return out


def features_reference(state: list[int], order: Ints, count: int) -> Ints:
    """Plain twin of :func:`draw_features`; the features drawn, and the permutation moved on."""
    for i in range(count):
        j = i + below_reference(state, order.shape[0] - i)
        order[[i, j]] = order[[j, i]]
    return order[:count].copy()


def rank_reference(merits: Floats, order: Ints, leaders: int) -> None:
    """Plain twin of :func:`rank_features`."""
    mean = merits[0] / np.maximum(merits[1], 1.0)
    for i in range(leaders):
        best = i + int(np.argmax(mean[order[i:]]))
        order[[i, best]] = order[[best, i]]


def tried_reference(state: list[int], order: Ints, tries: Tries, depth: int) -> Ints:
    """Plain twin of :func:`draw_tried`."""
    leaders, chosen, drawn, free, until = tries
    if until < 0 or depth < until:
        return features_reference(state, order, free)
    first = features_reference(state, order[:leaders], chosen)
    return np.concatenate([first, features_reference(state, order[leaders:], drawn)])
