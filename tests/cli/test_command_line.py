"""The command line as a user meets it: whole processes, real files."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import estimand as es

COMMAND = Path(sys.executable).with_name("estimand")


def call(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, cwd=cwd, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("study")
    made = call("generate", "outreach", "--rows", "1500", "--seed", "4", "--out", str(place / "accounts.csv"))
    assert made.returncode == 0, made.stderr
    (place / "study.yaml").write_text(
        "question: Did proactive outreach reduce churn?\n"
        "data: accounts.csv\n"
        "design:\n"
        "  kind: observational\n"
        "  treatment: outreach\n"
        "  outcome: churn\n"
        "  covariates: [health_score, prior_tickets, usage_score, tenure_months, company_size]\n"
        "  unit: account_id\n"
        "  roles: {post_treatment: [post_outreach_engagement]}\n"
        "methods: [difference, regression, ipw, aipw]\n"
        "options: {aipw: {folds: 3, learner: linear}}\n"
        "headline: aipw\n"
        "seed: 0\n",
        encoding="utf-8",
    )
    return place


def test_generate_writes_the_rows_asked_for_and_keeps_the_truth_beside_them(folder: Path) -> None:
    frame = pd.read_csv(folder / "accounts.csv")
    assert len(frame) == 1500
    (beside,) = folder.glob("*.json")
    assert json.loads(beside.read_text(encoding="utf-8"))["truth"]["ate"] == -0.046


def test_run_prints_the_table_and_writes_the_folder(folder: Path, tmp_path: Path) -> None:
    made = call("run", str(folder / "study.yaml"), "--out", str(tmp_path / "out"))
    assert made.returncode == 0, made.stderr
    for word in ("difference", "ASSOCIATION", "naive", "aipw", "headline", "Verdict"):
        assert word in made.stdout
    assert "report.html" in made.stderr
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"record.json", "report.html", "memo.md", "reproduce.py", "arrays"}
    assert es.StudyRecord.load(tmp_path / "out").headline == "aipw"


def test_json_is_alone_on_standard_output(folder: Path) -> None:
    made = call("run", str(folder / "study.yaml"), "--json", cwd=folder)
    record = json.loads(made.stdout)
    assert record["schema"] == 1
    assert record["data"] == "accounts.csv"
    assert [item["id"] for item in record["estimates"]] == ["difference", "regression", "ipw", "aipw"]
    assert set(record["estimates"][0]["terms"][0]) >= {"label", "at", "value", "std_error", "ci", "p_value"}
    assert record["sample"]["rows_read"] == record["sample"]["rows_used"] == 1500
    assert record["estimates"][3]["options"]["folds"] == 3


def test_analyze_is_the_study_without_the_file(folder: Path) -> None:
    from_file = json.loads(call("run", "study.yaml", "--json", cwd=folder).stdout)
    made = call(
        "analyze", "accounts.csv", "--treatment", "outreach", "--outcome", "churn", "--covariates",
        "health_score,prior_tickets,usage_score,tenure_months,company_size", "--unit", "account_id",
        "--methods", "difference,regression,ipw", "--json", cwd=folder,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    record = json.loads(made.stdout)
    assert [e["terms"][0]["value"] for e in record["estimates"]] == [
        e["terms"][0]["value"] for e in from_file["estimates"][:3]
    ]
    assert record["headline"] == "regression"


def test_a_target_goes_to_the_methods_that_offer_it(folder: Path) -> None:
    made = call(
        "analyze", "accounts.csv", "--treatment", "outreach", "--outcome", "churn", "--covariates", "health_score",
        "--methods", "difference,regression,ipw", "--target", "ATT", "--json", cwd=folder,
    )  # fmt: skip
    record = json.loads(made.stdout)
    assert [e["target"] for e in record["estimates"]] == ["ASSOCIATION", "ATT", "ATT"]


def test_a_vetoed_headline_exits_3_and_still_shows_the_number(folder: Path) -> None:
    made = call(
        "analyze", "accounts.csv", "--treatment", "outreach", "--outcome", "churn",
        "--covariates", "health_score,post_outreach_engagement", "--post-treatment", "post_outreach_engagement",
        "--methods", "regression", cwd=folder,
    )  # fmt: skip
    assert made.returncode == 3
    assert "not to be relied on" in made.stdout
    assert "vetoed" in made.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nothing.yaml"], "nothing.yaml"),
        (["run", "accounts.csv"], "accounts.csv"),
        (["analyze", "accounts.csv", "--treatment", "outreech", "--outcome", "churn"], "outreach"),
        (["analyze", "accounts.csv", "--treatment", "outreach", "--outcome", "churned"], "churn"),
        (["analyze", "nothing.csv", "--treatment", "a", "--outcome", "b"], "nothing.csv"),
        (["analyze", ".", "--treatment", "a", "--outcome", "b"], "folder"),
        (["analyze", "two.csv", "--treatment", "a", "--outcome", "b"], "rows"),
        (["analyze", "accounts.csv", "--treatment", "outreach", "--outcome", "churn", "--methods", "aipww"], "aipw"),
        (["analyze", "accounts.csv", "--treatment", "outreach", "--outcome", "churn", "--target", "ALL"], "ATE"),
        (["analyze", "accounts.csv", "--treatment", "outreach", "--outcome", "region"], "region"),
        (["demo", "lalond"], "lalonde"),
        (["methods", "ipww"], "ipw"),
        (["generate", "lalonde", "--out", "x.csv"], "lalonde"),
        (["generate", "outreach", "--rows", "0", "--out", "x.csv"], "rows"),
    ],
)
def test_bad_input_exits_2_with_a_sentence_and_no_stack_trace(folder: Path, arguments: list[str], words: str) -> None:
    (folder / "two.csv").write_text("a,b\n0,1.5\n1,2.5\n", encoding="utf-8")
    made = call(*arguments, cwd=folder)
    assert made.returncode == 2
    assert "Traceback" not in made.stderr
    assert words in made.stderr
    assert made.stdout == ""


def test_the_lists_name_what_there_is() -> None:
    for key in ("difference", "regression", "ipw", "aipw"):
        assert key in call("methods").stdout
    manual = call("methods", "ipw").stdout
    assert "Hájek" in manual
    assert "doi:" in manual
    assert {card["name"] for card in json.loads(call("datasets", "--json").stdout)} == {
        "lalonde", "lalonde_experiment", "outreach", "llm_logs", "tutoring", "retention",
        "onboarding", "onboarding_history", "onboarding_log",
    }  # fmt: skip


def test_the_demonstration_prints_what_the_readme_shows(tmp_path: Path) -> None:
    made = call("demo", "lalonde", "--out", str(tmp_path))
    assert made.returncode == 0, made.stderr
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (shown,) = [block for block in readme.split("```")[1::2] if "NSW experiment" in block]
    printed = " ".join(made.stdout.replace("─", " ").split())
    assert " ".join(shown.replace("─", " ").split()) in printed
    assert "overlap.propensity" in made.stdout
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert str(tmp_path / "report.html") in made.stderr
