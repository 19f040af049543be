"""How a forest is grown."""

from math import ceil
from typing import ClassVar

from pydantic import Field

from estimand.core.declared import Declared
from estimand.errors import DesignError

FREE_LEVELS, FEWEST_LEADERS = 4, 3


class ForestSettings(Declared):
    """Settings of a forest.

    Parameters
    ----------
    trees : int
        An even number: trees come in bags of two.
    sample_fraction : float
        Share of the independent units in a tree. A bag is half of them, whatever the share.
    mtry : int, optional
        Features tried at each node; default min(p, √p + 30).
    guided : bool
        Whether nodes below the first four levels try fewer: √(p / 2), all but one of them from as many that split best
        on average so far in the tree. Its splitting rows alone decide, so trees stay honest; small nodes split less on
        noise where few features matter. With p < 9 nothing guides.
    min_leaf : int
        Rows above and below the mean of every treatment that each side of a split keeps; rows, without treatments.
    alpha : float
        Share of a node's rows that each side keeps.
    imbalance_penalty : float
        Taken off a split's score n² / (n_left n_right) times, in units of the mean squared pseudo-outcome.
    honesty : bool
        Whether some of a tree's units only split and the others only estimate.
    split_share : float
        Share of them that split.
    bins : int
        Codes at most for a feature, one of them for missing values.
    """

    noun: ClassVar[str] = "The forest"
    trees: int = Field(default=2000, ge=4, le=1_000_000)
    sample_fraction: float = Field(default=0.5, gt=0, le=0.5)
    mtry: int | None = Field(default=None, ge=1)
    guided: bool = True
    min_leaf: int = Field(default=5, ge=1)
    alpha: float = Field(default=0.05, ge=0, lt=0.5)
    imbalance_penalty: float = Field(default=0.0, ge=0)
    honesty: bool = True
    split_share: float = Field(default=0.5, gt=0, lt=1)
    bins: int = Field(default=64, ge=3, le=256)

    def tries(self, features: int) -> tuple[int, int, int, int, int]:
        """Features that lead, how many of them and of all others a node tries, how many of all in the first levels."""
        mtry = min(features, ceil(features**0.5) + 30 if self.mtry is None else self.mtry)
        leaders = ceil((features / 2) ** 0.5)
        if not self.guided or leaders < FEWEST_LEADERS or mtry <= leaders:
            return 0, 0, 0, mtry, -1
        return leaders, leaders - 1, 1, mtry, FREE_LEVELS

    def bags(self) -> int:
        """Bags of two trees.

        Raises
        ------
        DesignError
            If the number of trees is odd.
        """
        if self.trees % 2:
            raise DesignError(
                f"{self.trees} trees do not make bags of two.", remedy=f"Use trees={self.trees + 1}.", found=self.trees
            )
        return self.trees // 2
