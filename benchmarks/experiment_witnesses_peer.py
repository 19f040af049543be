"""The other packages' side of ``experiment_witnesses.py``: prints one line of JSON.

::

    PYTHON experiment_witnesses_peer.py FILE

FILE is a CSV table of users; what follows is read from it by every package that PYTHON has, of scipy, statsmodels,
tea-tasting and gbstats. The line maps what was computed, then the package, to its numbers.
"""

import importlib.util
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

TARGET, PRIOR_MEAN, PRIOR_SD, TUNING = 0.9, 0.05, 0.2, 5_000.0
Numbers = dict[str, float]


def arms(frame: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of control, then of treatment."""
    return tuple(frame.loc[frame["variant"] == arm, column].to_numpy(float) for arm in (0, 1))


def scipy_numbers(frame: pd.DataFrame) -> dict[str, Numbers]:
    """Welch, Mann-Whitney, Pearson for shares and for allocation, false discoveries."""
    from scipy import stats

    a, b = arms(frame, "y")
    welch = stats.ttest_ind(b, a, equal_var=False)
    low, high = welch.confidence_interval(0.95)
    shares = stats.chi2_contingency(pd.crosstab(frame["variant"], frame["c"]), correction=False)
    ranks = stats.mannwhitneyu(b, a, use_continuity=True, method="asymptotic")
    found = {
        "mean": {"p_value": welch.pvalue, "low": low, "high": high, "df": welch.df},
        "proportion": {"p_value": shares.pvalue},
        "ranks": {"index": ranks.statistic / (a.size * b.size), "p_value": ranks.pvalue},
        "allocation": {"p_value": stats.chisquare([a.size, b.size]).pvalue},
    }
    p_values = np.array([0.001, 0.02, 0.021, 0.4, 0.04])
    adjusted = stats.false_discovery_control(p_values)
    return found | {"false discoveries": {f"p{j}": float(p) for j, p in enumerate(adjusted)}}


def statsmodels_numbers(frame: pd.DataFrame) -> dict[str, Numbers]:
    """Welch, two proportions, Holm and Benjamini-Hochberg, and least squares with clusters."""
    import statsmodels.api as sm
    from statsmodels.stats.multitest import multipletests
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    a, b = arms(frame, "y")
    both = CompareMeans(DescrStatsW(b), DescrStatsW(a))
    low, high = both.tconfint_diff(usevar="unequal")
    t = both.ttest_ind(usevar="unequal")
    ca, cb = arms(frame, "c")
    near, far = confint_proportions_2indep(cb.sum(), cb.size, ca.sum(), ca.size, method="newcomb")
    z = proportions_ztest([cb.sum(), ca.sum()], [cb.size, ca.size])
    clustered = sm.OLS(frame["y"], sm.add_constant(frame["variant"].astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": frame["home"]}
    )
    p_values = np.array([0.001, 0.02, 0.021, 0.4, 0.04])
    families = {
        what: {f"p{j}": float(p) for j, p in enumerate(multipletests(p_values, method=name)[1])}
        for what, name in (("holm", "holm"), ("false discoveries", "fdr_bh"))
    }
    return {
        "mean": {"p_value": t[1], "low": low, "high": high, "df": t[2]},
        "proportion": {"p_value": z[1], "low": near, "high": far},
        "mean, clusters": {"value": clustered.params["variant"], "std_error": clustered.bse["variant"]},
    } | families


def tea_numbers(frame: pd.DataFrame) -> dict[str, Numbers]:
    """Mean, ratio, CUPED, Mann-Whitney, two proportions, and allocation."""
    import tea_tasting as tt

    asked = {
        "mean": tt.Mean("y"), "ratio": tt.RatioOfMeans("y", "d"), "cuped, one slope": tt.Mean("y", "x"),
        "allocation": tt.SampleRatio(method="norm", correction=False),
    }  # fmt: skip
    made = tt.Experiment(asked, variant="variant").analyze(frame)
    found: dict[str, Numbers] = {}
    for what in ("mean", "ratio", "cuped, one slope"):
        one = made[what]
        found[what] = {
            "value": one.effect_size, "p_value": one.pvalue, "low": one.effect_size_ci_lower,
            "high": one.effect_size_ci_upper,
        }  # fmt: skip
    lift = made["mean"]
    found["lift"] = {
        "value": lift.rel_effect_size, "low": lift.rel_effect_size_ci_lower, "high": lift.rel_effect_size_ci_upper,
    }  # fmt: skip
    return found | {"allocation": {"p_value": made["allocation"].pvalue}}


def gbstats_numbers(frame: pd.DataFrame) -> dict[str, Numbers]:
    """What gbstats says of the same sums."""
    from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
    from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
    from gbstats.models.statistics import ProportionStatistic, RatioStatistic, RegressionAdjustedStatistic
    from gbstats.models.statistics import SampleMeanStatistic as Mean
    from gbstats.utils import check_srm

    def mean(values: np.ndarray) -> Any:
        return Mean(n=values.size, sum=float(values.sum()), sum_squares=float((values**2).sum()))

    def tested(pair: tuple[Any, Any], kind: str = "absolute") -> Numbers:
        made = TwoSidedTTest(*pair, FrequentistConfig(difference_type=kind)).compute_result()
        low, high = made.ci
        return {
            "value": made.expected, "std_error": made.uplift.stddev, "p_value": made.p_value, "low": low, "high": high,
        }  # fmt: skip

    y, x, d, c = (arms(frame, name) for name in ("y", "x", "d", "c"))
    plain = (mean(y[0]), mean(y[1]))
    adjusted = tuple(
        RegressionAdjustedStatistic(
            n=y[j].size, post_statistic=mean(y[j]), pre_statistic=mean(x[j]),
            post_pre_sum_of_products=float(y[j] @ x[j]), theta=0.0,
        )
        for j in (0, 1)
    )  # fmt: skip
    ratio = tuple(
        RatioStatistic(
            n=y[j].size, m_statistic=mean(y[j]), d_statistic=mean(d[j]), m_d_sum_of_products=float(y[j] @ d[j])
        )
        for j in (0, 1)
    )
    share = tuple(ProportionStatistic(n=c[j].size, sum=float(c[j].sum())) for j in (0, 1))
    looked = SequentialTwoSidedTTest(
        *plain, SequentialConfig(difference_type="absolute", sequential_tuning_parameter=TUNING)
    ).compute_result()
    prior = GaussianPrior(PRIOR_MEAN, PRIOR_SD**2, True)
    config = EffectBayesianConfig(difference_type="absolute", prior_type="absolute", prior_effect=prior)
    believed = EffectBayesianABTest(*plain, config).compute_result()
    return {
        "mean": tested(plain),
        "lift": tested(plain, "relative"),
        "cuped, one slope": tested(adjusted),
        "ratio": tested(ratio),
        "proportion, from moments": tested(share),
        "quantile": tested(tuple(quantile(values) for values in y)),
        "quantile, clusters": tested(clustered_quantiles(frame)),
        "sequence": {"low": looked.ci[0], "high": looked.ci[1], "p_value": looked.p_value},
        "sequence, our tuning": {"low": looked.ci[0], "high": looked.ci[1]},
        "posterior": {
            "value": believed.expected, "std_error": believed.uplift.stddev, "chance": believed.chance_to_win,
            "low": believed.ci[0], "high": believed.ci[1], "loss": believed.risk[1],
        },
        "allocation": {"p_value": check_srm([y[0].size, y[1].size], [0.5, 0.5])},
    }  # fmt: skip


def bounds(values: np.ndarray) -> tuple[float, float, float]:
    """Quantile, and the order statistics half an interval below and above it."""
    half = 1.959963984540054 * np.sqrt(TARGET * (1.0 - TARGET) / values.size)
    at = np.quantile(values, [TARGET, TARGET - half, TARGET + half], method="inverted_cdf")
    return float(at[0]), float(at[1]), float(at[2])


def quantile(values: np.ndarray) -> Any:
    """Sums that gbstats reads a quantile from."""
    from gbstats.models.statistics import QuantileStatistic

    middle, low, high = bounds(values)
    n = values.size
    return QuantileStatistic(n=n, n_star=n, nu=TARGET, quantile_hat=middle, quantile_lower=low, quantile_upper=high)


def clustered_quantiles(frame: pd.DataFrame) -> tuple[Any, Any]:
    """The same with the share of each cluster's rows below the quantile."""
    from gbstats.models.statistics import QuantileClusteredStatistic

    found = []
    for arm in (0, 1):
        rows = frame[frame["variant"] == arm]
        values = rows["y"].to_numpy(float)
        middle, low, high = bounds(values)
        by = rows.assign(below=rows["y"] <= middle).groupby("home")["below"].agg(["sum", "size"]).astype(float)
        s, n = by["sum"].to_numpy(), by["size"].to_numpy()
        found.append(
            QuantileClusteredStatistic(
                n=values.size, n_star=values.size, nu=TARGET, quantile_hat=middle, quantile_lower=low,
                quantile_upper=high, main_sum=s.sum(), main_sum_squares=s @ s, denominator_sum=n.sum(),
                denominator_sum_squares=n @ n, main_denominator_sum_product=s @ n, n_clusters=s.size,
            )
        )  # fmt: skip
    return found[0], found[1]


def main() -> None:
    """Ask every package there is."""
    frame = pd.read_csv(sys.argv[1], float_precision="round_trip")
    packages: dict[str, tuple[str, Callable[[pd.DataFrame], dict[str, Numbers]]]] = {
        "scipy": ("scipy", scipy_numbers),
        "statsmodels": ("statsmodels", statsmodels_numbers),
        "tea-tasting": ("tea_tasting", tea_numbers),
        "gbstats": ("gbstats", gbstats_numbers),
    }
    found: dict[str, dict[str, Numbers]] = {}
    for name, (module, ask) in packages.items():
        if importlib.util.find_spec(module) is not None:
            for what, numbers in ask(frame).items():
                found.setdefault(what, {})[name] = {key: float(value) for key, value in numbers.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
