"""What is measured of experiments: truths against draws, rules, sums that add up, looks against the method itself."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import estimand as es
from estimand.core.catalog import keys, resolve
from estimand.core.experiment_rates import measured_rates, rate_of, read_rates
from estimand.errors import DesignError
from estimand.laboratory.experiments import allocation, families, history, looks, planning, sizes
from estimand.laboratory.experiments.draws import COMPLIERS
from estimand.laboratory.experiments.measure import Measuring, Task, every_part, perform, rates_text
from estimand.laboratory.experiments.readings import READINGS
from estimand.laboratory.experiments.rules import Share, keeps_coverage, keeps_size, near_points, near_ratio, ruled
from estimand.laboratory.experiments.tally import added
from estimand.laboratory.experiments.worlds import EXPERIMENT_WORLDS
from estimand.laboratory.page import page
from estimand.laboratory.page_experiments import experiments

WORLDS = {world.key: world for world in EXPERIMENT_WORLDS}
TABLES = 40
SIZES = {"bought|difference": (100.0, 0.0, 100.0, 5.0, 100.0, 95.0)}


def drawn(world: str) -> dict[str, np.ndarray]:
    """Many tables of a world as one."""
    tables = [WORLDS[world].draw(np.random.default_rng(j)) for j in range(TABLES)]
    return {name: np.concatenate([np.asarray(table[name]) for table in tables]) for name in tables[0]}


def value_of(metric: dict[str, object], table: dict[str, np.ndarray], rows: np.ndarray) -> tuple[float, float]:
    """Level of a metric over some rows, with a standard error that takes rows for independent."""
    y = table[str(metric["column"])][rows]
    if "denominator" in metric:
        below = table[str(metric["denominator"])][rows]
        level = y.sum() / below.sum()
        return level, float(np.std(y - level * below) / below.mean() / np.sqrt(y.size))
    if "winsor" in metric:
        y = np.minimum(y, np.quantile(table[str(metric["column"])], float(str(metric["winsor"]))))
    return float(y.mean()), float(y.std() / np.sqrt(y.size))


CASES = [(w.key, m["name"]) for w in EXPERIMENT_WORLDS for m in w.metrics if (m["name"], "effect") in w.truths]


@pytest.mark.parametrize(("world", "name"), CASES)
def test_effects_are_those_of_the_tables_drawn_and_an_arm_is_like_control(world: str, name: str) -> None:
    table = drawn(world)
    (metric,) = (dict(m) for m in WORLDS[world].metrics if m["name"] == name)
    found = {arm: value_of(metric, table, table["arm"] == arm) for arm in "ABC"}
    # Rows of a cluster go together: up to nine or thirty of them, half of whose variance they share.
    wider = {"clusters": 2.5, "few clusters": 4.0}.get(world, 1.0)
    # The offer moves those who take it because of it.
    share = COMPLIERS if world == "takers" else 1.0
    for arm, truth in (("B", 0.0), ("C", share * WORLDS[world].truths[name, "effect"])):
        error = wider * np.hypot(found["A"][1], found[arm][1])
        assert abs(found[arm][0] - found["A"][0] - truth) < 4.0 * error


@pytest.mark.parametrize(("name", "column"), [("normal", "normal"), ("spend", "spend"), ("visits", "visits")])
def test_the_chance_to_be_above_control_is_that_of_the_tables_drawn(name: str, column: str) -> None:
    table = drawn("users")
    control, treated = (table[column][table["arm"] == arm] for arm in "AC")
    n = min(control.size, treated.size)
    above = np.where(treated[:n] == control[:n], 0.5, treated[:n] > control[:n])
    assert abs(above.mean() - WORLDS["users"].truths[name, "index"]) < 4.0 * above.std() / np.sqrt(n)


@pytest.mark.parametrize(("name", "share"), [("spend", 0.9), ("median spend", 0.5)])
def test_quantiles_move_as_in_the_tables_drawn(name: str, share: float) -> None:
    table = drawn("users")
    control, treated = (np.sort(table["spend"][table["arm"] == arm]) for arm in "AC")
    ends = []
    for sample in (control, treated):
        reach = 4.0 * np.sqrt(share * (1.0 - share) / sample.size)
        ends.append(np.quantile(sample, [share - reach, share + reach]))
    truth = WORLDS["users"].truths[name, f"quantile {share:g}"]
    assert ends[1][0] - ends[0][1] < truth < ends[1][1] - ends[0][0]


def test_sums_add_up_whatever_is_asked_for() -> None:
    one, other = {"a": (1.0, 2.0)}, {"a": (3.0, 0.0), "b": (1.0, 1.0)}
    assert added(one, other) == {"a": (4.0, 2.0), "b": (1.0, 1.0)}


def test_a_cell_is_the_same_alone_as_among_all_and_batches_are_of_their_own() -> None:
    cell = "bought|difference"
    alone = perform(Task(3, "sizes, rare", 0, frozenset({cell})))
    assert set(alone) == {cell}
    tables, refused, tested, rejected, judged, covering = alone[cell]
    assert (tables, refused, tested, judged) == (100.0, 0.0, 100.0, 100.0)
    assert rejected < 20.0
    assert covering > 80.0
    again = perform(Task(3, "sizes, rare", 0, frozenset({cell, "bought|proportion"})))
    assert again[cell] == alone[cell]
    assert perform(Task(3, "sizes, rare", 1, frozenset({cell}))) != alone


def test_an_exact_test_keeps_to_three_errors_and_a_conservative_one_below() -> None:
    three = 3.0 * float(np.sqrt(0.05 * 0.95 / 10_000))
    for off, kept in ((0.99, True), (1.01, False)):
        for sign in (-1.0, 1.0):
            found = Share(10_000 * (0.05 + sign * off * three), 10_000)
            assert keeps_size("exact", found, 0.05) is kept
    assert keeps_size("conservative", Share(500.0, 10_000.0), 0.05)
    assert not keeps_size("conservative", Share(501.0, 10_000.0), 0.05)
    assert not keeps_size("exact", Share(0.0, 0.0), 0.05)
    assert keeps_coverage("exact", Share(9_500.0, 10_000.0))
    assert not keeps_coverage("exact", Share(9_700.0, 10_000.0))
    assert keeps_coverage("conservative", Share(9_700.0, 10_000.0))
    assert not keeps_coverage("conservative", Share(9_300.0, 10_000.0))
    assert (ruled(True, ""), ruled(False, "why"), ruled(False, "")) == ("pass", "known", "fail")
    assert near_ratio(0.2038, 0.2)
    assert not near_ratio(0.205, 0.2)
    assert near_points(0.8099, 0.8)
    assert not near_points(0.7899, 0.8)


@pytest.mark.parametrize("procedure", [p for p in looks.procedures(1.0) if p.options], ids=lambda p: p.name)
def test_limits_are_those_of_the_method_itself(procedure: looks.Procedure) -> None:
    """The half width at some look is that of ``sequential`` on the same moments."""
    at = len(procedure.at) // 2
    units = int((procedure.at[at] + 1) * looks.BLOCK)
    rng = np.random.default_rng(8)
    table = pa.table({"arm": np.where(rng.random(units) < 0.5, "B", "A"), "y": rng.standard_normal(units)})
    mixed = {"effect_sd": looks.EXPECTED_SD} if procedure.options["kind"] == "msprt" else {}
    design = {"kind": "experiment", "treatment": "arm", "control": "A", "metrics": ["y"]}
    read = es.estimate(table, design, "sequential", **{**procedure.options, **mixed})
    low, high = read.interval()[0]
    error = np.full((1, len(procedure.at)), float(np.atleast_1d(read.details["std_error"])[0]))
    assert 0.5 * (high - low) == pytest.approx(procedure.radius(error)[0, at], rel=1e-8)


def test_looks_read_the_difference_of_the_means_with_welch() -> None:
    (world,) = (looks.DATA[name] for name in looks.DATA if name.startswith("normal"))
    gap, error = looks.drawn(world.draw, 0.5, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    value = world.draw(rng, (looks.BATCH, looks.UNITS))[0]
    one = (rng.random((looks.BATCH, looks.UNITS)) < 0.5)[0]
    arms = [value[:500][~one[:500]], value[:500][one[:500]]]
    at = 500 // looks.BLOCK - 1
    assert gap[0, at] == pytest.approx(arms[1].mean() - arms[0].mean(), abs=1e-12)
    assert error[0, at] == pytest.approx(np.sqrt(sum(a.var(ddof=1) / a.size for a in arms)), rel=1e-10)


def test_moments_drawn_as_such_are_those_of_normal_users() -> None:
    rng = np.random.default_rng(4)
    drawn_moments = [history.drawn_case(0.7, rng).metric_moments().parts[0] for _ in range(400)]
    cross = np.mean([part.cross for part in drawn_moments], axis=(0, 1)) / (history.UNITS - 1)
    assert cross == pytest.approx(np.array([[1.0, 0.7], [0.7, 1.0]]), abs=4.0 * np.sqrt(2.0 / 800 / history.UNITS))
    means = np.concatenate([part.means for part in drawn_moments])
    assert np.cov(means.T) * history.UNITS == pytest.approx(np.array([[1.0, 0.7], [0.7, 1.0]]), abs=4.0 * 0.05)


def test_history_takes_its_share_off_the_variance() -> None:
    rates = history.rates(0.9, perform(Task(1, "history, 0.9", 0)))
    estimates, stated = rates
    assert abs(estimates.measured - 0.19) < 4.0 * estimates.error
    assert stated.measured == pytest.approx(0.19, rel=0.01)


def test_false_alarms_of_allocation_are_few_and_losses_are_seen() -> None:
    quiet = perform(Task(1, "allocation, 50 : 50, 100,000 units", 0))
    loud = perform(Task(1, "allocation, 51 : 49 for 50 : 50, 100,000 units", 0))
    for test in (allocation.AT_END, allocation.RUNNING):
        assert quiet[test][1] <= 6.0
        assert loud[test][1] > 900.0


def test_any_of_six_tests_errs_more_often_than_one_and_corrections_never_find_more() -> None:
    tally = perform(Task(1, "families", 0))
    assert tally["none"][1] >= tally["holm"][1]
    assert tally["holm"][1] >= tally["bonferroni"][1]
    assert set(tally) == {"none", *(kind for kind, _ in families.KINDS)}


def test_power_is_compared_at_the_units_that_are_drawn() -> None:
    held = planning.planned("mean, small")
    assert held.units == 34
    assert held.power > 0.8
    for tables, ruling in ((10_000.0, "fail"), (1_000.0, "published")):
        (rate,) = planning.rates("mean, small", {"difference": (tables, 0.82 * tables)})
        assert (rate.expected, rate.ruling) == (held.power, ruling)


def test_rates_are_read_back_as_they_were_written() -> None:
    rates = sizes.rates("rare", SIZES)
    (back,) = read_rates(rates_text(rates, "estimand 9.9; estimand calibrate --experiments"))
    assert (back.measured, back.coverage, back.rule, back.ruling) == (0.05, 0.95, "exact", "pass")
    words = "finds an effect that is not there in 5.0% of experiments (stated: 5%); 95% intervals cover 95.0%"
    assert back.words() == words


def test_the_page_marks_what_misses_and_puts_it_first() -> None:
    missing = {"bought|difference": (10_000.0, 0.0, 10_000.0, 800.0, 10_000.0, 9_500.0)}
    text = rates_text(sizes.rates("rare", missing), "estimand 9.9; estimand calibrate --experiments")
    shown = experiments(text)
    assert "**0 of 1 rates keep their line.** 1 miss it" in shown
    assert shown.index("### Where a rate misses its line") < shown.index("### Error of tests")
    assert "| proportion: bought | `difference` | exact | **8.0 ± 0.3** | **95.0 ± 0.2** | 0 | 10,000 |" in shown
    empty = "# estimand 9.9; x\nworld\n"
    assert "## Experiments" not in page(empty, empty)
    assert "## Experiments" in page(empty, empty, text)


def test_a_store_is_gone_on_with_and_its_table_keeps_what_it_did_not_measure(tmp_path: Path) -> None:
    key = "sizes, rare"
    measuring = Measuring(tmp_path, seed=5, parts=(key,), share=0.01)
    measuring.run(lambda label, done, total: None)
    written = read_rates((tmp_path / "experiments.csv").read_text(encoding="utf-8"))
    own = [rate for rate in written if f'--part "{key}"' in rate.command]
    assert own
    assert {rate.tables for rate in own} == {100}
    others = [rate for rate in measured_rates() if f'--part "{key}"' not in rate.command]
    assert [rate for rate in written if rate not in own] == others
    asked = []
    measuring.run(lambda label, done, total: asked.append(label))
    assert not asked


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(DesignError, match="called 'sices'"):
        Measuring(Path(), parts=("sices",)).chosen()


def test_parts_have_names_of_their_own() -> None:
    names = [part.key for part in every_part()]
    assert len(names) == len(set(names))


METRIC_METHODS = ["difference", *(key for key in keys("methods") if resolve("methods", key).spec.needs_metrics)]


@pytest.mark.parametrize("key", METRIC_METHODS)
def test_every_method_of_metrics_is_measured_in_some_simulated_experiment(key: str) -> None:
    assert any(reading.method == key for own in READINGS.values() for reading in own)


@pytest.mark.parametrize("world", READINGS)
def test_readings_name_metrics_and_options_that_there_are(world: str) -> None:
    names = {metric.name for metric in WORLDS[world].design.metrics}
    for reading in READINGS[world]:
        assert set(reading.metrics) <= names
        made = resolve("methods", reading.method)(**reading.options)
        assert {name: made.options()[name] for name in reading.options} == dict(reading.options)


@pytest.mark.nightly
def test_everything_of_experiments_has_been_measured() -> None:
    found = {(r.part, r.situation, r.metric.partition(": ")[2], r.setting) for r in measured_rates()}
    wanted = {("sizes", w, metric, r.key) for w, own in READINGS.items() for r in own for metric in r.metrics}
    assert not wanted - found
    held = {rate.command for rate in measured_rates()}
    assert not [part.key for part in every_part() if not any(f'--part "{part.key}"' in made for made in held)]


@pytest.mark.nightly
def test_a_study_cites_what_was_measured_of_its_method() -> None:
    found = rate_of("cuped", {"slopes": "arm"}, "mean", "users")
    assert found is not None
    assert (found.setting, found.metric) == ("cuped", "mean: normal")
    assert rate_of("cuped", {"slopes": "pooled"}, "mean", "users").setting == "cuped_pooled"
    assert rate_of("cuped", {"slopes": "arm"}, "retention", "users") is None


def test_a_cell_that_joins_is_measured_alone(tmp_path: Path) -> None:
    measuring = Measuring(tmp_path, seed=5, parts=("sizes, takers",), share=0.01)
    (part,) = measuring.chosen()
    shelf = measuring.shelf(part)
    shelf.add({"batch": 0, "sums": {"normal|cace": (1.0, 0.0, 1.0, 0.0, 1.0, 1.0)}})
    (task,) = measuring.lacking(part)
    assert (task.batch, task.cells) == (0, frozenset({"normal|cace_unadjusted"}))
