"""The adjustment methods against published and independently computed results, by explicit options."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import estimand as es
from tests.reference_data import matches, reference, table

NHEFS = [
    "sex", "race", "age", "age2", "education", "smokeintensity", "smokeintensity2", "smokeyrs", "smokeyrs2",
    "exercise", "active", "wt71", "wt712",
]  # fmt: skip
ZEPID = ["male", "age0", "age_sq", "age_cu", "cd40", "cd4_sq", "cd4_cu", "dvl0"]
MATCHIT = ["age", "educ", "race", "married", "nodegree", "re74", "re75"]
PENSION = [
    "i2", "i3", "i4", "i5", "i6", "i7", "a2", "a3", "a4", "a5", "fsize", "hs", "smcol", "col", "marr", "twoearn",
    "db", "pira", "hown",
]  # fmt: skip


def observational(treatment: str, outcome: str, covariates: list[str] | tuple[str, ...] = (), **more: Any) -> dict:
    return {
        "kind": "observational",
        "treatment": treatment,
        "outcome": outcome,
        "covariates": list(covariates),
        **more,
    }


def nhefs() -> pd.DataFrame:
    frame = table("nhefs")
    for name in ("age", "smokeintensity", "smokeyrs", "wt71"):
        frame[f"{name}2"] = frame[name] ** 2
    for name in ("education", "exercise", "active"):
        frame[name] = "level " + frame[name].astype(int).astype(str)
    return frame


def lalonde(squares: bool = True) -> pd.DataFrame:
    frame = table("lalonde_nsw_dw")
    frame["age2"] = frame["age"] ** 2
    return frame


def lalonde_cps() -> pd.DataFrame:
    experiment = lalonde()
    controls = table("lalonde_cps_controls")
    controls["age2"] = controls["age"] ** 2
    return pd.concat([experiment[experiment.treat == 1], controls], ignore_index=True)


def known_propensity_se(values: np.ndarray, treated: np.ndarray, weights: np.ndarray) -> float:
    """Standard error of a Hájek contrast that takes the weights as known; the product never reports it."""
    variance = 0.0
    for arm in (treated, ~treated):
        w, y = weights[arm], values[arm]
        variance += np.square(w * (y - np.average(y, weights=w))).sum() / w.sum() ** 2
    return float(np.sqrt(variance))


@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_regression_without_covariates_has_the_robust_standard_errors_of_r(kind: str) -> None:
    made = es.estimate(lalonde(), observational("treat", "re78"), "regression", interactions=False, covariance=kind)
    matches(f"lalonde.nsw_dw.ols_{kind}", value=made.value[0], se=made.std_error[0])


@pytest.mark.parametrize(
    ("key", "frame", "treatment", "outcome"),
    [
        ("lalonde.nsw_dw.diff_means", lalonde, "treat", "re78"),
        ("lalonde.nsw_dw.pooled_t", lalonde, "treat", "re78"),
        ("lalonde.cps.naive", lalonde_cps, "treat", "re78"),
        ("lalonde.psid.naive", lambda: table("lalonde_qte_psid"), "treat", "re78"),
        ("lalonde.nsw_full.diff_means", lambda: table("nsw_drdid").query("experimental == 1"), "treated", "re78"),
        ("star.small", lambda: table("star5_small").query("aide == 0"), "small", "totalscore"),
        ("nhefs.naive", lambda: table("nhefs").dropna(subset=["wt82_71"]), "qsmk", "wt82_71"),
        ("tutorial.cluster_naive", lambda: table("tutorial_cluster"), "tu", "y"),
    ],
)
def test_classical_regression_on_the_arm_alone(key: str, frame: Any, treatment: str, outcome: str) -> None:
    made = es.estimate(
        frame(), observational(treatment, outcome), "regression", interactions=False, covariance="classical"
    )
    matches(key, value=made.value[0], se=made.std_error[0])


ADJUSTED = {
    "lalonde.nsw_dw.ols_adj": (lalonde, "treat", "re78", "age age2 educ nodegree black hisp re74 re75", "classical"),
    "lalonde.cps.ols_adj": (lalonde_cps, "treat", "re78", "age age2 educ nodegree black hisp re74 re75", "classical"),
    "lalonde.cps.ols_adj_mhe": (
        lalonde_cps, "treat", "re78", "age age2 educ nodegree black hisp marr re74 re75", "classical",
    ),
    "nhefs.reg_noint": (
        lambda: nhefs().dropna(subset=["wt82_71"]), "qsmk", "wt82_71", " ".join(NHEFS), "classical",
    ),
    "p401k.ols": (
        lambda: table("pension401k"), "e401", "net_tfa",
        "age inc educ fsize marr twoearn db pira hown", "HC1",
    ),
    "jobs.total": (lambda: table("jobs2"), "treat", "depress2", "econ_hard sex age", "classical"),
    "darfur.ols": (
        lambda: table("darfur"), "directlyharmed", "peacefactor",
        "age farmer_dar herder_dar pastvoted hhsize_darfur female village", "classical",
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", ADJUSTED)
def test_regression_with_one_slope_for_all(key: str) -> None:
    frame, treatment, outcome, covariates, covariance = ADJUSTED[key]
    data = frame()
    if key == "darfur.ols":
        data = data.assign(village=data["village"].astype(str))
        names = list(data["village"].unique())
        dummies = pd.DataFrame({f"v{j}": (data["village"] == name).astype(float) for j, name in enumerate(names)})
        data = pd.concat([data.drop(columns="village"), dummies], axis=1)
        covariates = covariates.replace("village", " ".join(dummies.columns))
    made = es.estimate(
        data, observational(treatment, outcome, covariates.split()), "regression",
        interactions=False, covariance=covariance,
    )  # fmt: skip
    assert made.target is es.Target.VARIANCE_WEIGHTED
    matches(key, value=made.value[0], se=made.std_error[0])


def test_regression_reproduces_the_adjusted_email_effect() -> None:
    frame = table("hillstrom").query("treatment != 'Womens E-Mail'")
    design = observational(
        "treatment", "visit", "recency history mens womens newbie channel zip_code".split(), control="No E-Mail"
    )
    made = es.estimate(frame, design, "regression", interactions=False, covariance="HC1")
    matches("hillstrom.ols_adj_visit", value=made.value[0], se=made.std_error[0])


def test_regression_reproduces_right_heart_catheterisation() -> None:
    frame = table("rhc")
    names = [name for name in frame.columns if name not in {"survival", "RHC"}]
    made = es.estimate(
        frame, observational("RHC", "survival", names), "regression", interactions=False, covariance="HC1"
    )
    matches("rhc.ols", value=made.value[0], se=made.std_error[0])


def test_regression_reproduces_every_infant_health_replication() -> None:
    expected = reference("ihdp.ols")["extra"]["per_rep"]
    naive = reference("ihdp.naive")["extra"]["per_rep"]
    frame = table("ihdp10")
    design = observational("treat", "y_factual", [f"x{j}" for j in range(1, 26)])
    for rep, (adjusted, raw) in enumerate(zip(expected, naive, strict=True), start=1):
        part = frame[frame.rep == rep]
        made = es.estimate(part, design, "regression", interactions=False)
        assert made.value[0] == pytest.approx(adjusted, rel=1e-4)
        assert es.estimate(part, design, "difference").value[0] == pytest.approx(raw, rel=1e-4)


def test_interacted_regression_is_lin_2013_on_the_sample_population() -> None:
    design = observational("treat", "re78", "age educ black hisp marr nodegree re74 re75".split())
    made = es.estimate(lalonde(), design, "regression", population="sample", covariance="HC2")
    matches("lalonde.nsw_dw.lin2013", value=made.value[0], se=made.std_error[0])
    entry = reference("lalonde.nsw_dw.lin2013")
    assert made.interval()[0] == pytest.approx(entry["ci"], rel=0.002)
    assert made.p_value[0] == pytest.approx(entry["p"], rel=0.01)
    star = es.estimate(
        table("alo_star_men"), observational("ssp", "GPA_year1", ["gpa0"]), "regression",
        population="sample", covariance="HC2",
    )  # fmt: skip
    matches("alo_star.lin", value=star.value[0], se=star.std_error[0])


WELCH = {
    "p401k.naive": (lambda: table("pension401k"), "e401", "net_tfa", None),
    "lalonde.nsw_dw.welch_t": (lalonde, "treat", "re78", None),
    "alo_star.dim": (lambda: table("alo_star_men"), "ssp", "GPA_year1", None),
    "cookie_cats.gamerounds_welch": (lambda: table("cookie_cats"), "version", "sum_gamerounds", "gate_30"),
    "cookie_cats.retention_1": (lambda: table("cookie_cats"), "version", "retention_1", "gate_30"),
    "cookie_cats.retention_7": (lambda: table("cookie_cats"), "version", "retention_7", "gate_30"),
    **{
        f"hillstrom.{arm}_{metric}": (
            lambda drop=drop: table("hillstrom").query(f"treatment != '{drop}'"), "treatment", metric, "No E-Mail",
        )
        for arm, drop in (("mens", "Womens E-Mail"), ("womens", "Mens E-Mail"))
        for metric in ("visit", "conversion", "spend")
    },
}  # fmt: skip


@pytest.mark.parametrize("key", WELCH)
def test_difference_is_welch(key: str) -> None:
    frame, treatment, outcome, control = WELCH[key]
    more = {} if control is None else {"control": control}
    made = es.estimate(frame(), {**observational(treatment, outcome), "kind": "experiment", **more}, "difference")
    entry = reference(key)
    matches(key, value=made.value[0], se=made.std_error[0] if "se" in entry else None)
    assert made.target is es.Target.ATE
    if "ci" in entry:
        assert made.interval()[0] == pytest.approx(entry["ci"], rel=1e-6, abs=0.002 * made.std_error[0])
    if "df" in entry.get("extra", {}):
        assert made.uncertainty.df[0] == pytest.approx(entry["extra"]["df"], rel=1e-6)


@pytest.mark.parametrize(
    ("key", "name", "treatment", "outcome"),
    [
        ("rhc.naive", "rhc", "RHC", "survival"),
        ("efm.naive", "efm", "monitor", "cesarean"),
        ("tutorial.naive_optin", "tutorial_llm_logs", "opt_in_agent_mode", "task_completed"),
        ("tutorial.rdd_naive", "tutorial_llm_logs", "routed_to_premium", "task_completed"),
    ],
)
def test_difference_is_the_raw_gap(key: str, name: str, treatment: str, outcome: str) -> None:
    made = es.estimate(table(name), observational(treatment, outcome), "difference")
    assert made.target is es.Target.ASSOCIATION
    matches(key, value=made.value[0])


def test_difference_is_the_first_class_survival_gap() -> None:
    frame = table("titanic")
    frame["first"] = (frame["class"] == 1).astype(int)
    matches("titanic.naive", value=es.estimate(frame, observational("first", "survived"), "difference").value[0])


def test_clustered_difference_agrees_with_the_cluster_mean_regression() -> None:
    design = observational("tu", "y", cluster="workspace_id")
    made = es.estimate(table("tutorial_cluster"), design, "difference")
    matches("tutorial.cluster_wls", value=made.value[0])
    assert made.uncertainty.correction in {"CR1", "CR2"}
    assert made.std_error[0] == pytest.approx(reference("tutorial.cluster_wls")["se"], rel=0.05)


def test_ipw_reproduces_the_lalonde_weights() -> None:
    design = observational("treat", "re78", MATCHIT)
    frame = table("lalonde_matchit")
    ate = es.estimate(frame, design, "ipw")
    att = es.estimate(frame, design, "ipw", target="ATT")
    matches("lalonde.matchit.ipw_ate_hajek", value=ate.value[0])
    matches("lalonde.matchit.ipw_att_hajek", value=att.value[0])
    propensity = ate.details["propensity"]
    score = reference("lalonde.matchit.ps_sum")
    assert propensity[frame.treat == 1].mean() == pytest.approx(score["value"], rel=1e-5)
    assert propensity[:5] == pytest.approx(score["extra"]["ps_first5"], rel=1e-5)
    assert ate.details["propensity_range"] == pytest.approx([score["extra"]["min"], score["extra"]["max"]], rel=1e-5)


def test_ipw_reproduces_what_if_chapter_12() -> None:
    frame = nhefs()
    design = observational("qsmk", "wt82_71", NHEFS)
    made = es.estimate(frame, design, "ipw")
    assert made.n_obs == 1566
    values = frame["wt82_71"].dropna().to_numpy()
    treated = frame.loc[frame["wt82_71"].notna(), "qsmk"].to_numpy() == 1
    known = known_propensity_se(values, treated, made.details["weights"])
    matches("nhefs.ipw", value=made.value[0], se=known)
    matches("nhefs.ipw_stab", value=made.value[0], se=known)
    assert made.std_error[0] < known
    matches("nhefs.ipw_att", value=es.estimate(frame, design, "ipw", target="ATT").value[0])


def test_ipw_reproduces_the_hiv_cohort() -> None:
    frame = table("zepid_sample").dropna(subset=["dead"]).reset_index(drop=True)
    made = es.estimate(frame, observational("art", "dead", ZEPID), "ipw")
    treated = frame["art"].to_numpy() == 1
    known = known_propensity_se(frame["dead"].to_numpy(float), treated, made.details["weights"])
    matches("zepid.iptw_rd", value=made.value[0], se=known)


def test_ipw_reproduces_right_heart_catheterisation() -> None:
    frame = table("rhc")
    names = [name for name in frame.columns if name not in {"survival", "RHC"}]
    matches("rhc.ipw_ate", value=es.estimate(frame, observational("RHC", "survival", names), "ipw").value[0])


def test_aipw_reproduces_what_if_with_models_in_each_arm() -> None:
    made = es.estimate(nhefs(), observational("qsmk", "wt82_71", NHEFS), "aipw", learner="linear", folds=1)
    matches("nhefs.aipw", value=made.value[0], se=made.std_error[0])
    extra = reference("nhefs.aipw")["extra"]
    assert made.baseline.value[0] == pytest.approx(extra["EY0"], rel=1e-4)
    assert made.value[0] + made.baseline.value[0] == pytest.approx(extra["EY1"], rel=1e-4)


@pytest.mark.parametrize(
    ("key", "name", "treatment", "outcome", "covariates"),
    [
        ("nhefs.aipw_pooled", "nhefs", "qsmk", "wt82_71", NHEFS),
        ("zepid.aiptw_rd", "zepid_sample", "art", "dead", ZEPID),
    ],
)
def test_aipw_reproduces_pooled_outcome_models(
    key: str, name: str, treatment: str, outcome: str, covariates: list[str]
) -> None:
    frame = nhefs() if name == "nhefs" else table(name)
    made = es.estimate(
        frame, observational(treatment, outcome, covariates), "aipw",
        learner="linear", folds=1, outcome_model="pooled",
    )  # fmt: skip
    matches(key, value=made.value[0], se=made.std_error[0])
    assert made.interval()[0] == pytest.approx(reference(key)["ci"], abs=0.002 * 1.96 * made.std_error[0])


def test_aipw_with_given_folds_is_double_ml() -> None:
    frame = table("pension401k")
    folds = tuple(int(j % 5) for j in range(len(frame)))
    made = es.estimate(frame, observational("e401", "net_tfa", PENSION), "aipw", learner="linear", folds=folds)
    matches("p401k.dml_irm_ate", value=made.value[0], se=made.std_error[0])
    assert made.interval()[0] == pytest.approx(reference("p401k.dml_irm_ate")["ci"], rel=0.002)


def test_aipw_finds_the_known_truths_of_infant_health() -> None:
    truths = reference("ihdp.true_ate")["extra"]["per_rep"]
    frame = table("ihdp10")
    design = observational("treat", "y_factual", [f"x{j}" for j in range(1, 26)])
    errors = [
        abs(es.estimate(frame[frame.rep == rep], design, "aipw", folds=10).value[0] - truth)
        for rep, truth in enumerate(truths, start=1)
    ]
    assert np.mean(errors) <= 0.35


def hajek(values: np.ndarray, treated: np.ndarray, propensity: np.ndarray) -> float:
    one, zero = treated / propensity, (1 - treated) / (1 - propensity)
    return float(one @ values / one.sum() - zero @ values / zero.sum())


def test_ipw_with_a_ridge_is_the_opt_in_study_at_the_optimum_its_solver_stopped_short_of() -> None:
    """The published number is the weighting by a propensity whose solver stopped at its default tolerance of 1e-4."""
    frame = table("tutorial_llm_logs")
    for level in ("light", "medium"):
        frame[level] = (frame["engagement_tier"] == level).astype(int)
    names = ["query_confidence", "light", "medium"]
    features, treated = frame[names].astype(float), frame["opt_in_agent_mode"].to_numpy()
    values = frame["task_completed"].to_numpy(float)
    early = LogisticRegression(max_iter=1000).fit(features, treated).predict_proba(features)[:, 1]
    exact = LogisticRegression(max_iter=1000, tol=1e-10).fit(features, treated).predict_proba(features)[:, 1]
    matches("tutorial.ipw_ate", value=hajek(values, treated, early))
    design = observational("opt_in_agent_mode", "task_completed", names)
    made = es.estimate(frame, design, "ipw", learner={"name": "logistic", "params": {"ridge": 1.0}})
    assert made.value[0] == pytest.approx(hajek(values, treated, exact), rel=1e-6)
    assert made.value[0] == pytest.approx(reference("tutorial.ipw_ate")["value"], abs=2e-4)
    assert made.interval()[0] == pytest.approx(reference("tutorial.ipw_ate")["ci"], abs=1.5e-3)
