"""How a forest is grown."""

from math import ceil
from typing import Any, ClassVar, Self

from pydantic import Field

from estimand.core.declared import Declared
from estimand.errors import DesignError
from estimand.models.tags import InputTags, Tags

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
        Rows that each side of a split keeps, one of them at least above the mean of every treatment and one below.
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

    def __sklearn_tags__(self) -> Tags:
        return Tags(input_tags=InputTags(allow_nan=True))

    def __delattr__(self, name: str) -> None:
        # A pipeline hangs marks of its own on its steps while they fit, and takes them off again.
        if name in type(self).model_fields or name not in self.__dict__:
            super().__delattr__(name)
        else:
            object.__delattr__(self, name)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, as scikit-learn asks for them; none has parameters of its own."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, and return the same object: pipelines and searches ask no other way.

        Raises
        ------
        DesignError
            If there is no such parameter, or its value is refused; nothing is set then.
        """
        made = type(self)(**(self.get_params() | params))
        self.__dict__.update(made.__dict__)
        return self

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
