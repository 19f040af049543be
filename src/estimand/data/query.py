"""A query of a DuckDB database as a source; nothing it says can change a file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import duckdb

from estimand.data.files import from_home, is_file
from estimand.errors import Code, DataError

SCHEME = "duckdb://"
FORMS = "Write {sql: SELECT …, database: file.duckdb}, or duckdb://file.duckdb?table=name."


@dataclass(frozen=True, slots=True)
class Query:
    """A query and the database it is asked of.

    Attributes
    ----------
    sql : str
    database : Path
    """

    sql: str
    database: Path

    @classmethod
    def parse(cls, data: Any) -> Self | None:
        """Read a query from ``{sql, database}`` or ``duckdb://file?table=name``; None if it is neither.

        Raises
        ------
        DataError
            If it is one of them, and incomplete.
        """
        if isinstance(data, str) and data.startswith(SCHEME):
            place, _, rest = data.removeprefix(SCHEME).partition("?")
            tables = parse_qs(rest).get("table", [])
            if not place or len(tables) != 1:
                raise _incomplete(data)
            return cls(f"FROM {_quoted(tables[0])}", Path(place))
        if isinstance(data, Mapping) and "sql" in data:
            sql, database = data["sql"], data.get("database")
            if set(data) != {"sql", "database"} or not isinstance(sql, str) or not isinstance(database, str | Path):
                raise _incomplete(dict(data))
            return cls(sql, Path(database))
        return None

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyRelation]:
        """Connect, for reading only, and give the relation.

        Raises
        ------
        DataError
            If there is no such database, or it refuses the query.
        """
        path = from_home(self.database)
        if not is_file(path):
            raise DataError(
                f"There is no database '{path.name}'.",
                remedy=f"Check its path. {FORMS}",
                code=Code.UNREADABLE_FILE,
                found=path.name,
            )
        try:
            connection = duckdb.connect(path, read_only=True, config={"enable_external_access": "false"})
        except duckdb.Error as error:
            raise DataError.because(
                error,
                f"'{path.name}' could not be opened as a DuckDB database.",
                remedy="Check that it is complete, and that no other program holds it open for writing.",
                code=Code.UNREADABLE_FILE,
            ) from None
        with connection:
            yield _relation(connection, self.sql, path.name)


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))


def _incomplete(data: Any) -> DataError:
    return DataError(
        "The data name a database without saying what to read of it, or a query without its database.",
        remedy=FORMS,
        code=Code.INVALID_MAPPING,
        found=data,
    )


def _relation(connection: duckdb.DuckDBPyConnection, sql: str, name: str) -> duckdb.DuckDBPyRelation:
    try:
        relation: duckdb.DuckDBPyRelation | None = connection.sql(sql)
        if relation is not None:
            return relation
    except (duckdb.Error, RuntimeError) as error:
        reason = (str(error).strip().splitlines() or ["it says no more"])[0].rstrip(".!")
        raise DataError.because(
            error,
            f"'{name}' refused the query: {reason}.",
            remedy=_holds(connection, name),
            code=Code.UNREADABLE_FILE,
        ) from None
    raise DataError("The query returns no table.", remedy="Write one SELECT.", code=Code.INVALID_MAPPING, found=sql)


def _holds(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    tables = [row[0] for row in connection.sql("SHOW TABLES").fetchall()]
    return f"Tables of '{name}': {', '.join(tables[:20]) or 'none'}."
