"""Regression adjustment refitted under many weights at once, from sums over units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from estimand.core.row_weights import row_weights
from estimand.core.sample import Sample
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.replicates import Line


@dataclass(frozen=True, slots=True, eq=False)
class ArmLineReplicates:
    """Effects of lines fitted in each arm and compared at the target's average covariates.

    Attributes
    ----------
    lines : tuple of Line
        One per arm; beside each the sums of ones and of all covariates.
    kept : tuple of ndarray of bool
        Covariates that each arm's line has.
    treated_only : bool
        Whether the average is over the arm's own rows, else over everyone.
    """

    lines: tuple[Line, ...]
    kept: tuple[Bools, ...]
    treated_only: bool

    def __call__(self, weights: Floats) -> Floats:
        """Effects of shape (b, k) under weights of the units (b, u)."""
        fits = [line.refitted(weights) for line in self.lines]
        everyone = np.sum([sums for _, sums in fits], axis=0)
        out = np.empty((weights.shape[0], len(fits) - 1))
        for j, (coefficients, own) in enumerate(fits[1:]):
            about = own if self.treated_only else everyone
            with np.errstate(invalid="ignore", divide="ignore"):
                point = about / about[:, :1]
            out[:, j] = self._at(point, coefficients, j + 1) - self._at(point, fits[0][0], 0)
        return out

    def _at(self, point: Floats, coefficients: Floats, arm: int) -> Floats:
        columns = np.concatenate([[True], self.kept[arm]])
        return np.asarray((point[:, columns] * coefficients).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class OneLineReplicates:
    """Coefficients of the arms in one line for all.

    Attributes
    ----------
    line : Line
    arms : int
        Arms after control; their columns follow the ones.
    """

    line: Line
    arms: int

    def __call__(self, weights: Floats) -> Floats:
        """Effects of shape (b, k) under weights of the units (b, u)."""
        return self.line.refitted(weights)[0][:, 1 : 1 + self.arms]


def arm_lines(
    sample: Sample, values: Floats, units: Ints, kept: Sequence[Bools], *, treated_only: bool
) -> ArmLineReplicates:
    """Prepare the refits of each arm's line, with the covariates that it kept on the whole sample."""
    every = _scaled(sample.features.values)
    weights, lines = row_weights(sample), []
    center = float(values.mean())
    for arm, own in enumerate(kept):
        rows = np.flatnonzero(sample.arm == arm)
        beside = every[rows]
        columns = beside[:, np.concatenate([[True], own])]
        lines.append(Line.of(columns, values[rows] - center, beside, units[rows], weights[rows]))
    return ArmLineReplicates(tuple(lines), tuple(kept), treated_only)


def one_line(sample: Sample, values: Floats, units: Ints, kept: Bools) -> OneLineReplicates:
    """Prepare the refits of one line for all arms; ``kept`` (arms + p,) tells which columns after the ones it has."""
    dummies = (sample.arm[:, None] == np.arange(1, len(sample.arms))).astype(np.float64)
    every = np.hstack([np.ones((sample.n, 1)), dummies, _scaled(sample.features.values)[:, 1:]])
    columns = every[:, np.concatenate([[True], kept])]
    line = Line.of(columns, values - values.mean(), np.empty((sample.n, 0)), units, row_weights(sample))
    return OneLineReplicates(line, dummies.shape[1])


def _scaled(features: Floats) -> Floats:
    """Ones, then the covariates centred and scaled, shape (n, 1 + p)."""
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    return np.hstack([np.ones((features.shape[0], 1)), scaled])
