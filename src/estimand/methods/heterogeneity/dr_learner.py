"""DR: doubly robust scores of the effect, regressed on the covariates."""

from typing import Annotated, Literal

from pydantic import Field

from estimand.core.case import Case
from estimand.core.estimate import Estimate
from estimand.core.learner import Learner, LearnerOption
from estimand.core.method import Method, method
from estimand.core.question import Target
from estimand.methods.heterogeneity.card import card
from estimand.methods.heterogeneity.learned import Asked, learned
from estimand.models.effects.ground import Learners


@method("dr_learner", **card("Kennedy 2023, doi:10.1214/23-EJS2157"))
class DRLearnerEffects(Method):
    r"""Doubly robust scores of the effect, regressed on the covariates.

    Estimand: τ(x) = E[Y(a) - Y(0) | X = x] for every row, and as the value E[Y(a) - Y(0)] over everyone (ATE) or over
    those in arm a (ATT).

    τ is the regression of Γ = μ_a - μ₀ + 1{A=a}(Y - μ_a)/e_a - 1{A=0}(Y - μ₀)/e₀; its nuisances leave out two folds,
    the row's own and the one asked about.

    A row's effect comes from models that its fold had no part in. The average is that of doubly robust scores with
    out-of-fold propensities and predictions of an outcome model in each arm: the one of ``aipw``, whatever the effects.
    Scores also give the average effect of each fifth of the predicted effects, ranked within folds, and the best linear
    approximation by the covariates.

    Assumes no unmeasured confounding given the covariates, and overlap.

    Variance: of the average Σψψ'/n², sampling weights multiplying ψ; single effects have none.

    Parameters
    ----------
    target : "ATE" | "ATT"
    learner : Learner
        The outcome, in each arm.
    propensity_learner : Learner, optional
        For the effects and the scores. ``learner`` by default.
    effect_learner : Learner, optional
        Regresses what is made of the rows on the covariates; ``learner`` by default, or where that is "boosting" the
        "stopped_boosting" made for noisy outcomes, which "auto" too then stacks.
    folds : int or tuple of int
        Number of folds, at least three, or the fold of each row.
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    learner: LearnerOption = Learner("boosting")
    propensity_learner: LearnerOption | None = None
    effect_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=3)] | tuple[int, ...] = 5

    def estimate(self, case: Case) -> Estimate:
        """Fit effects out of fold, and average the scores."""
        used = Learners.of(self.learner, self.propensity_learner, self.effect_learner)
        return learned(case, self, Asked("dr_learner", self.target, used, self.folds))
