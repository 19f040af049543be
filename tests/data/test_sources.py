"""Reading tables: every kind of bad file is refused in the product's own words."""

import gzip

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tables import plain_table

from estimand.data.source import read_table
from estimand.errors import Code, DataError

GOOD = b"treated,sales\n0,1.5\n1,2.5\n"


def refusal(data, columns=None):
    with pytest.raises(DataError) as caught:
        read_table(data, columns)
    return caught.value


def file_with(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_file_is_named_without_its_folder(tmp_path):
    source = read_table(str(file_with(tmp_path, "shop.csv", GOOD)))
    assert (source.name, source.rows, source.frame.columns) == ("shop.csv", 2, ["treated", "sales"])


def test_only_the_columns_asked_for_are_read(tmp_path):
    plain_table().to_parquet(tmp_path / "t.parquet")
    plain_table().to_csv(tmp_path / "t.csv.gz", index=False)
    for data in (tmp_path / "t.parquet", tmp_path / "t.csv.gz", plain_table(), pl.from_pandas(plain_table()).lazy()):
        assert read_table(data, ("sales", "age", "sales")).frame.columns == ["sales", "age"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (plain_table(), "pandas.DataFrame"),
        (pl.from_pandas(plain_table()), "polars.DataFrame"),
        (pl.from_pandas(plain_table()).lazy(), "polars.LazyFrame"),
        (pa.Table.from_pandas(plain_table()), "pyarrow.Table"),
        ("outreach", "outreach"),
    ],
)
def test_a_table_is_named_by_its_type_and_a_dataset_by_its_name(data, name):
    assert read_table(data).name == name


def test_a_duckdb_relation_is_read():
    source = read_table(duckdb.connect().sql("select range % 2 as treated, range * 0.1 as sales from range(10)"))
    assert (source.name, source.rows) == ("duckdb.DuckDBPyRelation", 10)


@pytest.mark.parametrize("ending", ["csv", "parquet", "frame", "lazy"])
def test_a_missing_column_names_the_nearest(ending, tmp_path):
    plain_table().to_csv(tmp_path / "t.csv", index=False)
    plain_table().to_parquet(tmp_path / "t.parquet")
    tables = {"frame": plain_table(), "lazy": pl.from_pandas(plain_table()).lazy()}
    error = refusal(tables.get(ending, tmp_path / f"t.{ending}"), ("treated", "regoin"))
    assert error.code is Code.INVALID_MAPPING
    assert "has no column 'regoin'" in error.message
    assert error.remedy == "Did you mean 'region'?"


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("t.csv", b"", Code.INSUFFICIENT_DATA, "is empty"),
        ("t.csv", b"\n \n", Code.INSUFFICIENT_DATA, "is empty"),
        ("t.csv", b"treated,sales", Code.INSUFFICIENT_DATA, "header and no rows"),
        ("t.csv", b"treated,sales\r\n\r\n", Code.INSUFFICIENT_DATA, "header and no rows"),
        ("t.csv.gz", gzip.compress(b"treated,sales\n", mtime=0), Code.INSUFFICIENT_DATA, "header and no rows"),
        ("t.csv", "\ufeff".encode("utf-16-le"), Code.INSUFFICIENT_DATA, "is empty"),
        ("t.csv", bytes(range(256)) * 40, Code.UNREADABLE_FILE, "is not text"),
        ("t.csv", bytes(range(1, 256)) * 40, Code.UNREADABLE_FILE, "is not text"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-le"), Code.UNREADABLE_FILE, "is not text"),
        ("t.csv", b"\xff\xfe" + bytes(60), Code.UNREADABLE_FILE, "is not text"),
        ("t.csv", "é,b\nü,2\n".encode() + b"\xe9,3\n", Code.UNREADABLE_FILE, "1 damaged characters, first in line 3"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", Code.UNREADABLE_FILE, "as csv: Expected 2 columns, got 3: 1,2,3."),
        ("t.csv", b"a,a\n1,2\n", Code.INVALID_MAPPING, "two columns named 'a'"),
        ("t.csv.gz", GOOD, Code.UNREADABLE_FILE, "could not be read as csv.gz"),
        ("t.csv.gz", gzip.compress(GOOD * 999, mtime=0)[:-30], Code.UNREADABLE_FILE, "could not be read as csv.gz"),
        ("t.parquet", b"", Code.UNREADABLE_FILE, "could not be read as parquet"),
        ("t.parquet", b"PAR1" + bytes(60), Code.UNREADABLE_FILE, "could not be read as parquet"),
        ("t.xlsx", GOOD, Code.UNREADABLE_FILE, "could not be read as an Excel workbook"),
        ("t.xlsx", b"PK\x03\x04" + bytes(60), Code.UNREADABLE_FILE, "could not be read as an Excel workbook"),
        ("t.dta", GOOD, Code.UNREADABLE_FILE, "could not be read as a Stata dataset"),
        ("t.jsonl", b'{"a": 1}\n{"a": "x"}\n', Code.UNREADABLE_FILE, "changed from number to string in row 1"),
        ("t.jsonl", b"", Code.UNREADABLE_FILE, "could not be read as jsonl"),
        ("t.xls", GOOD, Code.UNREADABLE_FILE, "is of no kind"),
        ("table", GOOD, Code.UNREADABLE_FILE, "is of no kind"),
    ],
)
def test_an_unusable_file_is_refused(name, content, code, words, tmp_path):
    error = refusal(file_with(tmp_path, name, content))
    assert error.code is code
    assert words in error.message
    assert name in error.message
    assert error.remedy
    assert str(tmp_path) not in str(error)


def test_a_parquet_file_without_rows_is_refused(tmp_path):
    plain_table().head(0).to_parquet(tmp_path / "t.parquet")
    assert refusal(tmp_path / "t.parquet").message == "t.parquet has no rows."


def test_a_repeated_column_of_a_parquet_file_is_refused(tmp_path):
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "t.parquet")
    assert "two columns named 'a'" in refusal(tmp_path / "t.parquet").message


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "t.csv").mkdir()
    assert refusal(tmp_path).message.endswith("is a folder, not a file.")
    assert refusal(tmp_path / "t.csv").message == "'t.csv' is a folder, not a file."


def test_a_file_that_is_not_there_names_the_nearest(tmp_path):
    file_with(tmp_path, "outreach.csv", GOOD)
    error = refusal(tmp_path / "outreech.csv")
    assert (error.message, error.remedy) == ("'outreech.csv' does not exist.", "Did you mean 'outreach.csv'?")
    assert "no folder 'elsewhere'" in refusal(tmp_path / "elsewhere" / "t.csv").remedy
    (tmp_path / "none").mkdir()
    assert "no table in that folder" in refusal(tmp_path / "none" / "t.csv").remedy


def test_a_word_that_is_neither_file_nor_dataset_names_the_nearest_dataset():
    error = refusal("outreech")
    assert error.code is Code.UNREADABLE_FILE
    assert error.remedy.endswith("Did you mean 'outreach'?")


@pytest.mark.parametrize("data", ["treated,sales\n0,1\n" * 500, "treated\0.csv", "x" * 5000 + ".csv", ""])
def test_text_that_is_no_path_is_refused(data):
    error = refusal(data)
    assert error.code is Code.UNREADABLE_FILE


@pytest.mark.parametrize("data", [[1, 2], {"treated": [0, 1]}, None, 7, pd.Series([1.0]), np.zeros((3, 2))])
def test_what_is_no_table_is_refused(data):
    error = refusal(data)
    assert error.code is Code.UNSUPPORTED
    assert "is no table this version reads" in error.message


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (["a", "a"], "two columns of one name"),
        ([0, 1], "is named 0, which is not text"),
        (pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]), "which is not text"),
    ],
)
def test_columns_that_cannot_be_named_are_refused(columns, words):
    frame = pd.DataFrame([[1, 2]])
    frame.columns = columns
    error = refusal(frame)
    assert error.code is Code.INVALID_MAPPING
    assert words in error.message


def test_a_frame_without_rows_is_refused():
    assert refusal(plain_table().head(0)).code is Code.INSUFFICIENT_DATA


def test_a_query_that_fails_is_refused(tmp_path):
    connection = duckdb.connect()
    failing = connection.sql("select range as treated, ('a' || range)::int as sales from range(3)")
    assert refusal(failing).code is Code.UNREADABLE_FILE
    closed = connection.sql("select 1 as treated")
    connection.close()
    assert refusal(closed).code is Code.UNREADABLE_FILE
    assert refusal(pl.scan_csv(tmp_path / "none.csv")).code is Code.UNREADABLE_FILE


def test_quoted_line_breaks_and_a_byte_order_mark_are_read(tmp_path):
    path = file_with(tmp_path, "t.csv", b'\xef\xbb\xbftreated,note\n0,"two\nlines"\n1,"a,b"\n')
    source = read_table(path, ("treated", "note"))
    assert source.frame.get_column("note").to_list() == ["two\nlines", "a,b"]


def test_the_words_for_missing_are_missing_in_numbers_and_in_text(tmp_path):
    path = file_with(tmp_path, "t.csv", b"treated,age,region\n0,NA,n/a\n1,-nan,\n0,3,None\n")
    frame = read_table(path).frame
    assert frame.get_column("age").to_list() == [None, None, 3]
    assert frame.get_column("region").to_list() == [None, None, "None"]
