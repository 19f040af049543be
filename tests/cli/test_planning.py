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


def test_figures_are_drawn_where_they_are_asked_for(command: Command, tmp_path: Path) -> None:
    words = ("power", "past.parquet", "--metric", "spend", "--mde", "0.5")
    for name, begins in (("drawn/curve.svg", b"<svg"), ("curve.png", b"\x89PNG")):
        ended_well(command, *words, "--figure", name)
        assert (tmp_path / name).read_bytes().startswith(begins)
    refused = command(*words, "--figure", "curve.pdf")
    assert refused.status == 2
    assert ".svg or .png" in refused.err


def test_the_first_arm_of_a_plan_is_control_and_segments_are_in_it(command: Command) -> None:
    words = ("plan", "past.parquet", "--question", "Does it pay?", "--primary", "spend", "--mde", "0.1", "--relative")
    planned = ("--arms", "old,new", "--segments", "country,device", "--exposed", "seen", "--strata", "site")
    design = yaml.safe_load(ended_well(command, *words, *planned))["design"]
    assert design["control"] == "old"
    assert design["roles"]["segments"] == ["country", "device"]
    assert (design["exposed"], design["strata"]) == ("seen", ["site"])


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    arm, before = rng.choice(["old", "new"], 400), rng.gamma(2.0, 2.0, 400)
    frame = pd.DataFrame({"v": arm, "before": before, "spend": before + rng.gamma(2.0, 2.0, 400), "visits": 2})
    frame["late"] = rng.gamma(9.0, 1.0, 400)
    frame.to_csv(tmp_path / "shop.csv", index=False)
    return tmp_path / "shop.csv"


def test_metrics_make_an_experiment_and_are_written_as_in_a_plan(command: Command, shop: Path) -> None:
    measured = ("--metrics", "spend@before:revenue,spend/visits", "--guardrails", "late:decrease:10%")
    ended = command("analyze", str(shop), "--variant", "v", "--control", "old", *measured, "--json")
    assert ended.status == 0, ended.err
    record = json.loads(ended.out)
    assert record["design"]["kind"] == "experiment"
    spend, ratio, late = record["design"]["metrics"]
    assert (spend["covariate"], spend["kind"], ratio["kind"], late["role"]) == (
        "before",
        "revenue",
        "ratio",
        "guardrail",
    )
    assert {"cuped:spend", "difference:spend/visits"} <= {estimate["id"] for estimate in record["estimates"]}


def test_a_plan_is_run_on_other_data(command: Command, shop: Path, tmp_path: Path) -> None:
    words = ("plan", "--question", "Does it pay?", "--primary", "spend@before", "--treatment", "v", "--arms", "old,new")
    given = ("--units", "400", "--data", "shop.csv", "--out", "study.yaml")
    ended_well(command, *words[:1], str(shop), *words[1:], *given)
    pd.read_csv(shop).head(200).to_csv(tmp_path / "half.csv", index=False)
    whole = json.loads(command("run", "study.yaml", "--json").out)
    half = json.loads(command("run", "study.yaml", "--data", "half.csv", "--json").out)
    assert (whole["sample"]["rows_used"], half["sample"]["rows_used"]) == (400, 200)
    for record in (whole, half):
        assert "plan.registered" in {finding["check"] for finding in record["findings"]}
