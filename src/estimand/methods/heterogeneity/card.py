"""The card of a learner of effects: what those of S, T, X, R and DR have in common."""

from typing import Any

from estimand.core.design import Experiment, Observational
from estimand.core.method import Detail
from estimand.methods.heterogeneity.shapes import SHAPES

DETAILS = (
    Detail("effects", "(n,) or (n, arms - 1)", "effect on each row, by models it had no part in [outcome]"),
    Detail("importance", "by covariate", "mean squared change of the effects when it is shuffled, as shares"),
    Detail("scores", "(n,) or (n, arms - 1)", "doubly robust score of each row's effect [outcome]"),
    Detail("groups", "by fifth of the effects", "average effect by scores [outcome]"),
    Detail("projection", "by covariate", "best linear approximation of the effect [outcome per unit]"),
    *SHAPES,
    Detail("nuisance_loss", "by part", "log loss [nats] or mean squared error [outcome²]"),
    Detail("calibration", "by part", "slope of observed on predicted"),
    Detail("propensity", "(n,) or (n, arms)", "probability of the arm after control, or of each arm"),
    Detail("weights", "(n,)", "weight of each row's residual, mean one in each arm"),
)


def card(*references: str) -> dict[str, Any]:
    """Return what a learner's card says besides its name, given the papers it alone rests on."""
    return {
        "designs": (Observational, Experiment),
        "references": (*references, "Robins, Rotnitzky & Zhao 1994, doi:10.1080/01621459.1994.10476818"),
        "inference": "influence",
        "invariances": ("row_order", "covariate_scale"),
        "why_not": "A drawn row would be learned from and asked about; the influence function gives the average's "
        "error.",
        "details": DETAILS,
    }
