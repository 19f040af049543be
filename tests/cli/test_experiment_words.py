"""An A/B test on the command line: what is missing or wrong is said with its remedy, and what fits best leads."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from in_process import Command, command_of


def table(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"v": rng.choice(["A", "B"], rows), "spend": rng.gamma(2.0, 5.0, rows), "num": 1})
    frame["before"] = frame["spend"] + rng.normal(size=rows)
    frame.loc[: rows // 2, "num"] = 2
    return frame


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    frame = table()
    frame.to_csv(tmp_path / "ab.csv", index=False)
    frame.head(2).to_csv(tmp_path / "two.csv", index=False)
    frame.assign(v="A").to_csv(tmp_path / "one.csv", index=False)
    frame.loc[::9, "v"] = "None"
    frame.loc[::10, "v"] = None
    frame.to_csv(tmp_path / "blank.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return command_of(capsys, monkeypatch)


@pytest.mark.parametrize(
    ("arguments", "said", "remedy"),
    [
        (("ab.csv", "--variant", "v"), "Nothing is named that was measured", "--metrics spend"),
        (("ab.csv", "--metrics", "spend"), "which arm a row is in", "--treatment variant"),
        (
            ("ab.csv", "--variant", "variant", "--metrics", "spend"),
            "no column 'variant'",
            "Known: before, num, spend, v",
        ),
        (("ab.csv", "--variant", "v", "--metrics", "spned"), "no column 'spned'", "Did you mean 'spend'"),
        (("ab.csv", "--variant", "v", "--metrics", "spend:avg"), "'avg'", "latency:decrease:2%"),
        (("ab.csv", "--variant", "v", "--metrics", "spend", "--control", "C"), "labelled 'C'", "Known: A, B"),
        (("two.csv", "--variant", "v", "--metrics", "spend"), "2 rows of two.csv", "Add rows"),
        (("one.csv", "--variant", "v", "--metrics", "spend"), "one value only, 'A'", "other arm"),
        (("ab.csv", "--variant", "v", "--metrics", "spend", "--segments", "nu"), "no column 'nu'", "'num'"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(command: Command, arguments: tuple[str, ...], said: str, remedy: str):
    ended = command("analyze", *arguments)
    assert ended.status == 2
    assert said in ended.err
    assert remedy in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("aa", "ab.csv", "--variant", "v"), "--metrics spend"),
        (("plan", "ab.csv", "--primary", "spend", "--mde", "1"), "--question"),
        (("plan", "ab.csv", "--question", "Does it pay?", "--mde", "1"), "--primary spend"),
    ],
)
def test_other_commands_say_what_they_need(command: Command, arguments: tuple[str, ...], remedy: str) -> None:
    ended = command(*arguments)
    assert ended.status == 2
    assert remedy in ended.err.splitlines()[-1]


def test_history_leads_where_there_is_any_and_nothing_is_tried_that_has_nothing_to_use(command: Command) -> None:
    for metric, leads in (("spend@before", "cuped"), ("spend", "difference")):
        record = json.loads(command("analyze", "ab.csv", "--variant", "v", "--metrics", metric, "--json").out)
        assert record["headline"] == leads
        assert not [finding for finding in record["findings"] if finding["check"].endswith(".failed")]


def test_arms_may_be_numbers_and_arms_named_as_blanks_are_asked_about(command: Command) -> None:
    named = ("--metrics", "spend", "--json")
    numbered = json.loads(command("analyze", "ab.csv", "--variant", "num", "--control", "2", *named).out)
    assert list(numbered["sample"]["arms"]) == ["2", "1"]
    record = json.loads(command("analyze", "blank.csv", "--variant", "v", *named).out)
    (asked,) = [finding for finding in record["findings"] if finding["check"] == "sample.arm_named_blank"]
    assert asked["grade"] == "warn"
    assert "'None'" in asked["message"]
    assert asked["statistic"] == record["sample"]["arms"]["None"]
