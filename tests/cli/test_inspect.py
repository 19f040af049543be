"""Looking at a table from the command line and from Python: proposals shown, none applied."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml

import estimand as es
from estimand.cli.inspection import inspect as command

COMMAND = Path(sys.executable).with_name("estimand")


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    frame = es.datasets.generate("outreach", rows=400, seed=2)
    frame.to_csv(tmp_path / "accounts.csv", index=False)
    return tmp_path / "accounts.csv"


def test_the_table_names_each_column_with_its_proposal_and_reason(accounts, capsys):
    assert command(str(accounts), json=False, study=False) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "accounts.csv: 400 rows, 11 columns" in shown
    for words in ("account_id", "unit (high:", "treatment (high:", "enterprise", "none was applied"):
        assert words in shown


def test_json_is_alone_on_standard_output(accounts, capsys):
    assert command(str(accounts), json=True, study=False) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["data"], seen["rows"], seen["findings"]) == ("accounts.csv", 400, [])
    columns = {column["column"]: column for column in seen["columns"]}
    assert columns["churn"]["proposal"]["role"] == "outcome"
    assert columns["region"]["top"][0].keys() == {"level", "rows"}
    assert (columns["churn"]["missing_share"], columns["churn"]["low"], columns["churn"]["high"]) == (0, 0, 1)


def test_the_draft_is_a_study_that_runs(accounts, capsys):
    command(str(accounts), json=False, study=True)
    draft = capsys.readouterr().out
    study = yaml.safe_load(draft)
    assert study["data"] == str(accounts)
    assert study["design"]["treatment"] == "outreach"
    assert "  treatment: outreach  # high: its name says treatment" in draft
    (accounts.parent / "study.yaml").write_text(draft, encoding="utf-8")
    study["methods"] = ["difference", "regression"]
    assert es.run(study).headline == "regression"
    assert es.Study.from_file(accounts.parent / "study.yaml").design.unit == "account_id"


def test_a_draft_without_a_treatment_is_refused_until_one_is_named():
    rng = np.random.default_rng(0)
    draft = es.inspect(pd.DataFrame(rng.standard_normal((30, 3)), columns=["a: b", "#c", "line\nbreak"])).study_yaml()
    study = yaml.safe_load(draft)
    assert study["data"] == "data.csv"
    assert study["design"]["covariates"] == ["a: b", "#c", "line\nbreak"]
    with pytest.raises(es.DesignError, match="'treatment'"):
        es.Study(**study)


def test_a_query_is_drafted_as_it_was_asked(tmp_path):
    with duckdb.connect(tmp_path / "s.duckdb") as connection:
        connection.execute("CREATE TABLE t AS SELECT range % 2 AS treated, range * 0.5 AS revenue FROM range(40)")
    address = f"duckdb://{tmp_path / 's.duckdb'}?table=t"
    asked = {"sql": "SELECT * FROM t", "database": str(tmp_path / "s.duckdb")}
    for data in (address, asked):
        study = yaml.safe_load(es.inspect(data).study_yaml())
        assert study["data"] == data
        record = es.run({**study, "methods": ["difference"]})
        assert record.estimates[0].value[0] == pytest.approx(0.5)


def test_what_was_inferred_while_reading_is_shown(tmp_path, capsys):
    (tmp_path / "t.csv").write_bytes("größe;a\n1,5;x\n2,5;y\n".encode("cp1252"))
    command(str(tmp_path / "t.csv"), json=False, study=False)
    assert "Windows-1252" in capsys.readouterr().out


def test_no_study_takes_a_proposal_by_itself(accounts):
    with pytest.raises(es.DesignError, match="needs 'design'"):
        es.run({"data": str(accounts)})


def test_bad_input_exits_2_without_a_stack_trace(tmp_path):
    made = subprocess.run([COMMAND, "inspect", tmp_path], capture_output=True, text=True, check=False, timeout=60)
    assert made.returncode == 2
    assert "is a folder" in made.stderr
    assert "Traceback" not in made.stderr
    assert made.stdout == ""
