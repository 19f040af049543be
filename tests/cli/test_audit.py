"""The audit command as a user meets it: whole processes, real files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import estimand as es

COMMAND = Path(sys.executable).with_name("estimand")


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, "audit", *arguments], capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    d = rng.integers(0, 2, 800)
    frame = pd.DataFrame({"promo": d, "spend": rng.normal(size=800) + d, "age": rng.normal(40.0, 9.0, 800)})
    frame["sent"] = frame["promo"].map({0: "no", 1: "yes"})
    frame["when"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 60, 800), unit="D")
    frame["clicks"] = frame["promo"] + rng.normal(size=800)
    frame.loc[frame["promo"].eq(1) & (rng.random(800) < 0.3), "age"] = None
    place = tmp_path_factory.mktemp("audit") / "shop.csv"
    frame.to_csv(place, index=False)
    return place


def test_a_warning_exits_0_and_names_the_column_and_the_remedy(table: Path, tmp_path: Path) -> None:
    made = call(
        str(table), "--treatment", "promo", "--outcome", "spend", "--covariates", "age", "--timestamp", "when",
        "--post-treatment", "clicks", "--out", str(tmp_path / "new" / "out"),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    for word in ("Verdict: warn", "missing", "age", "Ask why it is missing", "checks passed"):
        assert word in made.stdout
    written = {path.name for path in (tmp_path / "new" / "out").iterdir()}
    assert written == {"audit.json", "audit.html"}
    content = json.loads((tmp_path / "new" / "out" / "audit.json").read_text(encoding="utf-8"))
    record = es.AuditRecord.from_dict(content)
    assert record.of("audit.timing")[0].grade is es.Grade.PASS
    assert "audit.html" in made.stderr


def test_a_veto_exits_3(table: Path) -> None:
    made = call(str(table), "--treatment", "promo", "--outcome", "spend", "--covariates", "sent")
    assert made.returncode == 3
    assert "treatment_leak" in made.stdout
    assert "Traceback" not in made.stderr


def test_json_is_all_that_is_printed(table: Path) -> None:
    made = call(str(table), "--treatment", "promo", "--outcome", "spend", "--json")
    assert made.returncode == 0
    assert json.loads(made.stdout)["kind"] == "audit"
    assert made.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--treatment", "promos", "--outcome", "spend"), "Did you mean 'promo'?"),
        (("--treatment", "promo", "--outcome", "spend", "--design", "trial"), "no design of kind 'trial'"),
        (("--treatment", "promo", "--outcome", "spend", "--covariates", "spend"), "cannot be both"),
    ],
)
def test_bad_input_exits_2_with_a_sentence(table: Path, arguments: tuple[str, ...], words: str) -> None:
    made = call(str(table), *arguments)
    assert made.returncode == 2
    assert words in made.stderr
    assert "Traceback" not in made.stderr
    assert made.stdout == ""
