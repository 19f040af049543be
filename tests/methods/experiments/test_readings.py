"""Ranks, quantiles, proportions and posteriors of a metric: second ways to the same numbers, and coverage."""

import numpy as np
import pytest
from scipy import stats

import estimand as es
from tests.methods.experiments.experiment_data import made, users
from tests.reference_data import matches, reference, table
from tests.repeated import by_day_and_night


def arms(frame, column: str):
    return [frame.loc[frame["variant"] == arm, column].to_numpy(float) for arm in ("A", "B", "C")]


def test_ranks_of_each_arm_against_control() -> None:
    frame = users()
    read = made("rank_test", "plain", frame)
    control, *others = arms(frame, "spend")
    for j, other in enumerate(others):
        witness = stats.mannwhitneyu(other, control, method="asymptotic")
        assert read.details["wins"][j] == pytest.approx(witness.statistic, rel=1e-12)
        assert read.p_value[j] == pytest.approx(witness.pvalue, rel=1e-9)
        assert read.value[j] == pytest.approx((other[:, None] > control).mean(), rel=1e-12)
    assert read.target == "PROBABILITY_INDEX"
    plain = made("rank_test", "plain", frame, correct=False)
    assert (plain.p_value < read.p_value).all()


def test_lalonde_by_ranks() -> None:
    frame = table("lalonde_nsw_dw")
    design = {"kind": "experiment", "treatment": "treat", "metrics": ["re78"], "control": "1"}
    read = es.estimate(frame, design, "rank_test")
    matches("lalonde.nsw_dw.mannwhitney", value=read.details["wins"][0])
    assert read.p_value[0] == pytest.approx(reference("lalonde.nsw_dw.mannwhitney")["p"], rel=1e-8)


def test_ranks_that_do_not_overlap_are_told() -> None:
    frame = users(300)
    read = made("rank_test", "plain", frame.assign(spend=frame["spend"] + 1e3 * (frame["variant"] == "B")))
    assert read.value[0] == 1.0
    assert read.interval()[0][1] == 1.0
    assert [finding.check for finding in read.findings] == ["rank_test.apart"]


@pytest.mark.parametrize("method", ["rank_test", "quantile"])
def test_what_needs_rows_says_so(method: str) -> None:
    record = es.run(
        {
            "question": "?",
            "data": users(400),
            "design": {"kind": "experiment", "variant": "variant", "control": "A", "metrics": ["spend"]},
            "methods": [method],
        }
    )
    assert any(finding.check == "experiment.second_pass" and method in finding.message for finding in record.findings)


def test_quantile_is_the_metrics_own_or_as_asked() -> None:
    frame = users()
    own, several = made("quantile", "q90", frame), made("quantile", "q90", frame, quantile=(0.25, 0.5, 0.9))
    control, *others = arms(frame, "spend")
    tops = [np.quantile(other, 0.9, method="averaged_inverted_cdf") for other in (control, *others)]
    assert own.value == pytest.approx([tops[1] - tops[0], tops[2] - tops[0]], rel=1e-10)
    assert own.value == pytest.approx([several.value[2], several.value[5]], rel=1e-12)
    assert several.terms[2].at == {"arm": "B", "quantile": 0.9}
    band, alone = several.interval(joint=True), several.interval()
    assert (band[:, 0] < alone[:, 0]).all()
    assert own.relative().value[0] == pytest.approx(own.value[0] / own.baseline.value[0])


def test_quantile_error_is_that_of_the_density() -> None:
    """√(τ(1-τ)/n) / f(q) in each arm, with the true density of a normal."""
    rng, n = np.random.default_rng(1), 200_000
    frame = users(n).assign(spend=rng.normal(0.0, 2.0, n), variant=np.where(rng.random(n) < 0.4, "B", "A"))
    read = made("quantile", "plain", frame, quantile=0.8)
    density = stats.norm.pdf(stats.norm.ppf(0.8)) / 2.0
    expected = np.sqrt(0.16 * (1.0 / (0.4 * n) + 1.0 / (0.6 * n))) / density
    # The density is counted over some 450 units an arm, so the error has one of its own of 3 %.
    assert read.std_error[0] == pytest.approx(expected, rel=0.13)


@by_day_and_night(100, 250)
def test_quantile_holds_with_clusters(repetitions: int) -> None:
    """Users with ten sessions of one level: rows taken for independent would err by a factor of two and more."""
    rng, held, naive = np.random.default_rng(2), 0, 0
    for seed in range(repetitions):
        level = np.repeat(rng.exponential(2.0, 120), 10)
        frame = users(1_200, seed).assign(
            spend=level + rng.normal(0.0, 0.7, 1_200), variant=np.repeat(rng.permutation(["A", "B"] * 60), 10)
        )
        frame["user"] = np.repeat(np.arange(120), 10)
        read = made("quantile", "plain", frame, {"cluster": "user"}, quantile=0.7)
        low, high = read.interval()[0]
        held += bool(low <= 0.0 <= high)
        low, high = made("quantile", "plain", frame, quantile=0.7).interval()[0]
        naive += bool(low <= 0.0 <= high)
    assert held / repetitions == pytest.approx(0.95, abs=4.0 * np.sqrt(0.05 * 0.95 / repetitions))
    assert naive / repetitions < 0.8


def test_quantile_at_a_heap_is_refused() -> None:
    frame = users()
    with pytest.raises(es.IdentificationError, match="is the value of"):
        made("quantile", "plain", frame.assign(spend=frame["spend"].clip(lower=6.0)), quantile=0.4)
    with pytest.raises(es.DesignError, match="do not ascend"):
        made("quantile", "plain", frame, quantile=(0.5, 0.5))


def test_proportion_by_its_three_tests() -> None:
    frame = users()
    control, *others = arms(frame, "bought")
    z, exact = (made("proportion", "bought", frame, test=test) for test in ("pooled_z", "fisher"))
    for j, other in enumerate(others):
        counts = np.array([[x.sum(), (1.0 - x).sum()] for x in (other, control)])
        assert z.p_value[j] == pytest.approx(stats.chi2_contingency(counts, correction=False).pvalue, rel=1e-8)
        assert exact.p_value[j] == pytest.approx(stats.fisher_exact(counts).pvalue, rel=1e-8)
        conditional = stats.contingency.odds_ratio(counts.astype(int))
        ends = conditional.confidence_interval(0.95)
        assert exact.details["odds_ratio"][j] == pytest.approx([conditional.statistic, ends.low, ends.high], rel=1e-6)
        plain = stats.contingency.odds_ratio(counts.astype(int), kind="sample")
        ends = plain.confidence_interval(0.95)
        assert z.details["odds_ratio"][j] == pytest.approx([plain.statistic, ends.low, ends.high], rel=1e-8)
    assert z.value == pytest.approx(made("difference", "bought", frame).value, rel=1e-12)
    low, high = z.interval().T
    assert (low < z.value).all()
    assert (z.value < high).all()
    by_country = made("proportion", "bought", frame, {"strata": ["country"]}, test="cmh", correct=False)
    assert by_country.p_value == pytest.approx(z.p_value, abs=0.05)
    assert (by_country.p_value != z.p_value).all()


def test_admissions_by_department() -> None:
    counts = np.array(reference("cmh.ucb")["extra"]["counts"]).reshape(-1, 2, 2)
    rows = [
        {"sex": "first" if j == 0 else "second", "admitted": 1 - k, "department": f"{d}"}
        for d, both in enumerate(counts)
        for j in (0, 1)
        for k in (0, 1)
        for _ in range(int(both[j, k]))
    ]
    metric = {"name": "admitted", "kind": "proportion", "column": "admitted"}
    design = {
        "kind": "experiment",
        "treatment": "sex",
        "control": "second",
        "metrics": [metric],
        "strata": "department",
    }
    read = es.estimate(es.core.table.Table({k: [row[k] for row in rows] for k in rows[0]}).to_frame(), design,
                       "proportion", test="cmh")  # fmt: skip
    entry = reference("cmh.ucb")
    assert read.details["odds_ratio"][0] == pytest.approx([entry["value"], *entry["ci"]], rel=1e-6)
    assert read.p_value[0] == pytest.approx(entry["p"], rel=1e-6)


def test_cookie_cats_by_proportion() -> None:
    design = {
        "kind": "experiment",
        "treatment": "version",
        "control": "gate_30",
        "metrics": [{"name": "retention_7", "kind": "proportion", "column": "retention_7"}],
    }
    read = es.estimate(table("cookie_cats"), design, "proportion")
    matches("cookie_cats.retention_7", value=read.value[0])
    assert read.p_value[0] == pytest.approx(reference("cookie_cats.retention_7")["p"], rel=1e-8)


def test_proportion_refuses_what_it_cannot() -> None:
    with pytest.raises(es.UnsupportedError, match="needs strata"):
        made("proportion", "bought", test="cmh")
    frame = users().assign(team=lambda f: f["variant"] + f["day"].astype(str))
    with pytest.raises(es.UnsupportedError, match="independent"):
        made("proportion", "bought", frame, {"cluster": "team"})


def second_posterior(value: float, error: float, mean: float, sd: float) -> tuple[float, ...]:
    """Posterior on a grid: no formula of it is used."""
    grid = np.linspace(value - 12.0 * error, value + 12.0 * error, 400_001)
    density = stats.norm.pdf(grid, value, error) * stats.norm.pdf(grid, mean, sd)
    density /= density.sum()
    m = float(density @ grid)
    above, below = grid > 0.0, grid < 0.0
    s = float(np.sqrt(density @ np.square(grid - m)))
    return m, s, float(density[above].sum()), -float(density[below] @ grid[below]), float(density[above] @ grid[above])


@pytest.mark.parametrize("relative", [True, False])
def test_posterior_is_prior_times_likelihood(relative: bool) -> None:
    frame = users(2_000, lift=0.05)
    # One arm beside control, so that arms do not inform each other.
    frame = frame[frame["variant"] != "C"]
    options = {"prior_mean": 0.01, "prior_sd": 0.05 if relative else 0.2, "relative": relative}
    read, plain = made("bayesian", "plain", frame, **options), made("difference", "plain", frame)
    once = plain.relative() if relative else plain
    m, s, chance, loss, other = second_posterior(once.value[0], once.std_error[0], 0.01, options["prior_sd"])
    assert (read.value[0], read.std_error[0]) == pytest.approx((m, s), rel=1e-6)
    assert read.details["chance_to_beat"][0] == pytest.approx(chance, abs=1e-4)
    assert read.details["expected_loss"][0] == pytest.approx(loss, rel=1e-5)
    assert read.details["expected_loss_of_control"][0] == pytest.approx(other, rel=1e-5)
    assert read.interval()[0] == pytest.approx(stats.norm.interval(0.95, m, s), rel=1e-6)
    assert read.summary()[0]["p_value"] is None


def test_relative_posterior_as_gbstats_has_it() -> None:
    """gbstats 0.8.0, EffectBayesianABTest with GaussianPrior(mean=0.01, variance=0.0025, proper=True)."""
    frame = users(2_000, lift=0.05)
    frame = frame[frame["variant"] != "C"]
    read = made("bayesian", "plain", frame, prior_mean=0.01, prior_sd=0.05, relative=True)
    assert read.value[0] == pytest.approx(0.009826011599291902, rel=1e-8)
    assert read.std_error[0] == pytest.approx(0.032699594049335146, rel=1e-8)
    assert read.details["chance_to_beat"][0] == pytest.approx(0.61809957806203, rel=1e-8)
    assert read.details["expected_loss"][0] == pytest.approx(0.008716821461226583, rel=1e-8)
    assert read.details["expected_loss_of_control"][0] == pytest.approx(0.018542833060518488, rel=1e-8)


def test_posterior_of_several_arms_by_precisions() -> None:
    read, plain = made("bayesian", "spend", prior_mean=0.1, prior_sd=0.3), made("cuped", "spend")
    precision = np.linalg.inv(plain.uncertainty.vcov)
    vcov = np.linalg.inv(precision + np.eye(2) / 0.09)
    assert read.uncertainty.vcov == pytest.approx(vcov, rel=1e-9)
    assert read.value == pytest.approx(vcov @ (precision @ plain.value + 0.1 / 0.09), rel=1e-9)


def test_flat_prior_is_the_likelihood_and_says_so() -> None:
    read, plain = made("bayesian", "plain"), made("difference", "plain")
    assert read.value == pytest.approx(plain.value)
    z = plain.value / plain.std_error
    assert read.details["chance_to_beat"] == pytest.approx(stats.norm.cdf(z))
    assert [finding.check for finding in read.findings] == ["bayesian.flat_prior"]
    with pytest.raises(es.DesignError, match="says nothing"):
        made("bayesian", "plain", prior_mean=0.2)


def test_no_correction_is_made_of_a_posterior() -> None:
    design = {
        "kind": "experiment",
        "variant": "variant",
        "control": "A",
        "metrics": ["spend", "visits"],
        "planned": {"correction": "holm"},
    }
    record = es.run({"question": "?", "data": users(400), "design": design, "methods": ["bayesian"]})
    (found,) = [finding for finding in record.findings if finding.check == "inference.multiplicity"]
    assert found.grade == "not_run"


def test_where_less_is_better_the_chance_is_the_other() -> None:
    more, less = made("bayesian", "plain", prior_sd=1.0), made("bayesian", "less", prior_sd=1.0)
    assert more.details["chance_to_beat"] + less.details["chance_to_beat"] == pytest.approx(1.0)
    assert more.details["expected_loss"] == pytest.approx(less.details["expected_loss_of_control"])


@by_day_and_night(150, 300)
def test_posterior_is_calibrated_under_its_prior(repetitions: int) -> None:
    rng, held, sure, right = np.random.default_rng(7), 0, 0.0, 0
    for seed in range(repetitions):
        effect = float(rng.normal(0.0, 0.2))
        frame = users(600, seed=seed, lift=effect)
        read = made("bayesian", "spend", frame[frame["variant"] != "C"], prior_sd=0.2)
        low, high = read.interval()[0]
        held += bool(low <= effect <= high)
        sure += float(read.details["chance_to_beat"][0])
        right += effect > 0.0
    assert held / repetitions == pytest.approx(0.95, abs=4.0 * np.sqrt(0.05 * 0.95 / repetitions))
    assert sure / repetitions == pytest.approx(right / repetitions, abs=4.0 * 0.5 / np.sqrt(repetitions))
