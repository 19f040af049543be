"""``estimand analyze`` draws again as --resample and --draws say, and a kind that does not fit is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from in_process import Command, command_of

import estimand as es

ANALYZE = ["analyze", "t.csv", "--treatment", "treated", "--outcome", "sales", "--covariates", "age"]


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    team = np.arange(240) // 8
    age, d = rng.normal(size=240), rng.integers(0, 2, 240)
    sales = d + age + rng.normal(size=30)[team] + rng.normal(size=240)
    return pd.DataFrame({"treated": d, "sales": sales, "age": age, "team": team})


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line, beside a table."""
    frame().to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return command_of(capsys, monkeypatch)


@pytest.mark.parametrize(("kind", "design"), [("pairs", {}), ("cluster", {"cluster": "team"})])
def test_the_record_holds_the_draws_asked_for(kind: str, design: dict[str, str], command: Command) -> None:
    given = [part for name, column in design.items() for part in (f"--{name}", column)]
    ended = command(*ANALYZE, *given, "--methods", "regression", "--resample", kind, "--draws", "150", "--json")
    assert ended.status == 0, ended
    (shown,) = json.loads(ended.out)["estimates"]
    assert shown["options"]["resample"]["kind"] == kind
    assert shown["options"]["resample"]["draws"] == 150
    assert shown["inference"] == "resampling"
    declared = {"kind": "observational", "treatment": "treated", "outcome": "sales", "covariates": ["age"]}
    made = es.estimate(frame(), declared | design, "regression", resample={"kind": kind, "draws": 150})
    assert shown["terms"][0]["ci"] == pytest.approx(list(made.interval()[0]), rel=1e-12)
    plain = es.estimate(frame(), declared | design, "regression")
    assert shown["terms"][0]["value"] == pytest.approx(plain.value[0], rel=1e-12)
    assert abs(shown["terms"][0]["std_error"] / plain.std_error[0] - 1.0) < 0.3


def test_every_method_is_drawn_again_and_draws_alone_are_of_pairs(command: Command) -> None:
    ended = command(*ANALYZE, "--methods", "difference,regression", "--draws", "100", "--json")
    assert ended.status == 0, ended
    schemes = [shown["options"]["resample"] for shown in json.loads(ended.out)["estimates"]]
    assert [(scheme["kind"], scheme["draws"]) for scheme in schemes] == [("pairs", 100)] * 2


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        (["--resample", "pears"], "pears", "'pairs'"),
        (["--resample", "cluster"], "the design names none", "Name the cluster column"),
        (["--resample", "pairs", "--cluster", "team"], "would break them up", "kind: cluster"),
        (["--resample", "randomisation"], "nobody did", "kind: pairs"),
        (["--resample", "pairs", "--draws", "9999999"], "draws", "1000000"),
    ],
)
def test_a_kind_that_does_not_fit_is_refused_with_a_remedy(
    arguments: list[str], message: str, remedy: str, command: Command
) -> None:
    ended = command(*ANALYZE, "--methods", "regression", *arguments)
    assert ended.status == 2, ended
    assert ended.out == ""
    said, advised = ended.err.strip().splitlines()[-2:]
    assert said.startswith("Error: ")
    assert message in said
    assert remedy in advised


def test_too_few_draws_are_refused_as_they_are_read(command: Command) -> None:
    ended = command(*ANALYZE, "--resample", "pairs", "--draws", "50")
    assert ended.status == 2
    assert "--draws" in ended.err
    assert ended.out == ""
