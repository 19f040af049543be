"""The bundled datasets: what they say of themselves, and that it is so."""

import json
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import estimand as es
from estimand.core.design import as_design
from estimand.core.finding import Grade
from estimand.core.question import Question
from estimand.data import datasets, lalonde, outreach
from estimand.data.build import build_sample
from estimand.data.source import read_table
from estimand.errors import Code, DataError, DesignError, MissingDependency, UnsupportedError
from estimand.stats.arrays import Floats

STUDIED = tuple(name for name in datasets.names() if datasets.describe(name).design)


@pytest.mark.parametrize("name", STUDIED)
def test_a_card_describes_what_is_loaded(name):
    card, frame = datasets.describe(name), datasets.load(name)
    assert len(frame) == card.rows
    assert frame.attrs["name"] == name
    assert frame.attrs["design"] == card.attributes()["design"]
    assert type(frame.attrs["design"].get("covariates", frame.attrs["design"].get("metrics"))) is list
    assert Question(**frame.attrs["question"]).benchmarks
    design = as_design(frame.attrs["design"])
    sample = build_sample(read_table(name, design.columns()), design)
    assert sample.n == card.rows
    assert sample.arms == (("current", "guided") if name.startswith("onboarding") else ("0", "1"))
    assert all(finding.grade is Grade.PASS for finding in sample.findings)
    assert json.loads(json.dumps(card.to_dict()))["name"] == name


def test_names_are_promised():
    assert datasets.names() == (
        "lalonde", "lalonde_experiment", "outreach", "llm_logs", "tutoring", "retention",
        "onboarding", "onboarding_log", "onboarding_history",
    )  # fmt: skip


def test_a_history_brings_no_design():
    assert len(datasets.load("onboarding_history")) == datasets.describe("onboarding_history").rows
    with pytest.raises(DesignError, match="needs 'design'"):
        es.run({"data": "onboarding_history"})


def test_a_frame_does_not_share_what_it_says_with_the_next():
    datasets.load("outreach").attrs["design"]["covariates"].clear()
    assert len(datasets.load("outreach").attrs["design"]["covariates"]) == 7


@pytest.mark.parametrize("ask", [datasets.describe, datasets.load, datasets.generate])
def test_an_unknown_name_names_the_nearest(ask):
    with pytest.raises(DesignError) as caught:
        ask("lalond")
    assert caught.value.remedy == "Did you mean 'lalonde'?"


# LaLonde


def welch(frame: pd.DataFrame) -> tuple[float, float]:
    arms = [frame.loc[frame["treat"] == arm, "re78"] for arm in (1, 0)]
    return arms[0].mean() - arms[1].mean(), np.sqrt(sum(values.var() / len(values) for values in arms))


def test_lalonde_is_the_trained_beside_the_survey():
    frame = datasets.load("lalonde")
    assert frame["treat"].value_counts().to_dict() == {0: 15_992, 1: 185}
    assert tuple(frame.columns) == ("treat", "age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75", "re78")
    difference, _ = welch(frame)
    assert difference == pytest.approx(-8497.516, abs=1e-3)
    assert frame.attrs["question"]["target"] == "ATT"
    assert frame.attrs["truth"] is None


def test_the_benchmark_is_the_experiment_s_own_difference():
    frame = datasets.load("lalonde_experiment")
    assert frame["treat"].value_counts().to_dict() == {0: 260, 1: 185}
    assert welch(frame) == pytest.approx((1794.34, 671.00), abs=5e-3)
    for name in ("lalonde", "lalonde_experiment"):
        (benchmark,) = datasets.describe(name).attributes()["question"]["benchmarks"]
        assert benchmark["label"] == "NSW experiment"
        assert (benchmark["value"], benchmark["std_error"]) == pytest.approx(welch(frame), rel=1e-12)


def test_without_its_package_lalonde_says_what_to_install(monkeypatch):
    monkeypatch.setattr(lalonde, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency) as caught:
        datasets.load("lalonde")
    assert 'pip install "estimand[demo]"' in caught.value.remedy
    assert datasets.describe("lalonde").needs == 'pip install "estimand[demo]"'


def test_lalonde_is_read_without_importing_the_package_it_comes_with():
    datasets.load("lalonde_experiment")
    assert find_spec("causaldata") is not None
    assert "causaldata" not in sys.modules


def test_recorded_data_cannot_be_generated():
    with pytest.raises(UnsupportedError, match="was recorded"):
        datasets.generate("lalonde")


# Outreach


def simulated(rows: int, seed: int) -> tuple[pd.DataFrame, dict[str, Floats]]:
    frame = datasets.generate("outreach", rows=rows, seed=seed)
    accounts = {name: frame[name].to_numpy() for name in outreach.COVARIATES}
    return frame, {
        "propensity": outreach.propensity(accounts),
        "risk": outreach.churn_risk(accounts),
        "effect": outreach.effects(accounts),
    }


def test_outreach_has_its_columns():
    frame = datasets.load("outreach")
    assert tuple(frame.columns) == (
        "account_id",
        "outreach",
        "churn",
        "company_size",
        "tenure_months",
        "usage_score",
        "prior_tickets",
        "health_score",
        "region",
        "segment",
        "post_outreach_engagement",
    )
    assert frame["account_id"].iloc[122] == "acct-000123"
    assert frame["account_id"].is_unique
    assert frame[["health_score", "usage_score"]].stack().between(0, 100).all()
    assert frame["region"].nunique() == 4
    assert frame.attrs["design"]["roles"] == {"post_treatment": ["post_outreach_engagement"]}


def test_the_same_seed_gives_the_same_accounts():
    first, again = datasets.generate("outreach", rows=300, seed=9), datasets.generate("outreach", rows=300, seed=9)
    pd.testing.assert_frame_equal(first, again)
    assert first.attrs == again.attrs
    assert not first["churn"].equals(datasets.generate("outreach", rows=300, seed=10)["churn"])
    pd.testing.assert_frame_equal(datasets.load("outreach"), datasets.generate("outreach"))


def test_probabilities_stay_inside_their_bounds_at_every_corner():
    corners = pd.MultiIndex.from_product(
        [outreach.SIZES, (1, 84), (4.0, 96.0), (0, 10), (13.0, 97.0), outreach.REGIONS, outreach.SEGMENTS],
        names=outreach.COVARIATES,
    ).to_frame(index=False)
    accounts = {name: corners[name].to_numpy() for name in corners}
    risk, effect, score = outreach.churn_risk(accounts), outreach.effects(accounts), outreach.propensity(accounts)
    assert risk.min() > 0.03
    assert risk.max() < 0.95
    assert (risk + effect).min() > 0.03
    assert effect.max() < 0
    assert 0.05 < score.min() < score.max() < 0.91


def test_the_stated_truths_are_the_population_s():
    truth = datasets.describe("outreach").truth
    means = []
    for seed in range(4):
        _, exact = simulated(100_000, seed)
        score, risk, effect = exact["propensity"], exact["risk"], exact["effect"]
        naive = np.average(risk + effect, weights=score) - np.average(risk, weights=1 - score)
        means.append((effect.mean(), np.average(effect, weights=score), naive))
    ate, att, naive = np.mean(means, axis=0)
    assert truth["ate"] == -0.046
    assert ate == pytest.approx(truth["ate"], abs=2e-4)
    assert att == pytest.approx(truth["att"], abs=2e-4)
    assert naive == pytest.approx(truth["naive_population"], abs=1e-3)


def test_sample_truth_is_the_mean_effect_on_the_accounts_drawn():
    frame, exact = simulated(2_000, 5)
    assert frame.attrs["truth"]["sample_ate"] == pytest.approx(exact["effect"].mean(), abs=1e-12)
    assert set(frame.attrs["truth"]) == {"ate", "att", "sample_ate", "naive_population"}


def adjusted_effect(frame: pd.DataFrame, *extra: str) -> float:
    """Arm-wise least squares, averaged over everyone."""
    encoded = pd.get_dummies(frame[[*outreach.COVARIATES, *extra]], drop_first=True).to_numpy(dtype=float)
    design = np.column_stack([np.ones(len(frame)), encoded - encoded.mean(axis=0)])
    churn, treated = frame["churn"].to_numpy(dtype=float), frame["outreach"].to_numpy() == 1
    fits = [np.linalg.lstsq(design[rows], churn[rows], rcond=None)[0][0] for rows in (treated, ~treated)]
    return fits[0] - fits[1]


def test_adjusting_recovers_the_truth_and_the_bait_spoils_it():
    frame = datasets.generate("outreach", rows=400_000, seed=3)
    churn = frame.groupby("outreach")["churn"].mean()
    assert churn[1] - churn[0] == pytest.approx(0.0802, abs=0.008)
    assert adjusted_effect(frame) == pytest.approx(-0.046, abs=0.008)
    assert adjusted_effect(frame, "post_outreach_engagement") > 0.01


@pytest.mark.nightly
def test_least_squares_by_arm_is_unbiased_for_the_truth():
    draws = [adjusted_effect(datasets.generate("outreach", seed=seed)) for seed in range(200)]
    assert abs(np.mean(draws) + 0.046) < 4 * np.std(draws, ddof=1) / np.sqrt(200)


@pytest.mark.parametrize(("rows", "seed", "words"), [(3, 0, "3 rows are too few"), (100, -1, "-1 is no seed")])
def test_an_unusable_size_or_seed_is_refused(rows, seed, words):
    with pytest.raises(DesignError, match=words):
        datasets.generate("outreach", rows=rows, seed=seed)


# Writing


def test_parquet_keeps_what_a_frame_says_of_itself(tmp_path):
    frame = datasets.generate("outreach", rows=80, seed=2)
    datasets.write(frame, tmp_path / "o.parquet")
    kept = json.loads(pq.read_schema(tmp_path / "o.parquet").metadata[b"estimand"])
    assert kept == frame.attrs
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "o.parquet"), frame, check_dtype=False)


@pytest.mark.parametrize("name", ["o.csv", "o.csv.gz"])
def test_csv_keeps_it_in_a_file_beside(name, tmp_path):
    frame = datasets.generate("outreach", rows=80, seed=2)
    datasets.write(frame, str(tmp_path / name))
    kept = json.loads((tmp_path / f"{name}.meta.json").read_text(encoding="utf-8"))
    assert kept == frame.attrs
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / name), frame, check_dtype=False)


def test_written_data_give_the_same_sample(tmp_path):
    frame = datasets.generate("outreach", rows=200, seed=2)
    design = as_design(frame.attrs["design"])
    expected = build_sample(read_table(frame), design).fingerprint
    for name in ("o.csv", "o.parquet"):
        datasets.write(frame, tmp_path / name)
        assert build_sample(read_table(tmp_path / name), design).fingerprint == expected


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    frame = datasets.generate("outreach", rows=80)
    with pytest.raises(DataError) as caught:
        datasets.write(frame, tmp_path / "o.xlsx")
    assert caught.value.code is Code.UNSUPPORTED
    for name in ("o.csv", "o.parquet"):
        with pytest.raises(DataError, match="could not be written"):
            datasets.write(frame, tmp_path / "nowhere" / name)
