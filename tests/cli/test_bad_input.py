"""Every bad input a user may bring ends with exit 2, a sentence and a remedy: no stack trace, and never a number."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from in_process import Command, Ended, command_of

from estimand.study.study import Study

COMMAND = Path(sys.executable).with_name("estimand")
ROWS = 40
DESIGN = {"kind": "observational", "treatment": "treated", "outcome": "sales", "covariates": ["age", "region"]}


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line within this process."""
    monkeypatch.chdir(tmp_path)
    return command_of(capsys, monkeypatch)


def table(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "treated": [0, 1] * (ROWS // 2),
            "sales": rng.standard_normal(ROWS),
            "age": rng.integers(20, 60, ROWS),
            "region": rng.choice(["north", "south"], ROWS),
        }
    )
    return frame.assign(**columns)


def text(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def parquet(frame: pd.DataFrame) -> bytes:
    return frame.to_parquet()


def refused(ended: Ended, words: str) -> None:
    assert ended.status == 2, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    message, remedy, *rest = ended.err.strip().splitlines()
    assert message.startswith("Error: ")
    assert words in message
    assert remedy
    assert not rest


FILES: dict[str, tuple[str, bytes, str]] = {
    "empty": ("t.csv", b"", "is empty"),
    "blank": ("t.csv", b"\n\n \n", "is empty"),
    "header only": ("t.csv", b"treated,sales,age,region\n", "header and no rows"),
    "binary": ("t.csv", bytes(range(256)) * 30, "is not text"),
    "picture": ("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(80), "is not text"),
    "two rows": ("t.csv", text(table().head(2)), "2 rows of t.csv are left"),
    "ragged": ("t.csv", text(table()) + b"1,2\n", "could not be read as csv: Expected 5 columns, got 2"),
    "repeated column": ("t.csv", b"treated,sales,age,region,age\n0,1,2,a,3\n", "two columns named 'age'"),
    "truncated gz": ("t.csv.gz", gzip.compress(text(table()), mtime=0)[:-40], "could not be read as csv.gz"),
    "not gz": ("t.csv.gz", text(table()), "could not be read as csv.gz"),
    "truncated parquet": ("t.parquet", parquet(table())[:-200], "could not be read as parquet"),
    "headless parquet": ("t.parquet", parquet(table())[200:], "could not be read as parquet"),
    "empty parquet": ("t.parquet", parquet(table().head(0)), "has no rows"),
    "text as parquet": ("t.parquet", text(table()), "could not be read as parquet"),
    "text as workbook": ("t.xlsx", text(table()), "could not be read as an Excel workbook"),
    "text as Stata": ("t.dta", text(table()), "could not be read as a Stata dataset"),
    "unknown ending": ("t.sas7bdat", text(table()), "is of no kind this version reads"),
    "missing column": ("t.csv", text(table().rename(columns={"age": "agee"})), "has no column 'age'"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_refused(case: str, command: Command, tmp_path: Path) -> None:
    name, content, words = FILES[case]
    (tmp_path / name).write_bytes(content)
    arguments = ["--treatment", "treated", "--outcome", "sales", "--covariates", "age,region"]
    refused(command("analyze", name, *arguments), words)


COLUMNS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "text outcome": ({"sales": ["12 EUR", *["3"] * 39]}, {}, "row 1 holds '12 EUR'"),
    "yes and no outcome": ({"sales": ["yes", "no"] * 20}, {}, "row 1 holds 'yes'"),
    "outcome with one text": ({"sales": [*["3"] * 20, "n.d.", *["4"] * 19]}, {}, "row 21 holds 'n.d.'"),
    "date outcome": ({"sales": "2024-03-01"}, {}, "holds dates or times"),
    "constant outcome": ({"sales": 3.0}, {}, "is 3 in every row"),
    "infinite outcome": ({"sales": [np.inf, *np.arange(39.0)]}, {}, "infinite number, first in row 1"),
    "missing outcome": ({"sales": None}, {}, "is missing in every row"),
    "outcome in one arm only": ({"sales": [None, 1.0, None, 2.0] * 10}, {}, "Arm '0' has 0 rows with outcome"),
    "one-armed treatment": ({"treated": 1}, {}, "holds one value only, '1'"),
    "missing treatment": ({"treated": None}, {}, "is missing in every row"),
    "continuous treatment": ({"treated": np.arange(40) / 7}, {}, "holds 40 distinct values, which are not arms"),
    "date treatment": ({"treated": ["2024-03-01", "2024-03-02"] * 20}, {}, "2 distinct times"),
    "treatment with one text": ({"treated": ["0", "1"] * 19 + ["1", "lost"]}, {}, "row 40 holds 'lost'"),
    "an arm of one row": ({"treated": [1, *[0] * 39]}, {}, "Arm '1' has 1 row"),
    "missing covariate": ({"age": None}, {}, "Covariate 'age' of t.csv is missing in every row"),
    "missing covariate to fill": ({"age": None}, {"missing": "impute+indicator"}, "is missing in every row"),
    "infinite covariate": ({"age": [np.inf, *range(39)]}, {}, "infinite number, first in row 1"),
    "outcome among covariates": ({}, {"covariates": ["age", "sales"]}, "cannot be both outcome and a covariate"),
    "treatment among covariates": ({}, {"covariates": ["treated"]}, "cannot be both treatment and a covariate"),
    "treatment as outcome": ({}, {"outcome": "treated"}, "cannot be both treatment and outcome"),
    "repeated covariate": ({}, {"covariates": ["age", "age"]}, "listed twice in covariates"),
    "repeated unit": ({"id": 7}, {"unit": "id"}, "names 40 rows '7'"),
    "unknown control": ({}, {"control": "2"}, "No arm of 'treated' is labelled '2'"),
    "unknown column": ({}, {"covariates": ["aeg"]}, "has no column 'aeg'"),
    "unknown field": ({}, {"covariate": ["age"]}, "has no field 'covariate'"),
    "unknown kind": ({}, {"kind": "observatonal"}, "no design of kind 'observatonal'"),
    "weight of zero": ({"w": [0, *[1] * 39]}, {"weights": "w"}, "holds 0"),
    "fraction as frequency": ({"w": 1.5}, {"weights": {"column": "w", "kind": "frequency"}}, "holds fractions"),
}


def write_study(folder: Path, frame: pd.DataFrame, design: dict[str, Any], **fields: Any) -> str:
    frame.to_csv(folder / "t.csv", index=False)
    study = {"data": "t.csv", "design": {**DESIGN, **design}, "methods": ["difference", "regression"], **fields}
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return "study.yaml"


@pytest.mark.parametrize("case", COLUMNS)
@pytest.mark.parametrize("shown", [["--json"], []], ids=["json", "table"])
def test_a_bad_column_is_refused(case: str, shown: list[str], command: Command, tmp_path: Path) -> None:
    columns, design, words = COLUMNS[case]
    refused(command("run", write_study(tmp_path, table(**columns), design), *shown), words)


STUDIES: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown method": ({"methods": ["ipww"]}, "ipww", "'ipw'"),
    "unknown option": ({"methods": [{"method": "ipw", "trimm": 1}]}, "trimm", "'trim'"),
    "unknown target": ({"methods": [{"method": "ipw", "target": "ATX"}]}, "ATX", "ATE"),
    "unknown target of the study": ({"target": "all"}, "all", "ATE"),
    "a target nobody offers": ({"target": "LATE"}, "estimates LATE", "(ASSOCIATION, ATE, ATT)"),
    "a misspelt target of one method": ({"target": "ATX", "methods": ["matching"]}, "no target 'ATX'", "'AT"),
    "a target of the unadjusted": ({"target": "ATT", "methods": ["difference"]}, "estimates ATT", "(ASSOCIATION, ATE)"),
    "a list as id": ({"methods": [{"method": "ipw", "id": [1]}]}, "id of method 'ipw' is [1]", "id: ipw_2"),
    "true as folds": ({"methods": [{"method": "aipw", "folds": True}]}, "not take true for 'folds'", "number"),
    "a number as methods": ({"methods": 3}, "does not take 3 for 'methods'", "Give a list"),
    "unknown headline": ({"headline": "regresion"}, "regresion", "'regression'"),
    "unknown field": ({"outcom": "x"}, "outcom", "Known"),
    "options of a method not listed": ({"options": {"ipw": {}}}, "ipw", "Known"),
    "no method": ({"methods": []}, "no method", "all"),
    "one id twice": ({"methods": ["difference", "difference"]}, "difference", "id"),
    "a level of one": ({"level": 1}, "level", "less than 1"),
    "a negative seed": ({"seed": -1}, "seed", "greater than or equal to 0"),
    "no such data": ({"data": "u.csv"}, "'u.csv' does not exist", "'t.csv'"),
    "a folder": ({"data": "."}, "is a folder", "file"),
    "no such database": ({"data": "duckdb://t.duckdb?table=t"}, "no database 't.duckdb'", "path"),
    "a query without a database": ({"data": {"sql": "SELECT 1"}}, "without its database", "database:"),
}  # fmt: skip


@pytest.mark.parametrize("case", STUDIES)
def test_a_bad_study_is_refused_and_the_remedy_helps(case: str, command: Command, tmp_path: Path) -> None:
    fields, words, remedy = STUDIES[case]
    ended = command("run", write_study(tmp_path, table(), {}, **fields))
    refused(ended, words)
    assert remedy in ended.err.strip().splitlines()[1]


def test_an_empty_field_is_left_out(command: Command, tmp_path: Path) -> None:
    empty = dict.fromkeys(("options", "gates", "question", "headline", "target", "seed", "level"))
    listed = [{"method": "difference", "id": None}, "regression"]
    ended = command("run", write_study(tmp_path, table(), {}, methods=listed, **empty), "--json")
    assert '"headline": "regression"' in ended.out, ended
    assert '"id": "difference"' in ended.out
    assert Study(data="outreach", methods=None).methods == "all"


ROLES = ("segments", "negative_controls", "negative_exposures", "exact", "timestamp", "post_treatment")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_that_names_no_column_is_refused(role: str, command: Command, tmp_path: Path) -> None:
    design = {"roles": {role: "regio" if role == "timestamp" else ["regio"]}}
    ended = command("run", write_study(tmp_path, table(), design))
    refused(ended, "has no column 'regio'")
    assert "'region'" in ended.err


@pytest.mark.parametrize("option", ["--post-treatment", "--timestamp"])
def test_a_role_given_to_the_audit_that_names_no_column_is_refused(
    option: str, command: Command, tmp_path: Path
) -> None:
    write_study(tmp_path, table(), {})
    refused(command("audit", "t.csv", "--treatment", "treated", "--outcome", "sales", option, "regio"), "'regio'")


@pytest.mark.parametrize("column", ["sales", "age"])
@pytest.mark.parametrize(
    ("scale", "words"),
    [(1e160, "too large"), (1e31, "too large"), (1e-31, "too small"), (1e-200, "too small")],
)
def test_numbers_out_of_scale_are_refused(
    column: str, scale: float, words: str, command: Command, tmp_path: Path
) -> None:
    frame = table(**{column: np.linspace(-1.0, 1.0, ROWS) * scale})
    study = write_study(tmp_path, frame, {"covariates": ["age"]}, methods=["regression", "difference"])
    refused(command("run", study), f"Column '{column}' of t.csv holds numbers {words} to compute with")


@pytest.mark.parametrize("scale", [1e-29, 1e29])
@pytest.mark.parametrize("method", ["difference", "regression", "gcomputation", "ipw", "aipw", "matching", "balancing"])
def test_numbers_at_the_edge_of_scale_give_the_number_of_any_scale(
    scale: float, method: str, command: Command, tmp_path: Path
) -> None:
    found = []
    for unit in (1.0, scale):
        frame = table(sales=np.arange(ROWS) % 7 * unit, age=np.arange(ROWS) % 11 * unit)
        ended = command("run", write_study(tmp_path, frame, {"covariates": ["age"]}, methods=[method]), "--json")
        assert ended.status in {0, 3}, ended
        found.append(json.loads(ended.out)["estimates"][0]["terms"][0])
    for key in ("value", "std_error"):
        assert found[1][key] / scale == pytest.approx(found[0][key], rel=1e-6), key


ADJUSTING: list[Any] = [
    "regression", "gcomputation", "aipw", "dml", "ipw", "matching", "stratification", "balancing",
    {"method": "regression", "interactions": False},
    {"method": "aipw", "learner": "boosting", "clip": 0.01},
    {"method": "dml", "score": "plr"},
    {"method": "matching", "distance": "mahalanobis"},
    {"method": "balancing", "target": "ATO"},
]  # fmt: skip


@pytest.mark.parametrize("method", ADJUSTING, ids=str)
def test_perfect_separation_gives_no_number(method: Any, command: Command, tmp_path: Path) -> None:
    frame = table(age=np.linspace(20.0, 40.0, ROWS) + np.tile([0.0, 25.0], ROWS // 2))
    study = write_study(tmp_path, frame, {"covariates": ["age"]}, methods=[method])
    refused(command("run", study), "Covariate 'age' tells the arms apart perfectly")


def test_perfect_separation_leaves_a_difference_an_association(command: Command, tmp_path: Path) -> None:
    frame = table(age=[30.5, 60.5] * 20)
    study = write_study(tmp_path, frame, {"covariates": ["age"]}, methods=["difference"])
    record = json.loads(command("run", study, "--json").out)
    assert record["estimates"][0]["target"] == "ASSOCIATION"
    assert np.isfinite(record["estimates"][0]["terms"][0]["std_error"])
    assert record["verdict"]["summary"] == "No estimate answers the question: none has the target asked for."


WHOLE: tuple[tuple[list[str], str], ...] = (
    (["analyze", "t.parquet", "--treatment", "treated", "--outcome", "sales"], "could not be read as parquet"),
    (["analyze", ".", "--treatment", "treated", "--outcome", "sales"], "is a folder"),
    (["run", "study.yaml"], "is not YAML"),
    (["run", "."], "cannot be read"),
)


@pytest.mark.parametrize(("arguments", "words"), WHOLE)
def test_whole_processes_end_the_same_way(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(parquet(table())[:-200])
    (tmp_path / "study.yaml").write_text("data: t.csv\nseed: 2024-02-30\n", encoding="utf-8")
    made = subprocess.run([COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    refused(Ended(made.returncode, made.stdout, made.stderr), words)
