"""In what space rows are near: the propensity's logit, or the covariates themselves."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import logit

from estimand.core.case import Case
from estimand.core.learner import Learner
from estimand.core.nearest import did_you_mean
from estimand.core.nuisances import Fit, FoldPlan, Score
from estimand.core.sample import Encoded, Sample
from estimand.errors import Code, DesignError, IdentificationError, UnsupportedError
from estimand.stats.arrays import Bools, Floats, Hashes, Ints
from estimand.stats.neighbours import Space
from estimand.stats.neighbours_cloud import Cloud, scaled_points, twin_codes
from estimand.stats.neighbours_line import Line

Distance: TypeAlias = Literal["propensity", "probability", "mahalanobis", "euclidean"]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Rows placed where their distances are measured.

    Attributes
    ----------
    space : Space
    strata : ndarray of shape (n,) or None
        Rows of different codes are never matched.
    ids : ndarray of shape (n,)
        Settles ties.
    scores : ndarray of shape (n,) or None
        The propensity on its scale, in standard deviations.
    fit : Fit or None
        The propensity model.
    """

    space: Space
    strata: Ints | None
    ids: Hashes
    scores: Floats | None = None
    fit: Fit | None = None

    @property
    def propensity(self) -> Floats:
        """Fitted probability of treatment, shape (n,)."""
        return np.empty(0) if self.fit is None else np.asarray(self.fit.prediction[:, 1])

    @property
    def score(self) -> Score:
        """The propensity's estimating equation."""
        if self.fit is None or self.fit.score is None:
            raise UnsupportedError("There is no propensity model.", remedy="Use distance 'propensity'.")
        return self.fit.score


def measured(
    case: Case, distance: Distance, learner: Learner, exact: tuple[str, ...], tie_order: Literal["id", "row"]
) -> Measured:
    """Place the rows of a case for a distance, in the strata of its exact covariates."""
    sample = case.sample()
    strata = strata_of(sample, exact or case.design.roles.exact)
    ids = sample.ids if tie_order == "id" else np.arange(sample.n, dtype=np.uint64)
    if distance in {"mahalanobis", "euclidean"}:
        metric: Literal["mahalanobis", "euclidean"] = "mahalanobis" if distance == "mahalanobis" else "euclidean"
        kinds = np.zeros(sample.n, dtype=np.int64) if strata is None else strata
        points, used = _placed(sample.features.values, metric, ids)
        twin = twin_codes(sample.features.values[:, used], kinds)
        return Measured(Cloud(points, twin, kinds, ids, case.run.map), strata, ids)
    fit = _propensity(case, learner)
    treated = fit.prediction[:, 1]
    scores = logit(treated) if distance == "propensity" else treated
    spread = scores.std(ddof=1)
    scores = scores / spread if spread > 0.0 else scores
    return Measured(Line.of(scores, strata, ids), strata, ids, scores, fit)


def _placed(features: Floats, metric: Literal["mahalanobis", "euclidean"], ids: Hashes) -> tuple[Floats, Bools]:
    """Points computed in the order of ids, so that the order of the file does not move a bit of them."""
    order = np.argsort(ids)
    ordered, used = scaled_points(features[order], metric)
    points = np.empty_like(ordered)
    points[order] = ordered
    return points, used


def _propensity(case: Case, learner: Learner) -> Fit:
    fit = case.fitted().propensity(learner, FoldPlan(1))
    if fit.score is None:
        raise UnsupportedError(
            f"Method 'matching' needs a parametric propensity model; '{learner.name}' has no estimating equation, "
            "so its uncertainty cannot enter the variance.",
            remedy="Use method 'aipw', whose score tolerates any learner, or distance 'mahalanobis'.",
            found=learner.name,
        )
    if not ((fit.prediction > 0.0) & (fit.prediction < 1.0)).all():
        raise IdentificationError(
            "Some propensities are zero or one: nobody like those rows could be in the other arm.",
            remedy="Leave those rows out, or drop the covariate that decides the arm.",
            code=Code.INSUFFICIENT_OVERLAP,
        )
    return fit


def strata_of(sample: Sample, names: tuple[str, ...]) -> Ints | None:
    """Code of each row's exact covariates, shape (n,); None where there are none.

    Raises
    ------
    DesignError
        If a name is neither a covariate nor among the sample's exact columns.
    """
    if not names:
        return None
    columns = []
    places = [sample.features, *(sample.roles[role] for role in ("exact",) if role in sample.roles)]
    for name in names:
        held = [_columns(place, name) for place in places]
        found = next((block for block in held if block.shape[1]), None)
        if found is None:
            known = list(dict.fromkeys(feature.source for feature in sample.features.features))
            raise DesignError(
                f"There is no covariate '{name}' to match on exactly.", remedy=did_you_mean(name, known), found=name
            )
        columns.append(found)
    return twin_codes(np.hstack(columns), np.zeros(sample.n, dtype=np.int64))


def _columns(encoded: Encoded, source: str) -> Floats:
    return encoded.values[:, [j for j, feature in enumerate(encoded.features) if feature.source == source]]
