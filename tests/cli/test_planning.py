"""Planning from the command line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from in_process import Command, command_of

import estimand as es
from estimand.cli.metric_words import read_arms, read_metric
from estimand.errors import DesignError


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command line, beside a history."""
    rng = np.random.default_rng(4)
    before = rng.lognormal(1.0, 0.5, 1_000)
    frame = {"before": before, "spend": before + rng.lognormal(0.0, 0.5, 1_000), "latency": rng.gamma(9.0, 10.0, 1_000)}
    pd.DataFrame(frame).to_parquet(tmp_path / "past.parquet")
    monkeypatch.chdir(tmp_path)
    return command_of(capsys, monkeypatch)


def ended_well(command: Command, *arguments: str) -> str:
    """What a command printed that ended well."""
    ended = command(*arguments)
    assert ended.status == 0, ended
    return ended.out


def test_power_from_a_history(command: Command) -> None:
    words = ("power", "past.parquet", "--metric", "spend", "--covariate", "before", "--mde", "0.02", "--relative")
    found = json.loads(ended_well(command, *words, "--daily", "100", "--json"))
    same = es.power("past.parquet", metric={"column": "spend", "covariate": "before"}, mde=0.02, relative=True)
    assert found["units"] == pytest.approx(same.units)
    assert found["days"] == pytest.approx(same.units / 100.0)
    shown = ended_well(command, *words)
    assert f"{sum(same.arms.values()):,} units" in shown
    assert "History explains" in shown


def test_power_from_numbers_with_looks(command: Command) -> None:
    words = ("power", "--metric", "bought:proportion", "--baseline", "0.1", "--mde", "0.05", "--arms", "A=2,B=1")
    looks = ("--looks", "3", "--sequential", "group_sequential", "--simulate", "50")
    shown = ended_well(command, *words, *looks)
    assert "Looks take" in shown
    assert "experiments by sequential" in shown
    found = json.loads(ended_well(command, *words, "--json"))
    assert found["arms"]["A"] == pytest.approx(2 * found["arms"]["B"], abs=2)


def test_a_plan_is_a_study_file(command: Command, tmp_path: Path) -> None:
    words = ("plan", "past.parquet", "--question", "Does it pay?", "--primary", "spend@before:revenue",
             "--guardrails", "latency:decrease:3%", "--mde", "0.1", "--relative", "--arms", "A,B")  # fmt: skip
    text = ended_well(command, *words)
    content = yaml.safe_load(text)
    spend, latency = content["design"]["metrics"]
    assert (spend["kind"], spend["covariate"], latency["margin"]) == ("revenue", "before", 0.03)
    assert content["design"]["planned"]["allocation"] == {"A": 1.0, "B": 1.0}
    said = ended_well(command, *words, "--out", "study.yaml")
    assert "Digest:" in said
    assert (tmp_path / "study.yaml").read_text(encoding="utf-8") == text
    assert json.loads(ended_well(command, *words, "--json"))["study"] == content


def test_words_of_a_metric() -> None:
    assert read_metric("orders/visits@before:ratio:decrease:2%", "guardrail") == {
        "name": "orders/visits", "column": "orders", "role": "guardrail", "denominator": "visits",
        "covariate": "before", "kind": "ratio", "direction": "decrease", "margin": 0.02, "margin_kind": "relative",
    }  # fmt: skip
    assert read_metric("latency:0.5")["margin"] == 0.5
    assert read_arms("A=0.8, B") == {"A": 0.8, "B": 1.0}
    for wrong in ("spend:much", ""):
        with pytest.raises(DesignError):
            read_metric(wrong)
    with pytest.raises(DesignError):
        read_arms("A=half")


def test_what_cannot_be_planned_is_told(command: Command) -> None:
    ended = command("power", "--metric", "spend", "--mde", "0.1")
    assert ended.status == 2
    assert "Give a history" in ended.err
