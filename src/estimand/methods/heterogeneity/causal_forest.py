"""The causal forest: whose effect is large, with an average from doubly robust scores."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from estimand.core.case import Case
from estimand.core.design import Experiment, Observational
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.learner import Learner, LearnerOption
from estimand.core.method import Detail, Method, method
from estimand.core.nuisances import FoldPlan, Nuisance
from estimand.core.question import Target
from estimand.core.row_weights import mean_one_by_arm, row_weights
from estimand.errors import UnsupportedError
from estimand.methods.heterogeneity.admitted import admitted, learner_notes, refuse_certainty, share_by_covariate
from estimand.methods.heterogeneity.averaged import Told, averaged
from estimand.methods.heterogeneity.shapes import SHAPES, shapes
from estimand.models.forest.binning import find_cuts
from estimand.models.forest.growth import Ground, Grown, grow
from estimand.models.forest.settings import ForestSettings
from estimand.models.forest.solving import solved
from estimand.stats.arrays import Floats
from estimand.stats.effect_scores import Known, flat
from estimand.stats.weighting import target_weights


@method(
    "causal_forest",
    designs=(Observational, Experiment),
    references=(
        "Athey, Tibshirani & Wager 2019, doi:10.1214/18-AOS1709",
        "Wager & Athey 2018, doi:10.1080/01621459.2017.1319839",
        "Robins, Rotnitzky & Zhao 1994, doi:10.1080/01621459.1994.10476818",
    ),
    inference="influence",
    invariances=("row_order", "covariate_scale"),
    why_not="A drawn row is both in a bag and out of it; the influence function gives the average's error.",
    details=(
        Detail("effects", "(n,) or (n, arms - 1)", "effect on each row, out of bag [outcome]"),
        Detail("effect_std_error", "(n,) or (n, arms - 1)", "pointwise standard error [outcome]"),
        Detail("importance", "by covariate", "share of early splits"),
        *SHAPES,
        Detail("nuisance_loss", "by part", "log loss [nats] or mean squared error [outcome²]"),
        Detail("calibration", "by part", "slope of observed on predicted"),
        Detail("propensity", "(n,) or (n, arms)", "probability of the arm after control, or of each arm"),
        Detail("weights", "(n,)", "weight of each row's residual, mean one in each arm"),
    ),
)
class ForestEffects(Method):
    r"""Effects given covariates by honest trees grown on centred data, and their average by doubly robust scores.

    Estimand: τ(x) = E[Y(a) - Y(0) | X = x] for every row, and as the value E[Y(a) - Y(0)] over everyone (ATE), over
    those in arm a (ATT), or under overlap weights e(1 - e) (ATO, two arms).

    Outcome and arm less what the covariates predict of them out of fold; bags of two trees on one half of the units
    (of clusters where there are any), each honest, split where effects differ by gradient pseudo-outcomes made anew in
    every node; effects of a row from the trees whose whole bag missed it. The average is that of
    Γ = τ + 1{A=a}(Y - μ_a)/e_a - 1{A=0}(Y - μ₀)/e₀.

    Assumes no unmeasured confounding given the covariates, and overlap.

    Variance: of the average Σψψ'/n². Of each effect, between bags less the noise within them: pointwise, and without
    the bias of smoothing.

    Parameters
    ----------
    target : "ATE" | "ATT" | "ATO"
    trees : int
        An even number.
    learner : Learner
        For both nuisances.
    propensity_learner : Learner, optional
        Replaces ``learner`` for the propensity.
    folds : int or tuple of int
        Number of folds, or the fold of each row.
    min_leaf : int
        Rows that each side of a split keeps, at least one of them treated and one not.
    alpha : float
        Share of a node's rows that each side keeps.
    imbalance_penalty : float
        Taken off the score of uneven splits.
    sample_fraction : float
        Share of the units in a tree, at most one half.
    mtry : int, optional
        Columns tried at each node; default min(p, √p + 30).
    guided : bool
        Whether nodes below the first levels try few columns, most of them from those that split best above.
    honesty : bool
        Whether some of a tree's units only split and the others only estimate.
    split_share : float
        Share of them that split.
    """

    target: Literal[Target.ATE, Target.ATT, Target.ATO] = Target.ATE
    trees: Annotated[int, Field(ge=4, le=1_000_000, multiple_of=2)] = 2000
    learner: LearnerOption = Learner("boosting")
    propensity_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=2)] | tuple[int, ...] = 5
    min_leaf: Annotated[int, Field(ge=1)] = 5
    alpha: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    imbalance_penalty: Annotated[float, Field(ge=0)] = 0.0
    sample_fraction: Annotated[float, Field(gt=0, le=0.5)] = 0.5
    mtry: Annotated[int, Field(ge=1)] | None = None
    guided: bool = True
    honesty: bool = True
    split_share: Annotated[float, Field(gt=0, lt=1)] = 0.5

    def estimate(self, case: Case) -> Estimate:
        """Centre out of fold, grow, and average the scores."""
        key, sample = self.spec.key, admitted(self.spec.key, case)
        if self.target is Target.ATO and len(sample.arms) > 2:
            raise UnsupportedError(
                "The average under overlap weights is for two arms here.",
                remedy="Use target ATE or ATT, or compare two arms at a time.",
            )
        plan = FoldPlan(self.folds)
        propensity, mean = case.fitted().fit(
            Nuisance("propensity", self.propensity_learner or self.learner, plan),
            Nuisance("mean", self.learner, plan),
        )
        refuse_certainty(propensity.prediction, sample)
        chances = _adding_up(propensity.prediction)
        grown, effects, variance = self._effects(case, chances, mean.prediction)
        known = Known(case.values(), sample.arm, chances, mean.prediction, effects, row_weights(sample))
        weights = target_weights(sample.arm, chances, self.target)
        importance = share_by_covariate(sample, grown.importance)
        details = {
            "effects": flat(effects),
            "effect_std_error": flat(np.sqrt(variance)),
            "importance": FrozenMap(importance),
            **shapes(case, known, effects, importance),
            "nuisance_loss": FrozenMap({**propensity.loss, **mean.loss}),
            "calibration": FrozenMap({**propensity.calibration, **mean.calibration}),
            "propensity": flat(chances[:, 1:]) if len(sample.arms) == 2 else chances,
            "weights": mean_one_by_arm(weights * row_weights(sample), sample),
        }
        findings = (_pointwise(key), *learner_notes(key, (*propensity.notes, *mean.notes)))
        return averaged(case, self, self.target, known, Told(details, findings))

    def _effects(self, case: Case, propensity: Floats, mean: Floats) -> tuple[Grown, Floats, Floats]:
        """Grow on rows in the order of their identity; effects and variances in the order of the sample."""
        sample = case.sample()
        order = np.argsort(sample.ids, kind="stable")
        labels = sample.ids if sample.cluster is None else sample.cluster
        arms = np.arange(1, len(sample.arms))
        left = np.column_stack(
            [
                row_weights(sample),
                case.values() - mean,
                (sample.arm[:, None] == arms) - propensity[:, 1:],
            ]
        )
        settings = ForestSettings(
            **{name: getattr(self, name) for name in ForestSettings.model_fields if name != "bins"}
        )
        features = np.ascontiguousarray(sample.features.values[order])
        codes = find_cuts(features, settings.bins).codes(features)
        units = np.unique(labels[order], return_inverse=True)[1]
        grown = grow(Ground(codes, np.ascontiguousarray(left[order]), units), settings, case.run, keep=False)
        place = np.argsort(order, kind="stable")
        effects, variance = solved(grown.gathered, arms.shape[0])
        return grown, effects[place], variance[place]


def _adding_up(propensity: Floats) -> Floats:
    """Each arm was predicted against all others; together they are to be certain."""
    return np.asarray(propensity / propensity.sum(axis=1, keepdims=True))


def _pointwise(key: str) -> Finding:
    return Finding(
        check=f"{key}.pointwise",
        about=key,
        grade=Grade.NOTE,
        subject="effects",
        message="Standard errors of single effects are pointwise and leave out the bias of smoothing: intervals made "
        "of them hold the truth less often than they say.",
        remedy="Rest decisions on averages over groups, and read single effects as rough.",
    )
