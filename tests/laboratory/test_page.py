"""The page and the tables behind it: read back as written, and never apart from each other."""

import re
from pathlib import Path

import pytest

from estimand.core.calibration import Heard, Measured, read_cells, read_checks
from estimand.laboratory.cells import Setting
from estimand.laboratory.findings import Told
from estimand.laboratory.page import page
from estimand.laboratory.picture import FILLS, picture
from estimand.laboratory.repetition import Trial
from estimand.laboratory.tables import cell, cells_text, check_cell, checks_text, warnings_about
from estimand.laboratory.worlds.catalog import WORLDS

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "src" / "estimand" / "measured"
COVERS, MISSES = Trial(0.3, 0.1, 0.1, 0.5, 0.01, 0.3, "ATE", 0.01), Trial(0.9, 0.1, 0.7, 1.1, 0.01, 0.3, "ATE", 0.01)
REFUSED = Trial(code="UNSUPPORTED", message="It takes | no clusters.")
IPW, MATCHING = Setting("ipw_att", "ipw", {"target": "ATT"}), Setting("matching", "matching")
WARNED = [Told("balance.smd", "ipw_att", "warn"), Told("balance.smd", "matching", "veto")]


def cells() -> tuple:
    heard = [WARNED, WARNED, [Told("balance.smd", "ipw_att", "pass")], [Told("design.target", "study", "veto")]]
    return (
        cell(WORLDS["well_specified"], IPW, [COVERS] * 95 + [MISSES] * 5, heard, 0),
        cell(WORLDS["heavy_tails"], IPW, [COVERS] * 50 + [MISSES] * 50, heard, 0),
        cell(WORLDS["heavy_tails"], MATCHING, [COVERS] * 20 + [MISSES] * 80, [[]], 0),
        cell(WORLDS["few_clusters"], MATCHING, [REFUSED] * 30, [], 0),
    )


def text() -> str:
    return cells_text(cells(), "estimand 9.9; estimand calibrate --reps 100")


def test_cells_are_read_back_as_they_were_written() -> None:
    written, found = cells(), read_cells(text())
    for before, after in zip(written, found, strict=True):
        for name in ("world", "setting", "method", "target", "repetitions", "ruling", "reason", "code", "command"):
            assert getattr(after, name) == getattr(before, name), name
        assert dict(after.options) == dict(before.options)
        assert (after.heard, after.told) == (before.heard, before.told)
        assert after.coverage == before.coverage
    assert found[0].numbers["coverage"] == Measured(0.95, pytest.approx(0.022, abs=1e-3))
    assert [c.ruling for c in found] == ["pass", "fail", "fail", "refused"]


def test_the_page_says_first_how_many_pass_and_which_fail() -> None:
    shown = page(text(), checks_text([], "x; y"))
    assert "**1 of 3 cells pass**" in shown
    assert "2 fail" in shown
    assert "1 are refused" in shown
    before_tables = shown.split("## By method")[0]
    assert "| `matching` | heavy tails | 20.0 ± 4.0 |" in before_tables
    assert "**nothing: a gap**" in before_tables
    assert "warn `balance.smd` 50 %" in before_tables
    assert before_tables.index("`matching`") < before_tables.index("`ipw_att`")
    assert "It takes | no clusters." in shown
    assert "`estimand calibrate --reps 100`, with estimand 9.9" in shown


def test_a_failing_cell_is_bold_and_a_refusal_is_a_word_in_the_table_of_methods() -> None:
    table = page(text(), checks_text([], "x; y")).split("## By method")[1].split("## By world")[0]
    (row,) = [line for line in table.splitlines() if line.startswith("| `matching`")]
    assert row == "| `matching` | – | **20.0** | unsupported |"


def test_warnings_count_tables_and_the_worst_grade_of_each() -> None:
    heard = [WARNED, [Told("a", "study", "warn"), Told("a", "study", "veto")], [], []]
    assert warnings_about("ipw_att", heard) == (Heard("a", "veto", 0.25), Heard("balance.smd", "warn", 0.25))
    assert warnings_about("other", [WARNED]) == ()


def test_rates_of_a_check_are_averaged_over_tables() -> None:
    one = [Told("weights.max_share", key, grade) for key, grade in (("ipw", "warn"), ("aipw", "pass"))]
    two = [Told("weights.max_share", "ipw", "not_run"), Told("weights.max_share", "ipw_ato", "warn")]
    made = check_cell("weights.max_share", WORLDS["weak_overlap"], [one, two, []], 0)
    assert (made.role, made.alarm, made.tables, made.answers) == ("present", "warn", 2, 3)
    assert made.rate == Measured(0.25, 0.25)
    assert dict(made.grades) == pytest.approx({"pass": 1 / 3, "note": 0, "warn": 1 / 3, "veto": 0, "not_run": 1 / 3})
    assert check_cell("weights.max_share", WORLDS["weak_overlap"], [[]], 0) is None


def test_a_descriptive_check_has_grades_and_no_rate() -> None:
    made = check_cell("stress.e_value", WORLDS["well_specified"], [[Told("stress.e_value", "ipw", "note")]], 0)
    assert (made.role, made.rate) == ("descriptive", Measured())
    (back,) = read_checks(checks_text([made], "x; y"))
    assert dict(back.grades) == {"pass": 0.0, "note": 1.0, "warn": 0.0, "veto": 0.0, "not_run": 0.0}
    assert "descriptive" in page(text(), checks_text([made], "x; y"))


def test_false_alarms_are_pooled_over_worlds_with_the_worst_beside_them() -> None:
    quiet, loud = [[Told("balance.smd", "ipw", grade)] for grade in ("pass", "warn")]
    places = {"balanced": [quiet] * 4, "randomised": [quiet, quiet, loud, quiet]}
    made = [check_cell("balance.smd", WORLDS[key], heard, 0) for key, heard in places.items()]
    assert "| 12.5 ± 12.5 in 2 worlds; worst: randomised 25.0 ± 25.0 |" in page(text(), checks_text(made, "x; y"))
    assert "| 0 (within 75) in 1 world |" in page(text(), checks_text(made[:1], "x; y"))


def test_the_committed_page_is_the_one_its_tables_make() -> None:
    names = ("methods.csv", "checks.csv", "experiments.csv")
    methods, checks, experiments = ((MEASURED / name).read_text(encoding="utf-8") for name in names)
    assert (ROOT / "docs" / "calibration.md").read_text(encoding="utf-8") == page(methods, checks, experiments)
    assert (ROOT / "docs" / "calibration.svg").read_text(encoding="utf-8") == picture(read_cells(methods))


def test_the_picture_has_a_box_for_every_cell_and_marks_what_fails() -> None:
    drawn = picture(read_cells(text()))
    said = re.findall(r"<g><title>(.*?)</title>", drawn)
    assert said == [
        "ipw_att, well specified: 95.0", "ipw_att, heavy tails: 50.0", "matching, heavy tails: 20.0",
        "matching, few clusters: UNSUPPORTED",
    ]  # fmt: skip
    fills = re.findall(r'</title><rect [^>]*fill="(.*?)"', drawn)
    assert fills == [FILLS[ruling][0] for ruling in ("pass", "fail", "fail", "refused")]
