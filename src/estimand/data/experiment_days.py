"""From any source to the moments of an experiment's metrics day by day, in a grouped pass for each column of days."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw

from estimand.core.days import Days, days_of
from estimand.core.design import Experiment
from estimand.core.run import Run
from estimand.data.experiment_moments import experiment_moments
from estimand.data.experiment_query import quoted
from estimand.data.files import from_home, is_file
from estimand.data.query import Query
from estimand.data.source import read_table


def day_columns(design: Experiment) -> tuple[str, ...]:
    """Columns of which moments are taken day by day: time of exposure and day since, where units are rows.

    Rows of a cluster may lie on several days, of which moments could not be added; and those who were not triggered
    are not to be counted.
    """
    if design.cluster is not None or design.triggered is not None:
        return ()
    return tuple(dict.fromkeys(name for name in (design.exposed, design.day) if name is not None))


def experiment_days(data: Any, design: Experiment, run: Run) -> Mapping[str, Mapping[str, Days]]:
    """Read the moments of every metric on each day, by column of days and then by metric.

    A column that holds no days is left out.

    Parameters
    ----------
    data : str, Path, mapping or table
    design : Experiment
        With metrics.
    run : Run
    """
    found: dict[str, dict[str, Days]] = {}
    for column in day_columns(design):
        strata = (*(name for name in design.strata if name != column), column)
        asked = design.model_copy(update={"strata": strata, "unit": None, "planned": None})
        with ExitStack() as stack:
            whole, dated = _whole_days(data, asked, column, stack)
            made = experiment_moments(whole, asked, run).metrics
        days = {name: days_of(moments, column, counted=dated) for name, moments in made.items()}
        found[column] = {name: known for name, known in days.items() if known is not None}
    return found


def _whole_days(data: Any, design: Experiment, column: str, stack: ExitStack) -> tuple[Any, bool]:
    """The data with times cut to their date, so that there is one group a day, and whether there are dates at all."""
    query = Query.parse(data)
    relation = None
    if query is not None:
        relation = stack.enter_context(query.open())
    elif isinstance(data, duckdb.DuckDBPyRelation):
        relation = data
    elif isinstance(data, str | Path) and Path(data).suffix.lower() == ".parquet" and is_file(from_home(data)):
        relation = stack.enter_context(duckdb.connect()).from_parquet(str(from_home(data)))
    if relation is not None:
        kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
        if not kinds[column].startswith("TIMESTAMP"):
            return data, kinds[column] == "DATE"
        return relation.project(f"* REPLACE (CAST({quoted(column)} AS DATE) AS {quoted(column)})"), True
    columns = tuple(dict.fromkeys((*design.columns(), column)))
    frame = read_table(data, columns).frame
    timed = isinstance(frame.schema[column], nw.Datetime)
    if timed:
        frame = frame.with_columns(nw.col(column).dt.truncate("1d"))
    return frame.to_native(), timed or isinstance(frame.schema[column], nw.Date)
