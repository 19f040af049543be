"""Studies of metrics: one estimate per method and metric, moments alone where they are enough, and what is said."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import estimand as es
from estimand.core.record import StudyRecord
from tests.cli.test_command_line import call


def table(n: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    frame = pd.DataFrame({"v": rng.choice(["A", "B", "C"], n), "x": x, "orders": rng.poisson(2.0, n)})
    frame["spend"] = 10.0 + x + rng.normal(size=n) + 0.4 * (frame["v"] == "B")
    return frame


DESIGN = {
    "kind": "experiment", "variant": "v", "control": "A",
    "metrics": [
        {"name": "spend", "kind": "revenue", "column": "spend", "covariate": "x"},
        {"name": "per order", "column": "spend", "denominator": "orders", "covariate": "x"},
    ],
}  # fmt: skip


def test_every_metric_is_estimated_by_every_method_and_survives_its_json() -> None:
    record = es.run({"data": table(), "design": DESIGN, "methods": ["difference", "cuped"], "headline": "cuped"})
    assert [estimate.id for estimate in record.estimates] == [
        "difference:spend", "cuped:spend", "difference:per order", "cuped:per order",
    ]  # fmt: skip
    assert all(len(estimate.terms) == 2 for estimate in record.estimates)
    assert record.headline == "cuped:spend"
    assert record.sample.rows_used == 3_000
    assert not [finding for finding in record.findings if finding.check == "experiment.second_pass"]
    written = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    assert StudyRecord.from_dict(written).digest() == record.digest()


@pytest.mark.parametrize(("correction", "kind"), [("holm", "holm"), ("bh", "BH"), ("romano_wolf", "romano_wolf")])
def test_the_plan_says_how_p_values_are_adjusted(correction: str, kind: str) -> None:
    design = {**DESIGN, "planned": {"correction": correction}}
    record = es.run({"data": table(), "design": design, "methods": ["cuped"]})
    (found,) = [finding for finding in record.findings if finding.check == "inference.multiplicity"]
    assert found.subject == kind
    assert len(found.evidence) == 4
    assert any(f.check == "experiment.second_pass" for f in record.findings) == (correction == "romano_wolf")


def test_a_method_that_needs_rows_reads_them_in_a_second_pass_and_says_so() -> None:
    record = es.run({"data": table(), "design": DESIGN, "methods": ["cuped", "regression"]})
    (found,) = [finding for finding in record.findings if finding.check == "experiment.second_pass"]
    assert "regression" in found.message
    alone = es.run({"data": table(), "design": DESIGN, "methods": ["cuped"]})
    for ours, other in zip([e for e in record.estimates if e.method == "cuped"], alone.estimates, strict=True):
        assert ours.to_dict() == other.to_dict()
    assert sum(estimate.method == "regression" for estimate in record.estimates) == 2


def test_all_is_what_reads_moments() -> None:
    data = table().assign(plan=lambda t: np.where(t["orders"] > 2, "large", "small"))
    record = es.run({"data": data, "design": DESIGN | {"strata": "plan"}, "methods": "all"})
    assert {estimate.method for estimate in record.estimates} >= {"difference", "cuped"}
    assert not [finding for finding in record.findings if finding.check == "experiment.second_pass"]


def test_the_command_line_runs_a_study_of_metrics(tmp_path: Path) -> None:
    table().to_parquet(tmp_path / "t.parquet", index=False)
    study = {"data": "t.parquet", "design": DESIGN, "methods": ["difference", "cuped"]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    made = call("run", str(tmp_path / "study.yaml"), "--json", "--out", str(tmp_path / "out"))
    assert made.returncode == 0, made.stderr
    record = json.loads(made.stdout)
    assert len(record["estimates"]) == 4
    assert (tmp_path / "out" / "report.html").is_file()
    given = [str(tmp_path / "t.parquet"), "--design", "experiment", "--treatment", "v", "--methods", "difference"]
    plain = call("analyze", *given, "--metrics", "spend,spend/orders", "--json")
    assert [e["outcome"] for e in json.loads(plain.stdout)["estimates"]] == ["spend", "spend/orders"]
