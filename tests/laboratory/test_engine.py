"""The same numbers at any number of workers, and a run that goes on where it stopped."""

import json
from pathlib import Path

import pandas as pd
import pytest

import estimand as es
from estimand.laboratory import calibrate, judge, tables
from estimand.laboratory.calibrate import Calibration
from estimand.laboratory.cells import Setting
from estimand.laboratory.engine import Batch, batched, perform
from estimand.laboratory.repetition import Trial, stream, trials
from estimand.laboratory.store import Shelf, pack, unpack
from estimand.laboratory.worlds.catalog import WORLDS

SMALL = {"methods": ("difference", "regression"), "worlds": ("small_n", "few_clusters")}


def silent(label: str, done: int, total: int) -> None:
    """Say nothing."""


def numbers(folder: Path) -> dict[str, list[object]]:
    """Every raw number but the seconds, by file and repetition."""
    out = {}
    for path in sorted(folder.rglob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        found = unpack(lines, 10_000)
        out[path.relative_to(folder).as_posix()] = [
            (r, t.value, t.std_error, t.low, t.high, t.p_value, t.truth, t.target, t.code, t.message)
            for r, t in found.items()
        ]
    return out


def test_the_number_of_workers_moves_no_digit(tmp_path: Path) -> None:
    for workers in (1, 2):
        Calibration(tmp_path / str(workers), repetitions=30, workers=workers, **SMALL).run(silent)
    alone, together = numbers(tmp_path / "1" / "raw"), numbers(tmp_path / "2" / "raw")
    assert alone == together
    assert len(alone["seed-0/small_n/regression.jsonl"]) == 30


def test_a_run_that_goes_on_ends_where_one_that_never_stopped_does(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Calibration(whole, repetitions=8, **SMALL).run(silent)
    Calibration(parts, repetitions=3, methods=("regression",), worlds=("small_n",)).run(silent)
    Calibration(parts, repetitions=8, **SMALL).run(silent)
    assert numbers(parts / "raw") == numbers(whole / "raw")


def test_what_is_there_is_not_done_again(tmp_path: Path) -> None:
    heard: list[str] = []
    calibration = Calibration(tmp_path, repetitions=3, **SMALL)
    calibration.run(silent)
    calibration.run(lambda label, done, total: heard.append(label))
    assert heard == []


def test_a_line_cut_short_is_done_again(tmp_path: Path) -> None:
    calibration = Calibration(tmp_path, repetitions=3, methods=("difference",), worlds=("small_n",))
    calibration.run(silent)
    before = numbers(tmp_path / "raw")
    (path,) = tmp_path.rglob("*.jsonl")
    text = path.read_text(encoding="utf-8")
    path.write_text(text[:-30], encoding="utf-8")
    calibration.run(silent)
    assert numbers(tmp_path / "raw") == before


def test_numbers_of_something_else_are_begun_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "a.jsonl", {"world": "one"})
    shelf.add({"repetitions": [0]})
    assert Shelf(tmp_path / "a.jsonl", {"world": "two"}).lines() == []
    Shelf(tmp_path / "a.jsonl", {"world": "two"}).add({"repetitions": [1]})
    assert Shelf(tmp_path / "a.jsonl", {"world": "two"}).lines() == [{"repetitions": [1]}]
    assert shelf.lines() == []


def test_trials_come_back_as_they_were_packed() -> None:
    made = [Trial(1.25, None, -float("inf"), 2.0, None, 0.5, "ATE", 0.125), Trial(code="UNSUPPORTED", message="No.")]
    line = json.loads(json.dumps(pack([4, 2], made)))
    assert unpack([line], 10) == {2: made[1], 4: made[0]}
    assert list(unpack([line], 10)) == [2, 4]
    assert list(unpack([line], 4)) == [2]


def test_batches_are_fixed_blocks_of_what_lacks_the_same() -> None:
    lacking = {r: ("a",) if r == 30 else ("a", "b") for r in range(20, 52)}
    lacking[21] = ()
    made = list(batched(0, "small_n", lacking))
    assert [b.repetitions for b in made] == [
        (20, 22, 23, 24), (25, 26, 27, 28, 29, *range(31, 50)), (30,), (50, 51),
    ]  # fmt: skip
    assert {b.settings for b in made} == {("a",), ("a", "b")}


def test_a_refusal_is_a_result_with_its_code_and_words() -> None:
    (made,) = trials(0, WORLDS["few_clusters"], 0, [Setting("matching", "matching")])
    assert made.code == "UNSUPPORTED"
    assert "independent rows" in made.message
    assert made.value is None


def test_an_estimate_is_the_one_a_user_gets() -> None:
    world = WORLDS["small_n"]
    line = perform(Batch(0, "small_n", (5,), ("regression_att",)))["regression_att"]
    table = pd.DataFrame(world.draw(stream(0, world, 5)).table)
    own = es.estimate(table, world.mapping(), "regression", target="ATT")
    assert line["value"][0] == pytest.approx(float(own.value[0]), rel=1e-9)
    assert [line["low"][0], line["high"][0]] == pytest.approx(own.interval()[0].tolist(), rel=1e-9)


def test_the_truth_of_a_caliper_is_that_of_those_it_matched() -> None:
    world = WORLDS["heterogeneous_effects"]
    (pairs,) = trials(0, world, 0, [Setting("caliper", "matching", {"caliper": 0.02, "replace": False})])
    (again,) = trials(0, world, 1, [Setting("caliper", "matching", {"caliper": 0.02, "replace": False})])
    assert pairs.target == again.target == "ATM"
    assert pairs.truth != again.truth
    draw = world.draw(stream(0, world, 0))
    assert draw.effect.min() < pairs.truth < draw.effect.max()


def test_only_a_cell_that_fails_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "KNOWN", {})
    monkeypatch.setattr(judge, "KNOWN", {})
    monkeypatch.setattr(calibrate, "RERUN", 30)
    calibration = Calibration(tmp_path, repetitions=22, methods=("matching",), worlds=("well_specified",), rerun=True)
    calibration.run(silent)
    found = {c.setting: c for c in calibration.cells()}
    assert found["matching_pairs_plain"].ruling == "fail"
    assert {key: c.repetitions for key, c in found.items() if c.ruling == "fail"} == {
        key: 30 for key, c in found.items() if c.ruling == "fail"
    }
    assert found["matching_mahalanobis_ate"].repetitions == 22


def test_an_unknown_word_is_refused_by_name(tmp_path: Path) -> None:
    for given in ({"methods": ("ipv",)}, {"checks": ("balance.sdm",)}, {"worlds": ("weak_overlaps",)}):
        with pytest.raises(es.DesignError) as caught:
            Calibration(tmp_path, **given).run(silent)
        assert caught.value.code == "UNSUPPORTED"
        assert "Did you mean" in caught.value.remedy or caught.value.remedy
