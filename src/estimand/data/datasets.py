"""The bundled datasets: recorded ones to load, simulated ones to generate."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from estimand.core.jsonable import canonical, encode
from estimand.core.nearest import did_you_mean
from estimand.data import lalonde, llm_logs, onboarding, outreach, retention, tutoring
from estimand.data.card import DatasetCard, Simulation
from estimand.errors import Code, DataError, DesignError, UnsupportedError

_SIMULATED = {
    made.card.name: made
    for made in (
        *(
            Simulation(home.CARD, home.SEED, home.FEWEST_ROWS, home.simulate)
            for home in (outreach, llm_logs, tutoring, retention)
        ),
        *onboarding.SIMULATIONS,
    )
}
_CARDS = {
    card.name: card
    for card in (lalonde.OBSERVATIONAL, lalonde.EXPERIMENT, *(made.card for made in _SIMULATED.values()))
}
_LOADERS: dict[str, Callable[[], pd.DataFrame]] = {
    "lalonde": lalonde.load_observational,
    "lalonde_experiment": lalonde.load_experiment,
}


def names() -> tuple[str, ...]:
    """Names of the bundled datasets."""
    return tuple(_CARDS)


def describe(name: str) -> DatasetCard:
    """Return a dataset's card.

    Raises
    ------
    DesignError
        If there is no such dataset.
    """
    if name not in _CARDS:
        raise DesignError(f"There is no dataset named '{name}'.", remedy=did_you_mean(name, _CARDS), found=name)
    return _CARDS[name]


def load(name: str) -> pd.DataFrame:
    """Load a dataset.

    Parameters
    ----------
    name : str

    Returns
    -------
    pandas.DataFrame
        Its ``attrs`` hold ``name``, ``design``, ``question``, ``truth`` and ``others``.

    Raises
    ------
    DesignError
        If there is no such dataset.
    MissingDependency
        If it comes with a package that is not installed.
    """
    card = describe(name)
    if name in _SIMULATED:
        return generate(name)
    return _labelled(_LOADERS[name](), card.attributes())


def generate(name: str, rows: int | None = None, seed: int | None = None) -> pd.DataFrame:
    """Simulate a dataset.

    Parameters
    ----------
    name : str
    rows : int, optional
        By default as many as :func:`load` gives.
    seed : int, optional
        The same seed gives the same rows; by default that of :func:`load`.

    Returns
    -------
    pandas.DataFrame
        Its ``attrs`` hold ``name``, ``design``, ``question``, ``truth`` and ``others``.

    Raises
    ------
    DesignError
        If there is no such dataset, or the number of rows or the seed is not usable.
    UnsupportedError
        If the dataset was recorded, not simulated.
    """
    card = describe(name)
    if name not in _SIMULATED:
        raise UnsupportedError(
            f"'{name}' was recorded, so it cannot be generated.",
            remedy=f"Load it, or generate one of: {', '.join(_SIMULATED)}.",
            found=name,
        )
    made = _SIMULATED[name]
    count, chosen = card.rows if rows is None else rows, made.seed if seed is None else seed
    _check_size(count, chosen, made.fewest)
    frame, truth = made.draw(count, chosen)
    return _labelled(frame, card.attributes() | {"truth": truth})


def _labelled(frame: pd.DataFrame, attributes: dict[Any, Any]) -> pd.DataFrame:
    frame.attrs = attributes
    return frame


def _check_size(rows: int, seed: int, fewest: int) -> None:
    if rows < fewest:
        raise DesignError(
            f"{rows} rows are too few to simulate.",
            remedy=f"Ask for at least {fewest}.",
            found=rows,
            expected=fewest,
        )
    if seed < 0:
        raise DesignError(f"{seed} is no seed.", remedy="Use zero or a positive whole number.", found=seed)


def write(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a dataset with what it says about itself.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : str or Path
        ``.parquet`` keeps ``attrs`` in the schema's metadata under ``estimand``; ``.csv`` (or ``.csv.gz``)
        in a file beside it, with ``.meta.json`` added to its name.

    Raises
    ------
    DataError
        If the ending is another, or the file cannot be written.
    """
    path = Path(path)
    about = canonical(encode(frame.attrs))
    writer = {".csv": _write_text, ".csv.gz": _write_text, ".parquet": _write_parquet}.get(_ending(path))
    if writer is None:
        raise DataError(
            f"'{path.name}' is of no kind this version writes.",
            remedy="End its name in .csv, .csv.gz or .parquet.",
            code=Code.UNSUPPORTED,
            found=path.suffix,
        )
    try:
        writer(frame, path, about)
    except OSError as error:
        raise DataError.because(
            error,
            f"'{path.name}' could not be written.",
            remedy="Check that its folder exists and may be written to.",
            code=Code.UNREADABLE_FILE,
        ) from None


def _ending(path: Path) -> str:
    name = path.name.lower()
    return ".csv.gz" if name.endswith(".csv.gz") else path.suffix.lower()


def _write_text(frame: pd.DataFrame, path: Path, about: str) -> None:
    frame.to_csv(path, index=False, lineterminator="\n")
    readable = json.dumps(json.loads(about), indent=2, ensure_ascii=False)
    path.with_name(f"{path.name}.meta.json").write_text(readable + "\n", encoding="utf-8")


def _write_parquet(frame: pd.DataFrame, path: Path, about: str) -> None:
    table: Any = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), b"estimand": about.encode()}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)
