"""Grown trees as three flat arrays, and what new rows gather from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from estimand.core.frozen import Frozen
from estimand.core.run import Run
from estimand.kernels.forest.route import route_kernel
from estimand.stats.arrays import Floats, Ints

ROWS_IN_A_BATCH = 2048


@dataclass(frozen=True, slots=True, eq=False)
class Trees(Frozen):
    """Trees, two to a bag.

    Attributes
    ----------
    nodes : ndarray of int64
        See ``kernels.forest.nodes``.
    means : ndarray of shape (leaves, q)
    ends : ndarray of shape (trees + 1, 2)
        Where the nodes and the leaves of each tree begin.
    """

    nodes: Ints
    means: Floats
    ends: Ints

    @classmethod
    def joined(cls, parts: Sequence["Trees"]) -> "Trees":
        """Put forests side by side."""
        starts = np.cumsum([np.zeros(2, dtype=np.int64), *(part.ends[-1] for part in parts)], axis=0)
        ends = [part.ends[:-1] + start for part, start in zip(parts, starts, strict=False)]
        nodes, means = (np.concatenate([getattr(part, name) for part in parts]) for name in ("nodes", "means"))
        return cls(nodes, means, np.concatenate([*ends, starts[-1:]]))

    def gathered(self, codes: npt.NDArray[np.uint8], missing: int, run: Run, *, products: bool) -> Floats:
        """Gather for new rows whose codes have shape (p, m); with products, for variances."""
        rows = np.ascontiguousarray(codes.T)
        forest = (self.nodes, self.means, self.ends)

        def step(start: int) -> Floats:
            return np.asarray(route_kernel(forest, rows[start : start + ROWS_IN_A_BATCH], missing, products))

        parts = run.map(step, range(0, rows.shape[0], ROWS_IN_A_BATCH), "following trees")
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
