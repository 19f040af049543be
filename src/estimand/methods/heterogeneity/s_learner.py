"""S: one outcome model with the arm among its features, asked under every arm."""

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


@method("s_learner", **card("Künzel et al. 2019, doi:10.1073/pnas.1804597116"))
class SLearnerEffects(Method):
    r"""One outcome model with the arm among its features, asked under every arm.

    Estimand: τ(x) = E[Y(a) - Y(0) | X = x] for every row, and as the value E[Y(a) - Y(0)] over everyone (ATE) or over
    those in arm a (ATT).

    τ is the difference of one outcome model under the arm and under control. Where the arm matters little beside the
    covariates, the model may leave it out: effects are drawn towards zero.

    A row's effect comes from models that its fold had no part in. The average is that of doubly robust scores with
    out-of-fold propensities and predictions of one outcome model with the arm as a feature: the one of ``aipw``,
    whatever the effects. Scores also give the average effect of each fifth of the predicted effects, ranked within
    folds, and the best linear approximation by the covariates.

    Assumes no unmeasured confounding given the covariates, and overlap.

    Variance: of the average Σψψ'/n², sampling weights multiplying ψ; single effects have none.

    Parameters
    ----------
    target : "ATE" | "ATT"
    learner : Learner
        The outcome, whatever the arm.
    propensity_learner : Learner, optional
        For the scores. ``learner`` by default.
    folds : int or tuple of int
        Number of folds, at least three, or the fold of each row.
    """

    target: Literal[Target.ATE, Target.ATT] = Target.ATE
    learner: LearnerOption = Learner("boosting")
    propensity_learner: LearnerOption | None = None
    folds: Annotated[int, Field(ge=3)] | tuple[int, ...] = 5

    def estimate(self, case: Case) -> Estimate:
        """Fit effects out of fold, and average the scores."""
        used = Learners.of(self.learner, self.propensity_learner, None)
        return learned(case, self, Asked("s_learner", self.target, used, self.folds, pooled=True))
