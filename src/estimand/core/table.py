"""A small table of results: named columns of plain values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estimand.core.frozen import Frozen, FrozenMap
from estimand.core.jsonable import Json, encode

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Table(Frozen):
    """Columns of equal length; numbers, strings or None.

    Attributes
    ----------
    columns : mapping of str to tuple
        In display order.
    """

    columns: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        """Turn columns into tuples of plain values and check their lengths."""
        plain = FrozenMap({name: tuple(encode(list(column))) for name, column in self.columns.items()})
        if len({len(column) for column in plain.values()}) > 1:
            raise ValueError("columns of a table differ in length")
        object.__setattr__(self, "columns", plain)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.columns[name]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Iterate over rows as mappings."""
        for values in zip(*self.columns.values(), strict=True):
            yield dict(zip(self.columns, values, strict=True))

    def to_dict(self) -> dict[str, Json]:
        """Return the columns as JSON lists."""
        return {name: list(column) for name, column in self.columns.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Sequence[Any]]) -> "Table":
        """Rebuild a table from its JSON."""
        return cls(data)

    def to_frame(self) -> "pd.DataFrame":
        """Return the table as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame({name: list(column) for name, column in self.columns.items()})
