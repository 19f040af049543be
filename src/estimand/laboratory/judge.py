"""When a cell passes: the line that coverage is held to, and what was declared before any number was seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

Ruling: TypeAlias = Literal["pass", "fail", "known", "refused"]
LEVEL = 0.95
LINES = ((10_000, 0.935, 0.965), (1_000, 0.929, 0.971))
SIGMAS = 3.05
RERUN = 10_000
FEWEST = 20

# Methods whose interval is too wide rather than too narrow, by their own account: held to the lower line only.
CONSERVATIVE: Mapping[str, str] = {
    "matching_pairs": "the interval is for a larger population, and the truth here is of those matched if some are not",
    "matching_caliper": "the interval is for a larger population, and the truth here is of those matched",
}

_WEIGHTED = ("ipw", "ipw_att", "ipw_atc", "balancing", "balancing_att", "stratification")
_MATCHED = ("matching", "matching_mahalanobis_ate", "matching_caliper", "matching_pairs", "coarsened_matching")
_MODELLED = ("regression", "regression_att", "regression_one_slope", "gcomputation", "gcomputation_att")
_INFLUENCE = (
    "ipw", "ipw_att", "ipw_atc", "ipw_ato", "balancing", "balancing_att", "balancing_ato", "gcomputation",
    "gcomputation_att", "aipw", "aipw_att", "aipw_linear", "tmle", "dml", "dml_plr", "quantile_effects",
)  # fmt: skip
_LEARNED = ("s_learner", "t_learner", "x_learner", "r_learner", "dr_learner", "causal_forest")
_FEW_STATES = tuple(f"{family}_{count}_clusters" for family in ("one_cohort", "staggered") for count in (6, 10, 20))
_STAGGERED_STATES = tuple(f"staggered_{count}_clusters" for count in (6, 10, 20, 50, 200))


@dataclass(frozen=True, slots=True)
class Limit:
    """Where theory says that settings will not reach the band.

    Attributes
    ----------
    why : str
    worlds, settings : tuple of str
    """

    why: str
    worlds: tuple[str, ...]
    settings: tuple[str, ...]


# Declared by what each method says it assumes; measured and published as they are; each must raise a finding there.
LIMITS = (
    Limit("few clusters, and no small-sample correction", ("few_clusters",),
          (*_INFLUENCE, *_LEARNED, *_MATCHED, "stratification")),
    Limit("its propensity model is wrong", ("misspecified_propensity",),
          (*_WEIGHTED, "ipw_ato", "balancing_ato", "quantile_effects", *_MATCHED)),
    Limit("its outcome model is wrong", ("misspecified_outcome",), (*_MODELLED, "aipw_linear")),
    Limit("it balances means, and the outcome is not linear in them", ("misspecified_outcome",),
          ("balancing", "balancing_att")),
    Limit("what matches differ in is corrected for by a line", ("misspecified_outcome",),
          ("matching_mahalanobis_ate", "matching_pairs")),
    Limit("its target asks for rows like nobody in the other arm", ("weak_overlap",),
          (*_WEIGHTED, *_LEARNED, *_MATCHED, "aipw", "aipw_att", "aipw_linear", "tmle", "dml", "quantile_effects")),
    Limit("as many as one covariate for every five rows", ("high_dimension",),
          (*_WEIGHTED, *_MODELLED, "ipw_ato", "balancing_ato", "quantile_effects", "aipw_linear")),
    Limit("in many dimensions nearest rows are not near", ("high_dimension",), _MATCHED),
    Limit("pairs use up nearly all controls, whoever they are like", ("well_specified", "no_effect"),
          ("matching_pairs_plain",)),
    Limit("it leaves out the treated least like the controls, and nothing corrects for it", ("randomised",),
          ("matching_pairs_plain",)),
    Limit("few clusters, and asked to leave out what corrects for it", _FEW_STATES,
          ("did_cr1", "staggered_did_influence")),
    Limit("with few clusters in a cohort the jackknife is too wide", _FEW_STATES,
          ("staggered_did", "staggered_did_not_yet", "imputation_did")),
    Limit("unequal effects count as noise, so the error of their weighted average is too wide", _STAGGERED_STATES,
          ("did", "did_cr1")),
    Limit("the effect goes with a covariate, and the regression gives treated and untreated one slope of it",
          ("drifting_effects",), ("did", "event_study", "sun_abraham")),
)  # fmt: skip
KNOWN: Mapping[tuple[str, str], str] = {
    (setting, world): limit.why for limit in LIMITS for world in limit.worlds for setting in limit.settings
}


def band(repetitions: int) -> tuple[float, float]:
    """Share of intervals that must cover, at least and at most.

    At 10,000 repetitions or more 93.5-96.5 %, from 1,000 92.9-97.1 %; with fewer, 3.05 Monte-Carlo errors, which is
    what the line at 1,000 amounts to.
    """
    for least, low, high in LINES:
        if repetitions >= least:
            return low, high
    reach = SIGMAS * float(np.sqrt(LEVEL * (1.0 - LEVEL) / repetitions))
    return LEVEL - reach, min(LEVEL + reach, 1.0)


def ruling(setting: str, world: str, covered: float | None, repetitions: int) -> Ruling:
    """Judge a cell by the share of its intervals that covered.

    Parameters
    ----------
    covered : float or None
        None where it has no interval.
    repetitions : int
        Tables with an interval; with fewer than twenty there is nothing to judge.
    """
    if covered is None or repetitions < FEWEST:
        return "refused"
    low, high = band(repetitions)
    if low <= covered and (covered <= high or setting in CONSERVATIVE):
        return "pass"
    return "known" if (setting, world) in KNOWN else "fail"
