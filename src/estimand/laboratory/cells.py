"""What is measured: every method of the catalog in every world, with its defaults and in declared variants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimand.core.catalog import keys, resolve
from estimand.core.frozen import FrozenMap
from estimand.core.method import Method, takes
from estimand.laboratory.worlds.place import Place
from estimand.laboratory.worlds.rollouts import SIZES


@dataclass(frozen=True, slots=True)
class Setting:
    """A method as it is run: its defaults, or with options.

    Attributes
    ----------
    key : str
        Name of the row: the method's key, or that and what differs.
    method : str
    options : mapping
    worlds : tuple of str
        Where it is run; everywhere if empty.
    """

    key: str
    method: str
    options: Mapping[str, Any] = FrozenMap({})
    worlds: tuple[str, ...] = ()

    def planned(self) -> dict[str, Any]:
        """Return the entry of a study file."""
        return {"method": self.method, "id": self.key, **self.options}


# Trees that each see one covariate drawn by the seed, and are taken at their word: made to turn on the seed.
FEW_TREES = {"name": "boosting", "params": {"rounds": 2, "feature_fraction": 0.25, "learning_rate": 1.0}}
OF_ONE = tuple(f"one_cohort_{clusters}_clusters" for clusters in SIZES)
OF_TWO = tuple(f"staggered_{clusters}_clusters" for clusters in SIZES)
DRIFTING = ("drifting_one_cohort", "drifting_staggered", "drifting_effects")
STAGGERED = ("staggered", "staggered_10_clusters", "drifting_staggered", "unbalanced_rollout", "cross_sections")
AVERAGED = ("staggered", "staggered_50_clusters")
# The average of these is that of t_learner to the last digit, whatever the effects: run to show it, in a few worlds.
SAME_AVERAGE: Mapping[str, str] = FrozenMap(dict.fromkeys(("x_learner", "r_learner", "dr_learner"), "t_learner"))
WITNESSED = ("well_specified", "heterogeneous_effects", "clustered")
VARIANTS = (
    Setting("regression_att", "regression", {"target": "ATT"}),
    Setting("regression_one_slope", "regression", {"interactions": False}),
    Setting("ipw_att", "ipw", {"target": "ATT"}),
    Setting("ipw_atc", "ipw", {"target": "ATC"}),
    Setting("ipw_ato", "ipw", {"target": "ATO"}),
    Setting("balancing_att", "balancing", {"target": "ATT"}),
    Setting("balancing_ato", "balancing", {"target": "ATO"}),
    Setting("gcomputation_att", "gcomputation", {"target": "ATT"}),
    Setting("gcomputation_ratio", "gcomputation", {"contrast": "ratio"}, ("rare_outcome",)),
    Setting("aipw_ratio", "aipw", {"contrast": "ratio"}, ("rare_outcome",)),
    Setting("aipw_att", "aipw", {"target": "ATT"}),
    Setting("aipw_linear", "aipw", {"learner": "linear"}),
    Setting("dml_plr", "dml", {"score": "plr"}),
    Setting("matching_mahalanobis_ate", "matching", {"distance": "mahalanobis", "target": "ATE"}),
    Setting("matching_caliper", "matching", {"caliper": 0.2}),
    Setting("matching_pairs", "matching", {"replace": False}),
    Setting(
        "matching_pairs_plain",
        "matching",
        {"replace": False, "bias_correct": False},
        ("well_specified", "no_effect", "randomised", "rare_arm"),
    ),
    Setting("aipw_one_fit", "aipw", {"learner": "lasso", "folds": 1}, ("balanced", "lost_outcomes")),
    Setting("aipw_few_trees", "aipw", {"learner": FEW_TREES, "folds": 1}, ("post_treatment_covariate",)),
    Setting("did_two_by_two", "did", {"effects": "two_by_two"}, ("one_cohort", *OF_ONE, "drifting_one_cohort")),
    Setting("did_cr1", "did", {"covariance": "CR1"}, (*OF_ONE, *OF_TWO)),
    Setting("staggered_did_not_yet", "staggered_did", {"control": "not_yet"}, STAGGERED),
    Setting("staggered_did_ipw", "staggered_did", {"estimator": "ipw"}, DRIFTING),
    Setting("staggered_did_or", "staggered_did", {"estimator": "or"}, DRIFTING),
    Setting("staggered_did_group", "staggered_did", {"aggregate": "group"}, AVERAGED),
    Setting("staggered_did_event", "staggered_did", {"aggregate": "event"}, AVERAGED),
    Setting("staggered_did_calendar", "staggered_did", {"aggregate": "calendar"}, AVERAGED),
    Setting("staggered_did_influence", "staggered_did", {"covariance": "influence"}, (*OF_ONE, *OF_TWO)),
)


def settings() -> tuple[Setting, ...]:
    """Every method of the catalog with its defaults, each followed by its variants."""
    return tuple(
        setting
        for key in keys("methods")
        for setting in (_default(key), *(variant for variant in VARIANTS if variant.method == key))
    )


def _default(key: str) -> Setting:
    """Return a method as it comes: everywhere, unless another has its very average."""
    return Setting(key, key, worlds=WITNESSED if key in SAME_AVERAGE else ())


def settings_of(world: Place, methods: tuple[str, ...] = ()) -> tuple[Setting, ...]:
    """Return what is measured in a world, of some methods or of all that take its design."""
    design = world.declared()
    return tuple(
        setting
        for setting in settings()
        if (not methods or setting.method in methods)
        and (not setting.worlds or world.key in setting.worlds)
        and takes(resolve("methods", setting.method).spec, design)
    )


def options_of(key: str) -> dict[str, Any]:
    """Every option of a setting, the defaults included."""
    setting = next(setting for setting in settings() if setting.key == key)
    kind: type[Method] = resolve("methods", setting.method)
    return kind(**setting.options).options()
