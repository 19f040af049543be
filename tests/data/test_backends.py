"""The same values give the same sample, byte for byte, whatever kind of table they come from."""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tables import mixed_table, sample_of

from estimand.core.sample import Sample


def as_polars(frame):
    return pl.from_pandas(frame)


def with_categories(frame):
    return frame.assign(region=frame["region"].astype("category"))


def in_chunks(frame):
    """Two chunks whose categories are coded differently."""
    parts = [with_categories(part) for part in (frame.iloc[:100], frame.iloc[100:])]
    tables = [pa.Table.from_pandas(part, preserve_index=False) for part in parts]
    return pa.concat_tables(tables, promote_options="permissive")


IN_MEMORY = {
    "pandas_objects": lambda frame: frame.astype(object),
    "pandas_arrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "pandas_category": with_categories,
    "polars": as_polars,
    "polars_lazy": lambda frame: as_polars(frame).lazy(),
    "polars_category": lambda frame: as_polars(frame).with_columns(pl.col("region").cast(pl.Categorical)),
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "pyarrow_chunks": in_chunks,
    "duckdb": lambda frame: duckdb.connect().from_df(frame),
}
FORMS = (*IN_MEMORY, "duckdb_file", "csv", "csv.gz", "tsv", "parquet")


def in_form(frame, form, folder):
    if form in IN_MEMORY:
        return IN_MEMORY[form](frame)
    path = folder / f"table.{'csv' if form == 'duckdb_file' else form}"
    if form == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if form == "tsv" else ",")
    return duckdb.connect().read_csv(str(path)) if form == "duckdb_file" else path


def everything(sample: Sample):
    arrays = {
        "arm": sample.arm,
        "ids": sample.ids,
        "index": sample.index,
        "cluster": sample.cluster,
        "features": sample.features.values,
        "post_treatment": sample.roles["post_treatment"].values,
        **{f"outcome {name}": values for name, values in sample.outcomes.items()},
        **{f"present {name}": mask for name, mask in sample.present.items()},
    }
    written = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}
    said = (sample.arms, sample.features.features, sample.drops, sample.rows_read, sample.fingerprint, sample.root)
    return written, said, [finding.to_dict() for finding in sample.findings]


@pytest.mark.parametrize("missing", ["complete_case", "impute+indicator"])
@pytest.mark.parametrize("unit", ["account", "number", None])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_gives_the_same_sample(form, unit, missing, tmp_path):
    fields = {
        "outcome": ["sales", "bought"],
        "covariates": ["age", "income", "region", "member", "joined"],
        "unit": unit,
        "cluster": "shop",
        "missing": missing,
        "roles": {"post_treatment": ["visits", "region"]},
    }
    frame = mixed_table()
    expected = everything(sample_of(frame, **fields))
    assert everything(sample_of(in_form(frame, form, tmp_path), **fields)) == expected


@pytest.mark.parametrize("form", ["polars", "duckdb", "parquet", "csv"])
def test_gaps_in_treatment_cluster_and_unit_are_the_same_in_every_form(form, tmp_path):
    frame = mixed_table()
    frame["treated"] = frame["treated"].astype("boolean")
    frame["shop"] = frame["shop"].astype("Int64")
    frame["number"] = frame["number"].astype("Int64")
    frame.loc[:4, "treated"] = pd.NA
    frame.loc[3:6, "shop"] = pd.NA
    frame.loc[6:10, "number"] = pd.NA
    fields = {"covariates": [], "cluster": "shop", "unit": "number"}
    expected = sample_of(frame, **fields)
    floats = sample_of(frame.astype({"shop": "float64", "number": "float64"}), **fields)
    other = sample_of(in_form(frame, form, tmp_path), **fields)
    assert [(drop.reason, drop.column, drop.rows) for drop in expected.drops] == [
        ("treatment missing", "treated", 5),
        ("cluster missing", "shop", 2),
        ("unit missing", "number", 4),
    ]
    assert other.fingerprint == floats.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(other.ids, expected.ids)


def test_not_a_number_in_polars_is_missing_like_null():
    frame = mixed_table()
    table = pl.from_pandas(frame)
    marked = table.with_columns(pl.col("income").fill_null(float("nan")))
    assert sample_of(marked, covariates=["income"]).fingerprint == sample_of(frame, covariates=["income"]).fingerprint


def test_the_fingerprint_follows_the_content():
    frame = mixed_table()
    first = sample_of(frame, covariates=["region"]).fingerprint
    assert sample_of(frame, covariates=["region"]).fingerprint == first
    assert sample_of(frame.replace({"region": {"nord": "north"}}), covariates=["region"]).fingerprint != first
    assert sample_of(frame, covariates=["region"], control="True").fingerprint != first
    frame.loc[30, "sales"] += 1e-12
    assert sample_of(frame, covariates=["region"]).fingerprint != first
