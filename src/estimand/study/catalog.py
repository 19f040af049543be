"""The bundled datasets, for those who may not know where data lives."""

from pathlib import Path

import pandas as pd

from estimand.data import datasets
from estimand.data.card import DatasetCard


def dataset_cards() -> tuple[DatasetCard, ...]:
    """Cards of the bundled datasets."""
    return tuple(datasets.describe(name) for name in datasets.names())


def write_generated(name: str, rows: int | None, seed: int | None, path: Path) -> pd.DataFrame:
    """Simulate a dataset into a CSV or Parquet file, its truth kept beside it, and return it."""
    given = {key: value for key, value in (("rows", rows), ("seed", seed)) if value is not None}
    frame = datasets.generate(name, **given)
    datasets.write(frame, path)
    return frame
