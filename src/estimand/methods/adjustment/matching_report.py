"""What a matching says of itself: who is left, how alike the arms became, and when it is too large."""

from dataclasses import dataclass

import numpy as np

from estimand.core.case import Case
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.question import Target
from estimand.core.row_weights import mean_one_by_arm, row_weights
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


def account(case: Case, key: str, kept: Bools, weights: Floats, target: Target) -> Account:
    """Count, weigh and compare.

    Parameters
    ----------
    case : Case
    key : str
        Of the method.
    kept : ndarray of shape (n,) of bool
        Target rows with a match.
    weights : ndarray of shape (n,)
        In the first term.
    target : Target
        As asked.
    """
    sample = case.sample()
    asked = {Target.ATT: sample.arm > 0, Target.ATC: sample.arm == 0}.get(target, np.ones(sample.n, dtype=bool))
    lost = asked & ~kept
    scaled = mean_one_by_arm(weights, sample)
    missing = int(lost.sum())
    return Account(
        used=int(kept.sum()) if missing else None,
        dropped_rows=missing,
        matched=by_arm(sample, weights > 0.0),
        dropped=by_arm(sample, lost),
        balance=_balance(sample, scaled, target),
        weights=scaled,
        findings=_share(case, key, (asked, kept), target),
    )


def by_arm(sample: Sample, rows: Bools) -> FrozenMap[int]:
    """Count rows in each arm."""
    counts = np.bincount(sample.arm[rows], minlength=len(sample.arms))
    return FrozenMap({label: int(count) for label, count in zip(sample.arms, counts, strict=True)})


def _balance(sample: Sample, weights: Floats, target: Target) -> FrozenMap[FrozenMap[float]]:
    """Standardised difference of every feature in the first term before and after, over the spread before."""
    values = sample.features.values
    arms = np.stack([sample.arm == 0, sample.arm == 1]) * row_weights(sample)
    held = np.stack([sample.arm == 0, sample.arm == 1]) * weights
    before, after = (part @ values / part.sum(axis=1, keepdims=True) for part in (arms, held))
    spread = _variances(values, arms, before)
    scale = {Target.ATT: spread[1], Target.ATC: spread[0]}.get(target, (spread[0] + spread[1]) / 2.0)
    one = np.ones(1)
    sides = [standardised_difference((means[1:], one), (means[:1], one), np.sqrt(scale)) for means in (before, after)]
    listed = zip(sample.features.names, *sides, strict=True)
    return FrozenMap({name: FrozenMap({"before": float(a), "after": float(b)}) for name, a, b in listed})


def _variances(values: Floats, arms: Floats, means: Floats) -> Floats:
    """Weighted variance of every feature in each arm, shape (2, p), a block of rows at a time."""
    middle = means.mean(axis=0)
    total = np.zeros_like(means)
    for first in range(0, values.shape[0], BLOCK):
        deviation = values[first : first + BLOCK] - middle
        total += arms[:, first : first + BLOCK] @ np.square(deviation, out=deviation)
    weight, counts = arms.sum(axis=1, keepdims=True), (arms > 0.0).sum(axis=1, keepdims=True)
    within = np.maximum(total / weight - np.square(means - middle), 0.0)
    return np.asarray(within * counts / np.maximum(counts - 1.0, 1.0))


def _share(case: Case, key: str, rows: tuple[Bools, Bools], target: Target) -> tuple[Finding, ...]:
    """Report target rows left without a match, and the least share of an arm's that has one."""
    asked, kept = rows
    if (asked == kept).all():
        return ()
    sample, line = case.sample(), case.gates.matched_share
    shares = {
        label: float(kept[asked & (sample.arm == a)].mean())
        for a, label in enumerate(sample.arms)
        if (asked & (sample.arm == a)).any()
    }
    arm = min(shares, key=lambda label: shares[label])
    missing = int((asked & ~kept).sum())
    return (
        Finding(
            check=f"{key}.matched_share",
            about=key,
            grade=Grade.WARN if shares[arm] < line else Grade.NOTE,
            subject=arm,
            statistic=shares[arm],
            threshold=line,
            message=f"{missing:,} rows that {target} is about have no match; {shares[arm]:.1%} of arm '{arm}' "
            "have one. The estimate is about the matched (ATM).",
            remedy="Say so wherever the number is used; or widen the caliper or the bins, or match on fewer covariates "
            "exactly.",
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
