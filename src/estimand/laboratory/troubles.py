"""What each check looks for, which worlds hold that trouble, and which do not: declared before anything is measured.

A check that has no line to pass is descriptive: how it answers is published, and no answer of it is right or wrong.
Every key of the catalog stands here; a test fails for one that does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from estimand.core.finding import Grade


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a check is to be held to.

    Attributes
    ----------
    what : str
        The trouble, in a phrase; or why there is none to find.
    alarm : Grade or None
        Grade from which an answer counts as an alarm; None for a descriptive check.
    present, absent : tuple of str
        Worlds that hold the trouble, and that do not; in others it is not judged.
    about : tuple of str
        Settings that its answers count for; all if empty.
    carried : tuple of str
        Settings that carry the trouble where it is present; those of ``about`` if empty.
    """

    what: str
    alarm: Grade | None = None
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()

    def concerns(self, setting: str, world: str) -> bool:
        """Tell whether an answer about a setting counts in a world."""
        counted = self.carried if self.carried and self.role(world) == "present" else self.about
        return not counted or setting in counted

    def role(self, world: str) -> str:
        """Tell what a world is to the check."""
        if self.alarm is None:
            return "descriptive"
        return "present" if world in self.present else "absent" if world in self.absent else "other"


ALIKE = ("well_specified", "heterogeneous_effects", "no_effect", "randomised", "balanced")
ADJUSTED = ("well_specified", "heterogeneous_effects", "no_effect", "balanced")
SOUND = (*ALIKE, "misspecified_propensity", "misspecified_outcome", "heavy_tails", "rare_outcome")
# Rollouts in which what the methods assume holds, those of them with clusters, and with enough or too few.
OF_FEW = tuple(f"{family}_{count}_clusters" for family in ("one_cohort", "staggered") for count in (6, 10, 20))
OF_MANY = (
    "one_cohort", "staggered", "one_cohort_50_clusters", "staggered_50_clusters", "one_cohort_200_clusters",
    "staggered_200_clusters", "cross_sections_of_states",
)  # fmt: skip
OF_STATES = (*OF_FEW, *OF_MANY[2:])
ROLLED_OUT = (
    *OF_FEW, *OF_MANY, "drifting_one_cohort", "drifting_staggered", "drifting_effects", "unbalanced_rollout",
    "lasting_errors", "cross_sections",
)  # fmt: skip
EVENTS = ("event_study", "staggered_did", "sun_abraham")
AVERAGE = ("ipw", "balancing", "aipw", "aipw_linear", "tmle", "dml")
EFFECTS = ("causal_forest", "s_learner", "t_learner", "x_learner", "r_learner", "dr_learner")
# Worlds in which one effect holds for everyone: what a method reports as differences is noise.
ONE_EFFECT = ("well_specified", "no_effect", "balanced", "misspecified_propensity", "misspecified_outcome")
VARIED = ("heterogeneous_effects", "randomised")
_BOUND = "no line to pass: it says how much hidden confounding, or which selection, it would take"
_SECOND = "no line to pass: a second opinion beside the interval where clusters are few"
_PLANNED = "no world names metrics or a plan: its error rates are those of its test, measured by simulations"

TROUBLES: Mapping[str, Trouble] = {
    "balance.before": Trouble(
        "the arms differ before any adjustment", Grade.NOTE, ("well_specified", "weak_overlap"), ("balanced",)
    ),
    "balance.smd": Trouble(
        "weights leave the arms unlike",
        Grade.WARN,
        ("well_specified", "weak_overlap"),
        ("balanced", "randomised"),
        (*AVERAGE, "matching", "matching_pairs"),
        ("matching_pairs",),
    ),
    "balance.variance_ratio": Trouble(
        "weights leave a covariate's spread unlike",
        Grade.WARN,
        ("misspecified_propensity",),
        ALIKE,
        carried=("ipw", "ipw_att", "ipw_atc", "quantile_effects"),
    ),
    "overlap.propensity": Trouble("rows like nobody in the other arm", Grade.WARN, ("weak_overlap",), ALIKE, AVERAGE),
    "overlap.separation": Trouble("covariates that decide the arm", Grade.WARN, ("separated",), SOUND),
    "design.unadjusted": Trouble("nothing to adjust for", Grade.WARN, ("nothing_measured",), ADJUSTED),
    "design.post_treatment": Trouble(
        "adjusting for what treatment moved", Grade.VETO, ("post_treatment_covariate",), ADJUSTED
    ),
    "weights.effective_n": Trouble("few rows carry the weight", Grade.WARN, ("weak_overlap",), ALIKE, AVERAGE),
    "weights.max_share": Trouble("one row carries the weight", Grade.WARN, ("weak_overlap",), ALIKE, AVERAGE),
    "observation.weights": Trouble(
        "few rows stand for those without an outcome", Grade.WARN, (), ("missing_outcomes_weighted",)
    ),
    "nuisance.quality": Trouble("a nuisance without skill", Grade.NOTE, ("balanced",), ("well_specified",)),
    "nuisance.calibration": Trouble("propensities that do not mean what they say", Grade.WARN, (), ALIKE),
    "nuisance.linearity": Trouble(
        "an outcome that bends where a model is a line, felt by the estimate",
        Grade.WARN,
        ("misspecified_outcome",),
        (*ALIKE, "misspecified_propensity", "heavy_tails", "clustered"),
        carried=("regression", "regression_att", "gcomputation", "gcomputation_att"),
    ),
    "nuisance.propensity_form": Trouble(
        "a propensity that bends where its model does not",
        Grade.WARN,
        ("misspecified_propensity",),
        (*ALIKE, "misspecified_outcome", "heavy_tails", "clustered"),
        carried=("ipw", "ipw_att", "ipw_atc", "quantile_effects"),
    ),
    "inference.clusters": Trouble("too few clusters", Grade.NOTE, ("few_clusters", "cluster_lottery"), ("clustered",)),
    "inference.wild_cluster": Trouble(_SECOND),
    "inference.randomisation": Trouble(_SECOND),
    "inference.defined": Trouble("no bounded interval", Grade.WARN, (), SOUND),
    "inference.leverage": Trouble(
        "a coefficient for every few rows: HC3 too wide, a sandwich too narrow",
        Grade.WARN,
        ("high_dimension",),
        SOUND,
        carried=("regression", "regression_att", "gcomputation", "balancing", "balancing_ato", "ipw_ato"),
    ),
    "experiment.peeking": Trouble("no line to pass: it compares the units there with those planned"),
    "matching.reservoir": Trouble(
        "pairs that take nearly all controls",
        Grade.WARN,
        ("well_specified", "no_effect"),
        ("rare_arm",),
        carried=("matching_pairs_plain",),
    ),
    "panel.pretrends": Trouble(
        "trends that part before treatment", Grade.WARN, ("diverging_trends", "anticipated"), ROLLED_OUT, EVENTS
    ),
    "panel.pretrend_power": Trouble("no line to pass: it says which line a pre-test would have found"),
    "panel.honest_did": Trouble("no line to pass: it says how far trends may part before the effect is gone"),
    "panel.trends": Trouble("no line to pass: it shows mean outcomes over time, and where they would have gone"),
    "panel.bacon": Trouble(
        "a two-way regression that compares with units treated already", Grade.WARN, ("staggered", "opposed_effects")
    ),
    "panel.negative_weights": Trouble(
        "a two-way regression that takes effects off", Grade.WARN, ("opposed_effects",), ("staggered", "lasting_errors")
    ),
    "panel.anticipation": Trouble(
        "outcomes that move just before treatment", Grade.WARN, ("anticipated",), ROLLED_OUT, EVENTS
    ),
    "panel.placebo_date": Trouble(
        "an effect found before there was treatment",
        Grade.WARN,
        ("diverging_trends", "anticipated"),
        ROLLED_OUT,
        (*EVENTS, "did", "did_two_by_two", "imputation_did", "extended_twfe"),
    ),
    "panel.composition": Trouble(
        "units that leave or join because of treatment", Grade.WARN, ("leaving_units",), ROLLED_OUT
    ),
    "panel.comparison": Trouble("cohorts with nobody to compare with", Grade.WARN, ("everyone_treated",), ROLLED_OUT),
    "panel.reversal": Trouble("treatment that ends", Grade.WARN, ("treatment_that_ends",), ROLLED_OUT),
    "panel.few_clusters": Trouble("too few clusters, or treated ones", Grade.NOTE, OF_FEW, OF_MANY),
    "panel.cluster_level": Trouble(
        "units in several clusters, or clusters treated in part",
        Grade.NOTE,
        ("moving_units", "mixed_states"),
        OF_STATES,
    ),
    "panel.varying_effects": Trouble(
        "effects that vary with the covariates, where a regression has one for all",
        Grade.WARN,
        ("drifting_effects",),
        ("drifting_one_cohort", "drifting_staggered"),
    ),
    "heterogeneity.calibration": Trouble(
        "predicted differences in effect that are noise", Grade.NOTE, ONE_EFFECT, VARIED, EFFECTS
    ),
    "heterogeneity.rate": Trouble("a ranking by effect that is noise", Grade.NOTE, ONE_EFFECT, VARIED, EFFECTS),
    "heterogeneity.groups": Trouble(
        "groups by predicted effect that do not differ", Grade.NOTE, ONE_EFFECT, VARIED, EFFECTS
    ),
    "heterogeneity.usable": Trouble("no usable heterogeneity", Grade.NOTE, ONE_EFFECT, VARIED, EFFECTS),
    "heterogeneity.profile": Trouble("no line to pass: it shows whom the predictions pick"),
    "heterogeneity.segments": Trouble("no line to pass: it shows the effect in the segments that a design names"),
    "heterogeneity.projection": Trouble("no line to pass: it shows with which covariates the effect moves"),
    "experiment.srm": Trouble(_PLANNED),
    "experiment.srm_within": Trouble(_PLANNED),
    "experiment.srm_running": Trouble(_PLANNED),
    "experiment.pre_exposure": Trouble(_PLANNED),
    "experiment.metric_missing": Trouble(_PLANNED),
    "experiment.outlier_influence": Trouble(_PLANNED),
    "experiment.exposure_time": Trouble(_PLANNED),
    "experiment.few_clusters": Trouble(_PLANNED),
    "experiment.interaction": Trouble(_PLANNED),
    "experiment.joint_assignment": Trouble(_PLANNED),
    "experiment.triggering": Trouble(_PLANNED),
    "experiment.novelty": Trouble(_PLANNED),
    "experiment.segments": Trouble("no line to pass: it tells of the effect in every segment"),
    "comparison.disagreement": Trouble(
        "a model is wrong, and methods part ways",
        Grade.NOTE,
        ("misspecified_outcome", "drifting_effects"),
        (*ALIKE, *(key for key in ROLLED_OUT if key != "drifting_effects")),
    ),
    "stress.e_value": Trouble(_BOUND),
    "stress.omitted_variable": Trouble(_BOUND),
    "stress.rosenbaum_bounds": Trouble(_BOUND),
    "stress.marginal_sensitivity": Trouble(_BOUND),
    "stress.oster_delta": Trouble(_BOUND),
    "stress.manski_bounds": Trouble(_BOUND),
    "stress.lee_bounds": Trouble(_BOUND),
    "stress.specification_curve": Trouble("no line to pass: it shows every specification"),
    "stress.leave_one_covariate_out": Trouble("no line to pass: it shows what each covariate does"),
    "stress.negative_control_outcome": Trouble(
        "confounding that also moves what treatment cannot", Grade.NOTE, ("hidden_confounder",), ("quiet_controls",)
    ),
    "stress.negative_control_exposure": Trouble(
        "confounding that an idle exposure shares", Grade.NOTE, ("hidden_confounder",), ("quiet_controls",)
    ),
    "stress.placebo_treatment": Trouble(
        "an effect found where there is none, or a standard error too small", Grade.WARN, (), SOUND
    ),
    "stress.random_common_cause": Trouble("an estimate that noise can move", Grade.WARN, (), ALIKE),
    "stress.subset_stability": Trouble("an answer that some rows alone do not give", Grade.WARN, (), ALIKE),
    "stress.split_stability": Trouble("an answer that turns on the split", Grade.WARN, (), ALIKE),
    "stress.seed_stability": Trouble(
        "an answer that turns on the seed",
        Grade.WARN,
        ("post_treatment_covariate",),
        ("balanced", "lost_outcomes"),
        carried=("aipw_few_trees",),
    ),
    "audit.arms": Trouble("an arm with few rows", Grade.NOTE, ("rare_arm",), ALIKE),
    "audit.clusters": Trouble(
        "treatment that does not vary within clusters", Grade.NOTE, ("cluster_lottery",), ("clustered",)
    ),
    "audit.missing": Trouble("values missing in one arm", Grade.NOTE, ("spoiled_columns",), ALIKE),
    "audit.attrition": Trouble("outcomes missing in one arm", Grade.WARN, ("missing_outcomes", "lost_outcomes"), ALIKE),
    "audit.post_treatment": Trouble(
        "a covariate that treatment moved", Grade.VETO, ("post_treatment_covariate",), ADJUSTED
    ),
    "audit.treatment_leak": Trouble("a covariate that gives the arm away", Grade.WARN, ("spoiled_columns",), SOUND),
    "audit.outcome_leak": Trouble("a covariate that restates the outcome", Grade.WARN, ("spoiled_columns",), SOUND),
    "audit.identifier": Trouble("a covariate that only names the row", Grade.WARN, ("spoiled_columns",), SOUND),
    "audit.overlap": Trouble("rows like nobody in the other arm", Grade.WARN, ("weak_overlap", "separated"), ALIKE),
    "audit.balance": Trouble(
        "the arms differ", Grade.NOTE, ("well_specified", "weak_overlap"), ("balanced", "randomised")
    ),
    "audit.cells": Trouble(
        "a category with few rows in an arm", Grade.NOTE, ("careless_records",), ("careful_records",)
    ),
    "audit.timing": Trouble(
        "arms recorded at different times", Grade.NOTE, ("careless_records",), ("careful_records",)
    ),
    "audit.duplicates": Trouble(
        "the same row more than once", Grade.WARN, ("careless_records",), (*SOUND, "careful_records")
    ),
    "audit.outliers": Trouble("values far from all others", Grade.NOTE, (), SOUND),
    "audit.influence": Trouble("a row that moves the raw difference", Grade.WARN, (), SOUND),
    "audit.outcome": Trouble("no line to pass: it says what kind of number the outcome is"),
}
UNDECLARED = Trouble("not declared: nothing is known of when it should speak")


def trouble(check: str) -> Trouble:
    """Return what a check is held to; one from another package may be undeclared."""
    return TROUBLES.get(check, UNDECLARED)
