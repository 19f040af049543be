"""A/A tests: what is assigned, what a method makes of it, and that a wrong method is found out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

import estimand as es
from estimand.core.design import as_design
from estimand.core.finding import Grade
from estimand.core.metric import Metric
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.stats.reassignment import shuffled, uniform_p_value
from estimand.study.aa_units import metric_blocks, units_of

METRICS = [{"column": "y", "covariate": "x"}, {"name": "per order", "column": "y", "denominator": "orders"}]


def table(n: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    frame = pd.DataFrame({"v": rng.choice(["A", "B", "C"], n), "x": x, "y": 1e6 + x + rng.normal(size=n)})
    frame["orders"], frame["country"] = 1 + rng.poisson(2.0, n), rng.choice(["NL", "BE"], n)
    frame.loc[::7, "x"] = np.nan
    frame.loc[::11, "y"] = np.nan
    return frame


def design(**more: object) -> dict[str, object]:
    return {"kind": "experiment", "variant": "v", "metrics": METRICS, **more}


@pytest.mark.parametrize("more", [{}, {"strata": ["country"]}, {"cluster": "user"}], ids=str)
def test_moments_of_an_assignment_are_those_of_a_table_so_assigned(more: dict[str, object]) -> None:
    frame = table()
    frame["user"] = np.arange(len(frame)) // 3
    frame["v"] = frame.groupby("user")["v"].transform("first")
    sample = build_sample(read_table(frame), as_design(design(**more)))
    units = units_of(sample)
    (dealt,) = shuffled(units.arm, units.stratum, 1, np.random.default_rng(1))
    again = dealt if sample.cluster is None else dealt[sample.cluster]
    moved = frame.assign(v=np.array(sample.arms)[again])
    for one, method in ((METRICS[0], "cuped"), (METRICS[1], "difference")):
        metric = Metric(**one)
        (moments,) = metric_blocks(sample, metric, units).moments(dealt[None], sample.arms)
        ours = es.estimate(moments, design(**more), method, outcome=metric.name)
        direct = es.estimate(moved, design(**more), method, outcome=metric.name)
        np.testing.assert_allclose(ours.value, direct.value, rtol=0.0, atol=1e-8 * float(direct.std_error.min()))
        np.testing.assert_allclose(ours.std_error, direct.std_error, rtol=1e-8)


def test_arms_keep_their_sizes_within_strata() -> None:
    frame = table()
    sample = build_sample(read_table(frame), as_design(design(strata=["country"])))
    units = units_of(sample)
    dealt = shuffled(units.arm, units.stratum, 50, np.random.default_rng(2))
    for s in range(2):
        inside = units.stratum == s
        expected = np.bincount(units.arm[inside], minlength=3)
        assert all((np.bincount(row[inside], minlength=3) == expected).all() for row in dealt)
    share = (dealt == 0).mean(axis=0)
    assert share.std() < 0.1


def test_rates_of_sound_methods_are_as_stated_and_the_seed_decides() -> None:
    made = es.aa(table(), design(), repetitions=600)
    assert made.of("aa.size")[0].grade is Grade.PASS
    rates = np.array(made.table["rate"])
    assert rates.shape == (6,)
    assert (np.abs(rates - 0.05) <= 4.0 * np.sqrt(0.05 * 0.95 / 600)).all()
    assert [finding.about for finding in made.of("aa.failed")] == ["cuped:per order"]
    assert np.array_equal(made.p_values, es.aa(table(), design(), repetitions=600, threads=2).p_values)
    assert sum(made.of("aa.size")[0].evidence["count"]) == 6 * 600


def test_a_method_that_two_units_decide_is_found_out() -> None:
    """Two values among 400 rows are all there is: Welch does not know, and its p-values are not uniform."""
    frame = table(400)
    frame["y"] = 0.0
    frame.loc[:1, "y"] = 1_000.0
    made = es.aa(frame.assign(v=np.where(np.arange(400) % 8 == 0, "B", "A")), design(metrics=["y"]), ["difference"])
    (found,) = made.of("aa.size")
    assert found.grade is Grade.WARN
    assert made.table["uniform"][0] < 1e-6


def test_distance_from_uniform_against_scipy() -> None:
    values = np.random.default_rng(3).beta(1.2, 1.0, 300)
    expected = kstest(values, "uniform", method="exact")
    assert uniform_p_value(values) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(es.DesignError, match="metrics"):
        es.aa(table(), {"kind": "experiment", "variant": "v", "outcome": "y"})
    with pytest.raises(es.DesignError, match="needs rows"):
        es.aa(table(), design(), ["regression"])
    with pytest.raises(es.DesignError, match="tell nothing"):
        es.aa(table(), design(), repetitions=10)
    with pytest.raises(es.UnsupportedError, match="two arms"):
        es.aa(table().assign(user=0), design(cluster="user"))


def test_the_command_line_prints_it(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    program = [sys.executable, "-c", "from estimand.cli import main; main()"]
    command = [*program, "aa", str(tmp_path / "t.csv"), "--treatment", "v"]
    asked = [*command, "--metrics", "y,y/orders", "--methods", "difference", "--reps", "100"]
    done = subprocess.run([*asked, "--json"], capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["table"]) == 4
    shown = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert "assigned anew 100 times" in shown.stdout
