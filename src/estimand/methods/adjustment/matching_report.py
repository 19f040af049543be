"""What a matching says of itself: who is left, how alike the arms became, and when it is too large."""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.errors import UnsupportedError
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.balance import standardised_difference

LARGEST_LINE, LARGEST_CLOUD = 400_000_000, 30_000_000
BLOCK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """Who is in a matching.

    Attributes
    ----------
    used : int or None
        Target rows with a match, where not all.
    dropped_rows : int
        Target rows without one.
    matched, dropped : mapping of arm to rows
    balance : mapping of feature to its difference before and after
    weights : ndarray of shape (n,)
        Mean one in each arm.
    findings : tuple of Finding
    """

    used: int | None
    dropped_rows: int
    matched: FrozenMap[int]
    dropped: FrozenMap[int]
    balance: FrozenMap[FrozenMap[float]]
    weights: Floats
    findings: tuple[Finding, ...]


def account(case: Case, kept: Bools, weights: Floats, target: Target) -> Account:
    """Count, weigh and compare.

    Parameters
    ----------
    case : Case
    kept : ndarray of shape (n,) of bool
        Target rows with a match.
    weights : ndarray of shape (n,)
    target : Target
        As asked.
    """
    sample = case.sample()
    asked = {Target.ATT: sample.arm == 1, Target.ATC: sample.arm == 0}.get(target, np.ones(sample.n, dtype=bool))
    lost = asked & ~kept
    scaled = np.empty(sample.n)
    for a in (0, 1):
        member = sample.arm == a
        scaled[member] = weights[member] / weights[member].mean()
    missing = int(lost.sum())
    return Account(
        used=int(kept.sum()) if missing else None,
        dropped_rows=missing,
        matched=_by_arm(sample, weights > 0.0),
        dropped=_by_arm(sample, lost),
        balance=_balance(sample, scaled, target),
        weights=scaled,
        findings=_share(case, asked, kept, target),
    )


def _by_arm(sample: Sample, rows: Bools) -> FrozenMap[int]:
    counts = np.bincount(sample.arm[rows], minlength=len(sample.arms))
    return FrozenMap({label: int(count) for label, count in zip(sample.arms, counts, strict=True)})


def _balance(sample: Sample, weights: Floats, target: Target) -> FrozenMap[FrozenMap[float]]:
    """Standardised difference of every feature before and after, over the spread before."""
    values, arms = sample.features.values, np.stack([sample.arm == 0, sample.arm == 1]).astype(float)
    counts = arms.sum(axis=1, keepdims=True)
    before, after = arms @ values / counts, (arms * weights) @ values / counts
    spread = _variances(values, arms, before)
    scale = {Target.ATT: spread[1], Target.ATC: spread[0]}.get(target, (spread[0] + spread[1]) / 2.0)
    one = np.ones(1)
    sides = [standardised_difference((means[1:], one), (means[:1], one), np.sqrt(scale)) for means in (before, after)]
    listed = zip(sample.features.names, *sides, strict=True)
    return FrozenMap({name: FrozenMap({"before": float(a), "after": float(b)}) for name, a, b in listed})


def _variances(values: Floats, arms: Floats, means: Floats) -> Floats:
    """Variance of every feature in each arm, shape (2, p), a block of rows at a time."""
    middle = means.mean(axis=0)
    total = np.zeros_like(means)
    for first in range(0, values.shape[0], BLOCK):
        deviation = values[first : first + BLOCK] - middle
        total += arms[:, first : first + BLOCK] @ np.square(deviation, out=deviation)
    counts = arms.sum(axis=1, keepdims=True)
    return np.asarray(np.maximum(total - counts * np.square(means - middle), 0.0) / np.maximum(counts - 1.0, 1.0))


def _share(case: Case, asked: Bools, kept: Bools, target: Target) -> tuple[Finding, ...]:
    """Report target rows left without a match, and the least share of an arm's that has one."""
    if (asked == kept).all():
        return ()
    sample, line = case.sample(), case.gates.matched_share
    shares = {
        sample.arms[a]: float(kept[asked & (sample.arm == a)].mean())
        for a in (0, 1)
        if (asked & (sample.arm == a)).any()
    }
    arm = min(shares, key=lambda label: shares[label])
    missing = int((asked & ~kept).sum())
    return (
        Finding(
            check="matching.matched_share",
            about="matching",
            grade=Grade.WARN if shares[arm] < line else Grade.NOTE,
            subject=arm,
            statistic=shares[arm],
            threshold=line,
            message=f"{missing:,} rows that {target} is about have no match; {shares[arm]:.1%} of arm '{arm}' "
            "have one. The estimate is about the matched (ATM).",
            remedy="Say so wherever the number is used; or widen the caliper, match on fewer covariates exactly, or "
            "match with replacement.",
        ),
    )


def refuse_too_large(arm: Ints, strata: Ints | None, ratio: int, *, line: bool) -> None:
    """Refuse an optimal matching whose table of distances would be too large.

    Raises
    ------
    UnsupportedError
        Naming the greedy matching.
    """
    kinds = np.zeros(arm.shape[0], dtype=np.int64) if strata is None else strata
    treated, control = np.bincount(kinds[arm == 1]), np.bincount(kinds[arm == 0])
    both = min(treated.shape[0], control.shape[0])
    cells = int((treated[:both].astype(np.int64) * control[:both] * ratio).max(initial=0))
    limit = LARGEST_LINE if line else LARGEST_CLOUD
    if cells > limit:
        raise UnsupportedError(
            f"An optimal matching here weighs {cells:,} pairs in one stratum, and {limit:,} is the most offered.",
            remedy="Use algorithm 'nearest', or match exactly on a covariate that splits the rows.",
            found=cells,
            expected=limit,
        )
