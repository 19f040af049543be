"""The outcome models that estimates rest on, made anew with squares and products held against them."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from estimand.checks.diagnosis.bends import Bends
from estimand.core.estimate import Estimate
from estimand.core.question import Target
from estimand.core.row_weights import given_weights
from estimand.core.sample import Sample
from estimand.stats.added_terms import Line, Link, fitted_line
from estimand.stats.arrays import Floats, Ints

POOLED = -1
WEIGHTED = ("balancing", "matching")


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Models of one kind.

    Attributes
    ----------
    by_arm : mapping of int to Line
        One per arm; or a single one of all rows, with the arms among its columns, under -1.
    labels : tuple of str
    raw : ndarray of shape (m, p)
        Covariates as the models have them.
    sample : Sample
    """

    by_arm: dict[int, Line]
    labels: tuple[str, ...]
    raw: Floats
    sample: Sample

    @classmethod
    def of(cls, estimate: Estimate, found: Bends, values: Floats, made: "Made") -> "Lines | None":
        """Fit what an estimate rests on, unless it is among those made; None where that cannot be done."""
        kind = _kind(estimate)
        if kind is None:
            return None
        if kind not in made:
            made[kind] = _fitted(*kind, found, values)
        return made[kind]

    def design(self, arm: int) -> Floats:
        """Columns with every row put in one arm, shape (m, p) or with the arms before them."""
        if POOLED not in self.by_arm:
            return self.raw
        return _with_arms(np.full(self.sample.n, arm), len(self.sample.arms), self.raw)

    def line(self, arm: int) -> Line:
        """Model of the outcome under one arm."""
        return self.by_arm.get(POOLED, self.by_arm.get(arm, next(iter(self.by_arm.values()))))

    def scores(self) -> list[tuple[Floats, Ints]]:
        """Scores of the terms in each model, with the independent unit of each row."""
        units, arm = self.sample.units, self.sample.arm
        return [(line.added.scores, units if a == POOLED else units[arm == a]) for a, line in self.by_arm.items()]


Made: TypeAlias = dict[tuple[Link, bool, int], Lines | None]


def resting(estimate: Estimate) -> bool:
    """Whether an estimate rests on an outcome model fitted in sample, or balances as if there were one."""
    options = estimate.options
    if estimate.method == "balancing":
        return estimate.target is not Target.ATO
    if estimate.method == "matching":
        never = options.get("replace") is not False and options.get("distance") in {"propensity", "probability"}
        return not never if options.get("bias_correct") is None else bool(options.get("bias_correct"))
    return estimate.method in {"regression", "gcomputation"}


def changes(estimate: Estimate, lines: Lines, found: Bends, values: Floats) -> Floats:
    """What the terms would add to each term of the estimate, on the scale of its standard error, shape (k,).

    Weights are given for the first term only, which is then the only one answered for.
    """
    count = 1 if estimate.method in WEIGHTED else len(lines.sample.arms) - 1
    contrast = str(estimate.options.get("contrast", "difference"))
    out = np.empty(count)
    for j in range(count):
        treated, control = (
            shift * _slope(mean, contrast)
            for mean, shift in (_under(estimate, lines, found, values, (a, j + 1)) for a in (j + 1, 0))
        )
        out[j] = treated - control
    return out


def _under(
    estimate: Estimate, lines: Lines, found: Bends, values: Floats, arms: tuple[int, int]
) -> tuple[float, float]:
    """Mean outcome under one arm, and what the terms would add to it."""
    sample, (arm, against) = lines.sample, arms
    weights = estimate.details["weights"][found.rows] if estimate.method in WEIGHTED else None
    share = _share(estimate.target, sample, against, weights if estimate.method == "matching" else None)
    line = lines.line(arm)
    mean, shift = line.average(lines.design(arm), found.terms, share)
    if weights is None:
        return mean, shift
    own = np.where(sample.arm == arm, weights, 0.0)
    own = own / own.sum()
    return float(own @ values), shift - line.average(lines.design(arm), found.terms, own)[1]


def _share(target: Target, sample: Sample, arm: int, matched: Floats | None) -> Floats:
    """How much each row counts for the target, shape (m,), in sum one."""
    counted = np.ones(sample.n) if sample.weights is None else sample.weights
    if target.averaged is Target.ATT:
        counted = counted * (sample.arm == arm)
    elif target is Target.ATC:
        counted = counted * (sample.arm == 0)
    if matched is not None and target.averaged in {Target.ATT, Target.ATC}:
        counted = counted * (matched > 0.0)
    return np.asarray(counted / counted.sum())


def _slope(mean: float, contrast: str) -> float:
    """Derivative of the contrast's scale: of a mean, its logarithm or its log odds."""
    if contrast == "ratio":
        return 1.0 / mean
    return 1.0 / (mean * (1.0 - mean)) if contrast == "odds_ratio" else 1.0


def _kind(estimate: Estimate) -> tuple[Link, bool, int] | None:
    """Link, whether one model serves all arms, and the moments balanced; None for slopes that differ in part."""
    options = estimate.options
    crossed = options.get("interactions", True)
    if not isinstance(crossed, bool):
        return None
    link: Link = "linear"
    if estimate.method == "gcomputation":
        family = estimate.details["family"]
        link = "logistic" if family == "logistic" else "poisson" if family == "poisson" else "linear"
    return link, not crossed, int(options.get("moments", 1)) if estimate.method == "balancing" else 1


def _fitted(link: Link, pooled: bool, moments: int, found: Bends, values: Floats) -> Lines | None:
    sample = found.sample
    raw = sample.features.values
    if moments == 2:
        raw = np.hstack([raw, np.square(raw - raw.mean(axis=0))])
    arms = range(len(sample.arms))
    parts = {POOLED: np.arange(sample.n)} if pooled else {a: np.flatnonzero(sample.arm == a) for a in arms}
    columns = _with_arms(sample.arm, len(sample.arms), raw) if pooled else raw
    lines: dict[int, Line] = {}
    weights = given_weights(sample)
    for a, rows in parts.items():
        held = None if weights is None else weights[rows]
        line = fitted_line(columns[rows], values[rows], found.terms[rows], link, held)
        if line is None:
            return None
        lines[a] = line
    labels = ("all arms",) if pooled else sample.arms
    return Lines(lines, labels, raw, sample)


def _with_arms(arm: Ints, arms: int, raw: Floats) -> Floats:
    return np.hstack([(arm[:, None] == np.arange(1, arms)).astype(float), raw])
