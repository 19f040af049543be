"""Grow a forest in fixed batches of bags, adding up as they come what rows gather outside their bags."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt

from estimand.core.frozen import Frozen
from estimand.core.run import Run
from estimand.errors import Code, DataError, UnsupportedError
from estimand.kernels.forest.bags import bags_kernel
from estimand.models.forest.centring import Centring, Rows
from estimand.models.forest.settings import ForestSettings
from estimand.models.forest.trees import Trees
from estimand.stats.arrays import Floats, Ints

BAGS_IN_A_BATCH = 20
DECAY = 2.0
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Grown(Frozen):
    """What growing leaves behind.

    Attributes
    ----------
    gathered : ndarray of shape (n, 1 + q + q (q + 1))
        Sums over the bags that missed a row whole; see ``kernels.forest.leaves``.
    trees : Trees or None
        For new rows; None where they were not kept.
    importance : ndarray of shape (p,)
        Share of the splits on each feature in the first four levels, level d weighing d⁻².
    """

    gathered: Floats
    trees: Trees | None
    importance: Floats

    def kept(self) -> Trees:
        """Return the trees.

        Raises
        ------
        UnsupportedError
            If they were not kept.
        """
        if self.trees is None:
            raise UnsupportedError("The trees were not kept.", remedy="Grow with keep=True.")
        return self.trees


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a forest grows on.

    Attributes
    ----------
    codes : ndarray of shape (p, n) of uint8
    responses : ndarray of shape (n, 2 + K)
        Weight, outcome and treatments, the last two less what the covariates predict.
    units : ndarray of shape (n,)
        Independent unit of each row, from 0.
    """

    codes: Codes
    responses: Floats
    units: Ints

    @classmethod
    def centred(cls, codes: Codes, rows: Rows, level: Centring) -> "Ground":
        """Codes of rows, with what is left of their outcome and treatments."""
        n = rows.outcome.shape[0]
        weights = np.ones(n) if rows.weights is None else rows.weights
        left = np.column_stack([weights, rows.outcome - level.outcome, rows.treatments - level.treatments])
        return cls(codes, left, np.arange(n) if rows.cluster is None else rows.cluster)

    def sizes(self, settings: ForestSettings) -> tuple[int, int, int]:
        """Units of a bag, and of those in a tree the ones that split and the ones that estimate.

        Raises
        ------
        DataError
            If there are too few units for some to split and others to estimate.
        """
        units = int(self.units.max()) + 1
        bag = units // 2
        tree = min(bag, int(settings.sample_fraction * units))
        splits = round(settings.split_share * tree) if settings.honesty else tree
        if (tree - splits < 1 and settings.honesty) or splits < 1:
            raise DataError(
                f"There are {units} independent units, too few for honest trees on a sample of "
                f"{settings.sample_fraction:g} of them.",
                remedy="Gather more data.",
                code=Code.INSUFFICIENT_DATA,
            )
        return bag, splits, tree - splits


@dataclass(slots=True, eq=False)
class _InTurn:
    """Adds arrays in the order of their numbers, whenever they come, so that the sum is the same to the last bit."""

    total: Floats | None = None
    used: Floats | None = None
    turn: int = 0
    early: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    def add(self, number: int, gathered: Floats, used: Floats) -> None:
        """Add one, now or when its turn comes."""
        with self.guard:
            self.early[number] = (gathered, used)
            while self.turn in self.early:
                more, splits = self.early.pop(self.turn)
                self.turn += 1
                if self.total is None or self.used is None:
                    self.total, self.used = more, splits
                else:
                    self.total += more
                    self.used += splits


def grow(ground: Ground, settings: ForestSettings, run: Run, *, keep: bool) -> Grown:
    """Grow a forest; the answer depends on the seed of the run, and not on its threads.

    Parameters
    ----------
    ground : Ground
    settings : ForestSettings
    run : Run
    keep : bool
        Whether to keep the trees: without, memory does not grow with them.

    Raises
    ------
    DataError
        If there are too few rows.
    """
    seeds = run.rng("forest").integers(0, 2**64, settings.bags(), dtype=np.uint64)
    batches = list(enumerate(np.split(seeds, range(BAGS_IN_A_BATCH, seeds.shape[0], BAGS_IN_A_BATCH))))
    sums, step = _InTurn(), _step(ground, settings)

    def grown(batch: tuple[int, npt.NDArray[np.uint64]]) -> Trees | None:
        gathered, nodes, means, ends, used = step(batch[1])
        sums.add(batch[0], gathered, used)
        return Trees(nodes, means, ends) if keep else None

    parts = run.map(grown, batches, "growing trees")
    trees = Trees.joined([part for part in parts if part is not None]) if keep else None
    gathered = np.empty((0, 0)) if sums.total is None else sums.total
    return Grown(gathered, trees, _importance(np.empty((0, 0)) if sums.used is None else sums.used))


Batch = tuple[Floats, Ints, Floats, Ints, Floats]


def _step(ground: Ground, settings: ForestSettings) -> Callable[[npt.NDArray[np.uint64]], Batch]:
    """Function that grows the bags of some seeds."""
    weights = ground.responses[:, 0]
    even = bool((weights == 1.0).all())
    growth = (
        settings.tries(ground.codes.shape[0]),
        settings.bins,
        settings.min_leaf,
        settings.alpha,
        settings.imbalance_penalty,
        even,
    )
    sizes, units = ground.sizes(settings), ground.units.astype(np.int32)
    room = int(units.max()) + 1

    def step(seeds: npt.NDArray[np.uint64]) -> Batch:
        labels = np.empty(room, dtype=np.uint8)
        made: Batch = bags_kernel((ground.codes, ground.responses), units, labels, seeds, sizes, growth)
        return made

    return step


def _importance(used: Floats) -> Floats:
    """Share of splits by feature, deeper levels counting less; zero everywhere where nothing was split."""
    level = used.sum(axis=1)
    weight = np.arange(1.0, used.shape[0] + 1.0) ** -DECAY
    shares = np.divide(used, level[:, None], out=np.zeros_like(used), where=level[:, None] > 0.0)
    reached = float(weight[level > 0.0].sum())
    return np.asarray(weight @ shares / reached) if reached > 0.0 else np.zeros(used.shape[1])
