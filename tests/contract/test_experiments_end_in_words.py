"""What goes wrong in experiments ends in a finding, a veto or an error that says what to do, by every method."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import estimand as es
from estimand.core.catalog import keys, resolve
from estimand.core.design import Experiment
from estimand.core.finding import Grade
from estimand.core.uncertainty import Regions
from tests.cli.in_process import Command, command_of

OF_EXPERIMENTS = [key for key in keys("methods") if resolve("methods", key).spec.needs_metrics]
METHODS = ["difference", "regression", *OF_EXPERIMENTS]
DESIGN: dict[str, Any] = {"kind": "experiment", "variant": "v", "control": "A", "took": "took", "strata": "s"}
METRIC: dict[str, Any] = {"name": "y", "column": "y", "covariate": "x"}
KINDS: dict[str, dict[str, Any]] = {"proportion": {"name": "y", "column": "bought", "kind": "proportion"}}


def users(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    v = rng.choice(["A", "B", "C"], n)
    x = rng.normal(size=n)
    return pd.DataFrame(
        {
            "user": np.arange(n),
            "v": v,
            "x": x,
            "y": 5.0 + x + rng.normal(size=n) + 0.3 * (v == "B"),
            "d": rng.poisson(2.0, n) + 1.0,
            "bought": (rng.random(n) < 0.3).astype(int),
            "s": rng.choice(["p", "q"], n),
            "took": ((rng.random(n) < 0.7) & (v != "A")).astype(int),
            "exposed": pd.Timestamp("2026-03-01") + pd.to_timedelta(rng.integers(0, 10, n), unit="D"),
            "measured": pd.Timestamp("2026-04-01"),
        }
    )


@dataclass(frozen=True)
class Trouble:
    """A table with something wrong, and what is to be heard of it.

    ``finding`` is the check that must tell, with at least a note; without one every method must refuse, saying one of
    the words of ``error``.
    """

    frame: Callable[[], pd.DataFrame]
    metric: dict[str, Any] = field(default_factory=dict)
    design: dict[str, Any] = field(default_factory=dict)
    finding: str | None = None
    error: tuple[str, ...] = ()

    def asked(self, method: str) -> dict[str, Any]:
        metric = {**METRIC, **self.metric} if self.metric else KINDS.get(method, METRIC)
        return {"design": {**DESIGN, "metrics": [metric], **self.design}, "methods": [method]}

    def serves(self, method: str) -> bool:
        kind = self.asked(method)["design"]["metrics"][0].get("kind", "mean")
        return ("ratio" if "denominator" in self.metric else kind) in resolve("methods", method).spec.metrics


def two_arms() -> pd.DataFrame:
    frame = users()
    again = frame[frame["v"] == "A"].head(5).assign(v="B")
    return pd.concat([frame, again], ignore_index=True)


def without_arm_c(column: str) -> pd.DataFrame:
    frame = users()
    return frame.assign(**{column: frame[column].where(frame["v"] != "C")})


TROUBLES = {
    "times before exposure": Trouble(
        lambda: users().assign(measured=lambda rows: rows["exposed"] - pd.to_timedelta(rows["user"] % 3, unit="D")),
        design={"exposed": "exposed", "roles": {"timestamp": "measured"}},
        finding="experiment.exposure_time",
    ),
    "a user in two arms": Trouble(two_arms, design={"unit": "user"}, error=("arms",)),
    "a metric without variance": Trouble(
        lambda: users().assign(y=3.0, bought=1), error=("in every unit", "in every row")
    ),
    "an arm without users": Trouble(
        lambda: users().assign(y=without_arm_c("y")["y"], bought=without_arm_c("bought")["bought"]), error=("'C'",)
    ),
    "a planned arm nobody is in": Trouble(
        lambda: users()[lambda rows: rows["v"] != "C"],
        design={"planned": {"allocation": {"A": 1, "B": 1, "C": 1}}},
        error=("none of it",),
    ),
    "negative revenue": Trouble(
        lambda: users().assign(y=lambda rows: rows["y"].where(rows["user"] % 50 > 0, -rows["y"])),
        metric={"kind": "revenue"},
        finding="metric.unexpected",
    ),
    "a ratio with some zero denominators": Trouble(
        lambda: users().assign(d=lambda rows: rows["d"].where(rows["user"] % 5 > 0, 0.0)),
        metric={"denominator": "d"},
        finding="metric.unexpected",
    ),
    "a ratio of zeros in one arm": Trouble(
        lambda: users().assign(d=lambda rows: rows["d"].where(rows["v"] != "B", 0.0)),
        metric={"denominator": "d"},
        error=("denominator",),
    ),
    "a ratio of zeros throughout": Trouble(
        lambda: users().assign(d=0.0), metric={"denominator": "d"}, error=("denominator",)
    ),
}
# A set of proportions has a width even where no unit differs.
SAID_BY_THE_METHOD = {("a metric without variance", "proportion"): "proportion.constant"}
CASES = [(name, method) for name, trouble in TROUBLES.items() for method in METHODS if trouble.serves(method)]


@cache
def ended(name: str, method: str) -> es.StudyRecord | es.EstimandError:
    trouble = TROUBLES[name]
    try:
        return es.run({"data": trouble.frame(), **trouble.asked(method)})
    except es.EstimandError as error:
        return error


def test_all_methods_of_experiments_are_asked() -> None:
    assert {method for _, method in CASES} == set(METHODS)
    assert all(Experiment in resolve("methods", key).spec.designs for key in METHODS)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_it_ends_in_a_finding_or_an_error_with_a_remedy(name: str, method: str) -> None:
    trouble, found = TROUBLES[name], ended(name, method)
    if isinstance(found, es.EstimandError):
        assert found.remedy
        assert trouble.finding is None, found.message
        assert any(words in found.message for words in trouble.error), found.message
        return
    heard = trouble.finding or SAID_BY_THE_METHOD.get((name, method))
    told = [finding for finding in found.findings if finding.check == heard]
    assert told
    assert all(finding.grade in {Grade.NOTE, Grade.WARN, Grade.VETO} for finding in told)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_no_number_of_it_is_not_a_number(name: str, method: str) -> None:
    found = ended(name, method)
    if isinstance(found, es.EstimandError):
        return
    json.dumps(found.to_dict(), allow_nan=False)
    for estimate in found.estimates:
        assert np.isfinite(estimate.value).all()
        assert not np.isnan(estimate.interval()).any()
        assert isinstance(estimate.uncertainty, Regions) or np.isfinite(estimate.interval()).all()


@pytest.mark.parametrize("name", TROUBLES)
def test_the_command_line_says_so_without_a_trace(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = TROUBLES[name]
    trouble.frame().to_parquet(tmp_path / "users.parquet")
    study = {"data": str(tmp_path / "users.parquet"), **trouble.asked("difference")}
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    command: Command = command_of(capsys, monkeypatch)
    shown = command("run", str(tmp_path / "study.yaml"), "--json")
    assert "Traceback" not in shown.err
    if trouble.finding is None:
        assert shown.status == 2
        assert shown.out == ""
        assert shown.err.strip().startswith("Error: ")
    else:
        record = json.loads(shown.out)
        assert trouble.finding in {finding["check"] for finding in record["findings"]}
