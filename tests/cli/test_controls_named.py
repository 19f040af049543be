"""``estimand analyze`` takes negative control outcomes and exposures as a study file does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from in_process import Command, command_of

ANALYZE = ["analyze", "t.csv", "--treatment", "treated", "--outcome", "sales", "--covariates", "age"]
CONTROLS = ["--negative-controls", "before, weather", "--negative-exposures", "elsewhere"]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line, beside a table where a hidden cause moves treatment, outcome and all but one control."""
    rng = np.random.default_rng(6)
    hidden, age = rng.normal(size=(2, 600))
    table = {
        "treated": (hidden + age + rng.normal(size=600) > 0).astype(int),
        "sales": hidden + age + rng.normal(size=600),
        "age": age,
        "before": hidden + age + rng.normal(size=600),
        "weather": rng.normal(size=600),
        "elsewhere": hidden + rng.normal(size=600),
    }
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return command_of(capsys, monkeypatch)


def findings(out: str, check: str) -> list[dict[str, Any]]:
    return [finding for finding in json.loads(out)["findings"] if finding["check"] == check]


def test_both_roles_reach_the_design_and_their_checks(command: Command) -> None:
    ended = command(*ANALYZE, *CONTROLS, "--methods", "regression", "--json")
    assert ended.status == 0, ended
    roles = json.loads(ended.out)["design"]["roles"]
    assert roles["negative_controls"] == ["before", "weather"]
    assert roles["negative_exposures"] == ["elsewhere"]
    (outcome,) = findings(ended.out, "stress.negative_control_outcome")
    (exposure,) = findings(ended.out, "stress.negative_control_exposure")
    assert (outcome["grade"], outcome["subject"]) == ("warn", "before")
    assert (exposure["grade"], exposure["subject"]) == ("warn", "elsewhere")


def test_without_the_flags_there_is_nothing_to_check(command: Command) -> None:
    ended = command(*ANALYZE, "--methods", "regression", "--json")
    assert ended.status == 0, ended
    assert not findings(ended.out, "stress.negative_control_outcome")
    assert not findings(ended.out, "stress.negative_control_exposure")


@pytest.mark.parametrize("flag", ["--negative-controls", "--negative-exposures"])
@pytest.mark.parametrize(
    ("column", "words"), [("befor", "has no column 'befor'"), ("sales", "'sales'"), ("age", "'age'")]
)
def test_a_column_that_is_absent_or_has_another_role_is_refused(
    flag: str, column: str, words: str, command: Command
) -> None:
    ended = command(*ANALYZE, flag, column, "--methods", "regression")
    assert ended.status == 2, ended
    message, remedy = ended.err.strip().splitlines()[-2:]
    assert message.startswith("Error: ")
    assert words in message
    assert remedy
    assert ended.out == ""
