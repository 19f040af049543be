"""The command that measures error rates, as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

from estimand.core.calibration import card, read_cells
from estimand.core.experiment_rates import rates_of, read_rates

COMMAND = Path(sys.executable).with_name("estimand")


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False, cwd=cwd, timeout=120)


def test_it_measures_writes_and_goes_on(tmp_path: Path) -> None:
    asked = ("calibrate", "--method", "difference,matching", "--design", "few_clusters,small_n", "--workers", "1")
    made = call(*asked, "--reps", "3", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout == ""
    folder = tmp_path / "estimand-out" / "calibration"
    cells = {(c.world, c.setting): c for c in read_cells((folder / "methods.csv").read_text(encoding="utf-8"))}
    assert cells["few_clusters", "matching"].code == "UNSUPPORTED"
    assert cells["small_n", "difference"].repetitions == 3
    assert cells["small_n", "difference"].target == "ASSOCIATION"
    assert "# Calibration" in (folder / "calibration.md").read_text(encoding="utf-8")
    again = call(*asked, "--reps", "4", "--publish", cwd=tmp_path)
    assert again.returncode == 2
    assert "checkout" in again.stderr
    more = {(c.world, c.setting): c for c in read_cells((folder / "methods.csv").read_text(encoding="utf-8"))}
    assert more["small_n", "difference"].repetitions == 4


def test_an_unknown_design_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    made = call("calibrate", "--design", "weak_overlp", cwd=tmp_path)
    assert made.returncode == 2
    assert "weak_overlap" in made.stderr
    assert not (tmp_path / "estimand-out").exists()


def test_a_manual_says_what_was_measured(tmp_path: Path) -> None:
    made = call("methods", "ipw", cwd=tmp_path)
    assert card("ipw").lines()[0] in made.stdout
    assert card("ipw").command in made.stdout
    told = json.loads(call("methods", "ipw", "--json", cwd=tmp_path).stdout)
    assert told["measured"] == list(card("ipw").lines())


def test_what_is_known_of_experiments_is_rendered_and_an_unknown_part_refused(tmp_path: Path) -> None:
    made = call("calibrate", "--experiments", "--render", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    folder = tmp_path / "estimand-out" / "calibration"
    rates = read_rates((folder / "experiments.csv").read_text(encoding="utf-8"))
    assert {rate.part for rate in rates} >= {"sizes", "looks"}
    assert "## Experiments" in (folder / "calibration.md").read_text(encoding="utf-8")
    refused = call("calibrate", "--experiments", "--part", "sices", cwd=tmp_path)
    assert refused.returncode == 2
    assert "sizes" in refused.stderr


def test_a_manual_says_what_was_measured_in_experiments(tmp_path: Path) -> None:
    made = call("methods", "cuped", "--json", cwd=tmp_path)
    assert json.loads(made.stdout)["measured_in_experiments"] == [rate.line() for rate in rates_of("cuped")]
    assert "finds an effect that is not there" in call("methods", "cuped", cwd=tmp_path).stdout
