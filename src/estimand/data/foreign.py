"""Files of other programs: Excel workbooks and Stata datasets."""

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from estimand.core.finding import STUDY, Finding, Grade
from estimand.data.names import check_names
from estimand.data.text import MISSING_WORDS
from estimand.errors import Code, DataError, MissingDependency


def read_excel(path: Path, columns: tuple[str, ...] | None) -> tuple[Any, tuple[Finding, ...]]:
    """Read the first sheet of a workbook, its first row as header.

    Parameters
    ----------
    path : Path
    columns : tuple of str or None
        The columns needed; None for all.

    Returns
    -------
    frame : pandas.DataFrame
    findings : tuple of Finding
        Says which sheet was read, where there are several.

    Raises
    ------
    DataError
        If it is damaged or empty, repeats a column name, or lacks a column.
    MissingDependency
        If openpyxl is not installed.
    """
    try:
        sheets, header, frame = _first_sheet(path)
    except ImportError:
        raise MissingDependency(
            f"'{path.name}' is a workbook, and openpyxl, which reads workbooks, is not installed.",
            remedy='Run: pip install "estimand[excel]", or save the sheet as .csv.',
        ) from None
    except Exception as error:
        raise _damaged(path, "an Excel workbook", error) from error
    if not header:
        raise DataError(f"'{path.name}' is empty.", remedy="Put the table on its first sheet, with a header and rows.")
    check_names(header, f"'{path.name}'", columns)
    return frame.set_axis(header, axis=1), _sheet_finding(path.name, sheets)


def _first_sheet(path: Path) -> tuple[list[str], list[Any], pd.DataFrame]:
    """Return the names of the sheets, the header as written, and the rows; pandas would rename repeated columns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pd.ExcelFile(path, engine="openpyxl") as book:
            top = book.parse(0, header=None, nrows=1, dtype=object, keep_default_na=False)
            rows = book.parse(0, keep_default_na=False, na_values=list(MISSING_WORDS))
            return [str(name) for name in book.sheet_names], top.iloc[0].tolist() if len(top) else [], rows


def _sheet_finding(name: str, sheets: list[str]) -> tuple[Finding, ...]:
    if len(sheets) < 2:
        return ()
    return (
        Finding(
            check="sample.read",
            about=STUDY,
            grade=Grade.NOTE,
            subject=name,
            message=f"'{name}' has {len(sheets)} sheets, of which the first, '{sheets[0]}', was read.",
            remedy="Save another sheet as a file of its own to read that one.",
        ),
    )


def read_stata(path: Path, columns: tuple[str, ...] | None) -> tuple[Any, tuple[Finding, ...]]:
    """Read a Stata dataset; values with labels become categories, under their labels.

    Parameters
    ----------
    path : Path
    columns : tuple of str or None
        The columns needed; None for all.

    Returns
    -------
    frame : pandas.DataFrame
    findings : tuple of Finding
        None.

    Raises
    ------
    DataError
        If it is damaged, or lacks a column.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = pd.read_stata(path, order_categoricals=False)
    except Exception as error:
        raise _damaged(path, "a Stata dataset", error) from error
    check_names(list(frame.columns), f"'{path.name}'", columns)
    return frame, ()


def _damaged(path: Path, kind: str, error: Exception) -> DataError:
    """What a damaged file makes another package's reader raise can be anything."""
    return DataError.because(
        error,
        f"'{path.name}' could not be read as {kind}.",
        remedy="Check that it is complete, and that its ending says what it is.",
        code=Code.UNREADABLE_FILE,
    )
