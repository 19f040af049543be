"""Published and recomputed regressions, reached with the statistics alone; each to its own tolerance."""

import numpy as np
import pandas as pd
import pytest
from reference_data import matches, reference, table

from estimand.stats.balance import standardised_difference
from estimand.stats.cluster import cluster_scores
from estimand.stats.covariance import classical_covariance, robust_covariance
from estimand.stats.glm import fit_glm
from estimand.stats.intervals import critical_value, two_sided_p, welch_df
from estimand.stats.linear import LeastSquares, least_squares

HERNAN_ROBINS = ["sex", "race", "education", "exercise", "active"]
HERNAN_ROBINS_SQUARED = ["age", "smokeintensity", "smokeyrs", "wt71"]
DEHEJIA_WAHBA = ["age", "educ", "nodegree", "black", "hisp", "re74", "re75"]


def fit(frame: pd.DataFrame, outcome: str) -> LeastSquares:
    """Regress on every other column, categories in full one-hot; the first column is the one of interest."""
    design = pd.get_dummies(frame.drop(columns=outcome)).to_numpy(dtype=float)
    return least_squares(design, frame[outcome].to_numpy(dtype=float))


def first(result: LeastSquares, covariance: str = "classical") -> tuple[float, float]:
    effect = result.basis.slope(0)
    matrix = classical_covariance(result) if covariance == "classical" else robust_covariance(result, covariance)
    return result.value(effect), float(np.sqrt(effect @ matrix @ effect))


def clustered(result: LeastSquares, codes: np.ndarray, kind: str = "CR1") -> tuple[float, float]:
    found = cluster_scores(result, result.basis.slope(0)[None], codes, kind)
    return float(found.covariance[0, 0]), float(found.df[0])


def petersen() -> tuple[LeastSquares, np.ndarray, np.ndarray]:
    data = table("petersen")
    return fit(data[["x", "y"]], "y"), data["firm"].to_numpy(), data["year"].to_numpy()


def check(key: str, found: tuple[float, float]) -> None:
    matches(key, value=found[0], se=found[1])


def test_petersens_classical_and_white_errors() -> None:
    result, _, _ = petersen()
    check("petersen.iid", first(result))
    check("petersen.white", first(result, "HC1"))


def test_petersens_errors_clustered_by_firm_and_by_year() -> None:
    result, firm, year = petersen()
    value = first(result)[0]
    for key, codes in (("petersen.cl_firm", firm), ("petersen.cl_year", year)):
        variance, df = clustered(result, codes)
        matches(key, value=value, se=np.sqrt(variance))
        assert df == len(np.unique(codes)) - 1


def test_petersens_two_way_errors_are_firm_plus_year_minus_both() -> None:
    result, firm, year = petersen()
    both = firm * 10_000 + year
    variance = clustered(result, firm)[0] + clustered(result, year)[0] - clustered(result, both)[0]
    matches("petersen.cl_two", value=first(result)[0], se=np.sqrt(variance))


def test_petersens_cr2_error_and_satterthwaite_degrees_of_freedom() -> None:
    result, firm, _ = petersen()
    variance, df = clustered(result, firm, "CR2")
    matches("petersen.cr2_firm", se=np.sqrt(variance))
    entry = reference("petersen.cr2_firm")
    assert df == pytest.approx(entry["extra"]["df_satt"], rel=entry["tolerance"]["value_rel"])


def test_cards_return_to_schooling_and_reduced_form() -> None:
    data = table("card_proximity")
    regions = [f"reg66{j}" for j in range(1, 9)]
    exogenous = ["exper", "expersq", "black", "south", "smsa", *regions, "smsa66"]
    check("card.ols", first(fit(data[["educ", *exogenous, "lwage"]], "lwage")))
    check("card.reduced_form", first(fit(data[["nearc4", *exogenous, "lwage"]], "lwage")))


def test_darfur_with_486_villages() -> None:
    names = ["directlyharmed", "age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female"]
    result = fit(table("darfur")[[*names, "village", "peacefactor"]], "peacefactor")
    value, error = first(result)
    check("darfur.ols", (value, error))
    assert result.df_residual == 783
    assert value / error == pytest.approx(reference("darfur.ols")["extra"]["t"], rel=1e-4)


def test_the_propensity_score_of_the_matchit_lalonde_data() -> None:
    data = table("lalonde_matchit")
    names = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
    design = pd.get_dummies(data[names]).to_numpy(dtype=float)
    treated = data["treat"].to_numpy() == 1
    result = fit_glm(design, treated.astype(float), "logistic")
    assert result.converged
    entry = reference("lalonde.matchit.ps_sum")
    rel, extra = entry["tolerance"]["value_rel"], entry["extra"]
    assert result.mean[treated].mean() == pytest.approx(entry["value"], rel=rel)
    assert result.mean[~treated].mean() == pytest.approx(extra["mean_ps_control"], rel=rel)
    assert result.mean.min() == pytest.approx(extra["min"], rel=rel)
    assert result.mean.max() == pytest.approx(extra["max"], rel=rel)
    assert result.mean[:5] == pytest.approx(extra["ps_first5"], rel=rel)


def test_raw_balance_of_the_matchit_lalonde_data() -> None:
    entry = reference("lalonde.matchit.smd_raw")
    data = table("lalonde_matchit").assign(black=lambda d: (d["race"] == "black").astype(int))
    treated = data["treat"] == 1
    expected = {"age": entry["value"], **entry["extra"]}
    arms = [data.loc[rows, list(expected)].to_numpy(dtype=float) for rows in (treated, ~treated)]
    equal = [(values, np.ones(len(values))) for values in arms]
    found = standardised_difference(equal[0], equal[1], arms[0].std(axis=0, ddof=1))
    assert found == pytest.approx(list(expected.values()), rel=entry["tolerance"]["value_rel"])


def test_jobs_ii_total_effect() -> None:
    names = ["treat", "econ_hard", "sex", "age", "depress2"]
    check("jobs.total", first(fit(table("jobs2")[names], "depress2")))


def what_if() -> pd.DataFrame:
    """The covariates of "What If", chapter 15: factors as text, quadratic terms beside the linear ones."""
    data = table("nhefs")
    factors = data[HERNAN_ROBINS].astype(str)
    curves = {f"{name}^2": data[name] ** 2 for name in HERNAN_ROBINS_SQUARED}
    return data[["qsmk", *HERNAN_ROBINS_SQUARED]].assign(**curves).join(factors)


def test_what_if_outcome_regression_without_product_terms() -> None:
    outcome = table("nhefs")["wt82_71"]
    frame = what_if().assign(wt82_71=outcome).dropna()
    assert len(frame) == 1566
    value, error = first(fit(frame, "wt82_71"))
    check("nhefs.reg_noint", (value, error))
    low, high = reference("nhefs.reg_noint")["ci"]
    df = np.array([fit(frame, "wt82_71").df_residual], dtype=float)
    reach = critical_value(0.95, df, 1)[0] * error
    assert [value - reach, value + reach] == pytest.approx([low, high], rel=1e-4)


def test_what_if_outcome_regression_with_a_product_term() -> None:
    frame = what_if().assign(wt82_71=table("nhefs")["wt82_71"]).dropna()
    frame.insert(1, "product", frame["qsmk"] * frame["smokeintensity"])
    result = fit(frame, "wt82_71")
    covariance = classical_covariance(result)
    at = {c: result.basis.slope(0) + c * result.basis.slope(1) for c in (5, 40)}
    check("nhefs.reg_int", (result.value(at[5]), float(np.sqrt(at[5] @ covariance @ at[5]))))
    assert result.value(at[40]) == pytest.approx(reference("nhefs.reg_int")["extra"]["at40"], rel=1e-4)


def test_what_if_propensity_score_as_a_covariate() -> None:
    everyone = what_if()
    design = pd.get_dummies(everyone.drop(columns="qsmk")).to_numpy(dtype=float)
    score = fit_glm(design, everyone["qsmk"].to_numpy(dtype=float), "logistic")
    assert score.converged
    frame = everyone[["qsmk"]].assign(score=score.mean, wt82_71=table("nhefs")["wt82_71"]).dropna()
    check("nhefs.ps_covariate", first(fit(frame, "wt82_71")))


def test_401k_eligibility() -> None:
    names = ["age", "inc", "educ", "fsize", "marr", "twoearn", "db", "pira", "hown"]
    check("p401k.ols", first(fit(table("pension401k")[["e401", *names, "net_tfa"]], "net_tfa"), "HC1"))


def test_right_heart_catheterisation_on_all_covariates() -> None:
    data = table("rhc")
    rest = [name for name in data.columns if name not in {"RHC", "survival"}]
    check("rhc.ols", first(fit(data[["RHC", *rest, "survival"]], "survival"), "HC1"))


def test_ihdp_in_every_replication() -> None:
    data = table("ihdp10")
    names = ["treat", *(f"x{j}" for j in range(1, 26)), "y_factual"]
    found = [first(fit(part[names], "y_factual"))[0] for _, part in data.groupby("rep")]
    entry = reference("ihdp.ols")
    assert found == pytest.approx(entry["extra"]["per_rep"], rel=entry["tolerance"]["value_rel"])


def test_hillstrom_visits_adjusted() -> None:
    data = table("hillstrom")
    data = data[data["treatment"].isin(["Mens E-Mail", "No E-Mail"])]
    names = ["recency", "history", "mens", "womens", "newbie", "channel", "zip_code"]
    frame = data[[*names, "visit"]].copy()
    frame.insert(0, "arm", (data["treatment"] == "Mens E-Mail").astype(int))
    check("hillstrom.ols_adj_visit", first(fit(frame, "visit"), "HC1"))


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_the_nsw_experiment_under_every_robust_covariance(kind: str) -> None:
    data = table("lalonde_nsw_dw")
    check(f"lalonde.nsw_dw.ols_{kind}", first(fit(data[["treat", "re78"]], "re78"), kind))


def test_dehejia_and_wahbas_adjusted_regressions() -> None:
    experiment = table("lalonde_nsw_dw")
    observed = pd.concat([experiment[experiment["treat"] == 1], table("lalonde_cps_controls")])
    frames = {
        "lalonde.nsw_dw.ols_adj": (experiment, DEHEJIA_WAHBA),
        "lalonde.cps.ols_adj": (observed, DEHEJIA_WAHBA),
        "lalonde.cps.ols_adj_mhe": (observed, [*DEHEJIA_WAHBA, "marr"]),
    }
    for key, (data, names) in frames.items():
        frame = data[["treat", *names, "re78"]].assign(square=data["age"] ** 2)
        check(key, first(fit(frame, "re78")))


def interacted(arm: pd.Series, covariates: pd.DataFrame, outcome: pd.Series) -> LeastSquares:
    """Lin's (2013) regression: the arm, centred covariates, and their products."""
    centred = (covariates - covariates.mean()).to_numpy(dtype=float)
    treated = arm.to_numpy(dtype=float)[:, None]
    return least_squares(np.hstack([treated, centred, treated * centred]), outcome.to_numpy(dtype=float))


def test_lins_interacted_adjustment() -> None:
    data = table("lalonde_nsw_dw")
    result = interacted(data["treat"], data[[*DEHEJIA_WAHBA, "marr"]], data["re78"])
    value, error = first(result, "HC2")
    check("lalonde.nsw_dw.lin2013", (value, error))
    df = np.array([result.df_residual], dtype=float)
    entry = reference("lalonde.nsw_dw.lin2013")
    assert two_sided_p(np.array([value / error]), df)[0] == pytest.approx(entry["p"], rel=1e-6)
    star = table("alo_star_men")[["ssp", "gpa0", "GPA_year1"]].dropna()
    check("alo_star.lin", first(interacted(star["ssp"], star[["gpa0"]], star["GPA_year1"]), "HC2"))


def test_a_difference_in_means_with_neymans_error_and_welchs_degrees_of_freedom() -> None:
    data = table("alo_star_men")[["ssp", "GPA_year1"]].dropna()
    arms = [data.loc[data["ssp"] == code, "GPA_year1"].to_numpy() for code in (0, 1)]
    variance = np.array([arm.var(ddof=1) for arm in arms])
    counts = np.array([len(arm) for arm in arms], dtype=float)
    value, error = arms[1].mean() - arms[0].mean(), np.sqrt((variance / counts).sum())
    check("alo_star.dim", (value, error))
    entry = reference("alo_star.dim")
    df = welch_df(variance, counts)
    assert float(df) == pytest.approx(entry["extra"]["df"], rel=entry["tolerance"]["value_rel"])
    reach = critical_value(0.95, df[None], 1)[0] * error
    assert [value - reach, value + reach] == pytest.approx(entry["ci"], rel=1e-6)


def test_workspaces_ignored_and_workspaces_averaged() -> None:
    data = table("tutorial_cluster")
    check("tutorial.cluster_naive", first(fit(data[["tu", "y"]], "y")))
    means = data.groupby("workspace_id").agg(tu=("tu", "first"), y=("y", "mean"), size=("y", "size"))
    weights = means["size"].to_numpy(dtype=float)
    result = least_squares(means[["tu"]].to_numpy(dtype=float), means["y"].to_numpy(), weights)
    check("tutorial.cluster_wls", first(result))
