"""How far a study is stressed: a field of the study, an option of the command line, a part of the plan."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import estimand as es
from estimand.cli.app import app
from estimand.core.design import as_design
from estimand.data.build import build_sample
from estimand.report.reproduction import reproduce_script, study_of
from estimand.study.opening import open_source

DESIGN = {"kind": "observational", "treatment": "d", "outcome": "y", "covariates": ["x", "z"]}
DEAR = {"method": "aipw", "learner": "linear", "propensity_learner": "logistic"}


def table(rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, rows))
    d = (rng.random(rows) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
    return pd.DataFrame({"x": x, "z": z, "d": d, "y": d + x + rng.normal(size=rows), "before": rng.normal(size=rows)})


def refits_not_run(record: es.StudyRecord) -> set[str]:
    keys = ("stress.random_common_cause", "stress.subset_stability", "stress.leave_one_covariate_out")
    return {f.check for f in record.findings if f.check in keys and f.grade is es.Grade.NOT_RUN}


def test_quick_is_the_default_and_full_runs_what_quick_leaves_out() -> None:
    quick = es.run({"data": table(), "design": DESIGN, "methods": [DEAR]}, threads=1)
    full = es.run({"data": table(), "design": DESIGN, "methods": [DEAR], "stress": "full"}, threads=1)
    assert (quick.plan["stress"], full.plan["stress"]) == ("quick", "full")
    assert len(refits_not_run(quick)) == 3
    assert not refits_not_run(full)
    assert all(a.value == b.value for a, b in zip(quick.estimates, full.estimates, strict=True))


def test_another_word_is_refused() -> None:
    with pytest.raises(es.DesignError, match="does not take 'some'"):
        es.Study(data=table(), design=DESIGN, stress="some")


def test_the_plan_says_it_so_that_the_study_can_be_run_again(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    table().to_csv(path, index=False)
    record = es.run({"data": str(path), "design": DESIGN, "methods": ["regression"], "stress": "full"}, threads=1)
    assert study_of(record)["stress"] == "full"
    assert "'stress': 'full'" in reproduce_script(record)
    again = es.run(study_of(record) | {"data": str(path)}, threads=1)
    assert again.digest() == record.digest()


def test_the_command_line_replaces_the_file_s(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    study = {"data": "t.csv", "design": DESIGN, "methods": ["regression"], "stress": "quick"}
    (tmp_path / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    runner = CliRunner()
    for given, said in (([], "quick"), (["--stress", "full"], "full")):
        ended = runner.invoke(app, ["run", str(tmp_path / "study.yaml"), "--json", *given])
        assert json.loads(ended.stdout)["plan"]["stress"] == said
    options = ["--treatment", "d", "--outcome", "y", "--covariates", "x,z", "--methods", "regression"]
    ended = runner.invoke(app, ["analyze", str(tmp_path / "t.csv"), *options, "--stress", "full", "--json"])
    assert json.loads(ended.stdout)["plan"]["stress"] == "full"


def test_negative_controls_are_read_and_leave_no_row_out() -> None:
    frame = table().assign(place=lambda t: np.where(t["x"] > 0, "north", "south"))
    frame.loc[:9, ["before", "place"]] = np.nan
    roles = {"negative_controls": "before", "negative_exposures": ["place"]}
    design = as_design({**DESIGN, "roles": roles})
    sample = open_source(frame, design, build_sample)[1]
    plain = open_source(frame, as_design(DESIGN), build_sample)[1]
    assert sample.n == plain.n == 120
    assert np.isnan(sample.roles["negative_controls"].values[:, 0]).sum() == 10
    assert sample.roles["negative_exposures"].names == ("place = north", "place = south")
    assert list(sample.outcomes) == ["y"]
    assert sample.fingerprint != plain.fingerprint
    missing = {row["column"]: row for row in sample.missing.rows()}
    assert {"before", "place"} <= set(missing)


def test_a_negative_control_of_text_is_refused() -> None:
    frame = table().assign(before="yes")
    with pytest.raises(es.DataError, match="'before'"):
        es.run(
            {"data": frame, "design": {**DESIGN, "roles": {"negative_controls": "before"}}, "methods": ["regression"]}
        )
