"""Workbooks, Stata files, JSON lines and queries are sources like any other."""

import sys

import duckdb
import openpyxl
import pandas as pd
import pytest
from tables import mixed_table, plain_table, sample_of

from estimand.data.source import read_table
from estimand.errors import DataError, MissingDependency


def refusal(data, columns=None):
    with pytest.raises(DataError) as caught:
        read_table(data, columns)
    assert caught.value.remedy
    return caught.value


def workbook(path, *sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"s{number}")
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.duckdb"
    frame = mixed_table()
    with duckdb.connect(path) as connection:
        connection.register("frame", frame)
        connection.execute('CREATE TABLE "Account Rows" AS SELECT * FROM frame')
        connection.execute("CREATE SCHEMA mart; CREATE TABLE mart.small AS SELECT * FROM frame LIMIT 50")
    return path


# Excel


def test_a_workbook_gives_the_sample_its_table_gives(tmp_path):
    frame = mixed_table()
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    fields = {"covariates": ["income", "region", "joined"], "unit": "account", "cluster": "shop"}
    read = sample_of(tmp_path / "t.xlsx", **fields)
    expected = sample_of(frame, **fields)
    assert (read.n, read.arms, read.drops) == (expected.n, expected.arms, expected.drops)
    assert abs(read.features.values - expected.features.values).max() < 1e-6


def test_only_the_first_sheet_is_read_and_that_is_said(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["treated", "sales"], [0, 1.5], [1, "NA"]], [["other"], [1]])
    found = read_table(path, ("treated", "sales"))
    assert found.frame.get_column("sales").to_list()[0] == 1.5
    assert found.frame.get_column("sales").null_count() == 1
    (finding,) = found.findings
    assert "has 2 sheets, of which the first, 's0', was read" in finding.message


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "is empty"),
        ([["a", "b"]], "has no rows"),
        ([["a", "a"], [1, 2]], "two columns named 'a'"),
        ([["a", 7], [1, 2]], "is named 7, which is not text"),
    ],
)
def test_an_unusable_sheet_is_refused(rows, words, tmp_path):
    assert words in refusal(workbook(tmp_path / "t.xlsx", rows)).message


def test_a_missing_column_of_a_workbook_names_the_nearest(tmp_path):
    path = workbook(tmp_path / "t.xlsx", [["region", "sales"], ["a", 1]])
    assert refusal(path, ("regoin",)).remedy == "Did you mean 'region'?"


def test_without_openpyxl_a_workbook_says_what_to_install(tmp_path, monkeypatch):
    path = workbook(tmp_path / "t.xlsx", [["a"], [1]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingDependency) as caught:
        read_table(path)
    assert 'pip install "estimand[excel]"' in caught.value.remedy


# Stata and JSON lines


def test_a_stata_file_gives_numbers_and_labels(tmp_path):
    frame = plain_table(region=pd.Categorical(["north", "south", "east", "west"] * 5))
    frame.to_stata(tmp_path / "t.dta", write_index=False)
    fields = {"covariates": ["age", "region"]}
    assert sample_of(tmp_path / "t.dta", **fields).fingerprint == sample_of(frame, **fields).fingerprint
    assert refusal(tmp_path / "t.dta", ("regoin",)).remedy == "Did you mean 'region'?"


def test_json_lines_give_the_sample_their_table_gives(tmp_path):
    plain_table().to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    assert sample_of(tmp_path / "t.jsonl").fingerprint == sample_of(plain_table()).fingerprint


# Queries


@pytest.mark.parametrize("form", ["mapping", "address"])
def test_a_query_gives_the_sample_its_table_gives(form, database):
    asked = {"sql": 'SELECT * FROM "Account Rows"', "database": database}
    data = asked if form == "mapping" else f"duckdb://{database}?table=Account%20Rows"
    fields = {"covariates": ["age", "income", "region", "member", "joined"], "unit": "account"}
    assert sample_of(data, **fields).fingerprint == sample_of(mixed_table(), **fields).fingerprint
    assert read_table(data).name == "shop.duckdb"


def test_a_table_may_be_named_with_its_schema(database):
    assert read_table(f"duckdb://{database}?table=mart.small").rows == 50


def test_only_the_columns_asked_for_are_selected(database):
    found = read_table({"sql": "SELECT *, 1 AS one FROM mart.small", "database": str(database)}, ("one", "sales"))
    assert found.frame.columns == ["one", "sales"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM acounts", "refused the query: Catalog Error"),
        ("SELEC 1", "refused the query: Parser Error"),
        ("", "returns no table"),
        ("SELECT 1 AS a WHERE false", "has no rows"),
        ("SELECT 'x'::int AS a", "could not be read"),
        ("INSERT INTO mart.small SELECT * FROM mart.small", "refused the query"),
        ("DROP TABLE mart.small", "refused the query"),
        ("SELECT * FROM read_csv('/etc/hostname')", "file system operations are disabled"),
        ("COPY mart.small TO 'out.csv'", "file system operations are disabled"),
    ],
)
def test_a_query_that_fails_or_would_write_is_refused(sql, words, database, tmp_path):
    before = database.read_bytes()
    assert words in refusal({"sql": sql, "database": str(database)}).message
    assert database.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop.duckdb"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"sql": "SELECT 1"}, "without its database"),
        ({"sql": 7, "database": "x"}, "without its database"),
        ({"sql": "SELECT 1", "database": "x", "table": "t"}, "without its database"),
        ("duckdb://x.duckdb", "without saying what to read"),
        ("duckdb://?table=t", "without saying what to read"),
        ("duckdb://x.duckdb?table=t&table=u", "without saying what to read"),
        ("duckdb://x.duckdb?table=t", "no database 'x.duckdb'"),
        ({"sql": "SELECT 1", "database": "\0"}, "no database"),
        ({"sql": "SELECT 1", "database": "x" * 5000}, "no database"),
    ],
)
def test_a_query_that_is_incomplete_is_refused(data, words):
    assert words in refusal(data).message


def test_what_is_no_database_is_refused(tmp_path):
    path = tmp_path / "t.duckdb"
    path.write_bytes(b"treated,sales\n0,1\n" * 900)
    assert "could not be opened as a DuckDB database" in refusal(f"duckdb://{path}?table=t").message
