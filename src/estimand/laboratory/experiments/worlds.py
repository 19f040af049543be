"""The simulated experiments in which methods are measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from estimand.core.design import Experiment, as_design
from estimand.core.estimate import Estimate
from estimand.core.frozen import FrozenMap
from estimand.core.question import Target
from estimand.laboratory.experiments import draws, truths
from estimand.laboratory.experiments.draws import Columns
from estimand.laboratory.worlds.mark import marked

NORMAL = {"name": "normal", "column": "normal", "covariate": "past"}
SPEND = {"name": "spend", "column": "spend", "covariate": "spend_before"}
BOUGHT = {"name": "bought", "column": "bought", "kind": "proportion"}
VISITS = {"name": "visits", "column": "visits", "kind": "count"}
CLICKS = {
    "name": "clicks per view", "column": "clicks", "denominator": "views", "covariate": "clicks_before",
    "covariate_denominator": "views_before",
}  # fmt: skip
MEDIAN = {"name": "median spend", "column": "spend", "quantile": 0.5}
MEDIAN_NORMAL = {"name": "median normal", "column": "normal", "quantile": 0.5}
REVENUE = {"name": "revenue", "column": "revenue", "kind": "revenue", "winsor": 0.99}
Truths = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class ExperimentWorld:
    """A simulated experiment.

    Attributes
    ----------
    key : str
    says : str
        What is so in it, in a sentence.
    draw : callable
        From a random stream to the columns of a table.
    metrics : tuple of mapping
    fields : mapping
        What else its design declares.
    truths : mapping of (metric, what) to float
        What treatment does to the treated arm: to the "effect", the "index", or "quantile 0.9".
    """

    key: str
    says: str
    draw: Callable[[np.random.Generator], Columns]
    metrics: tuple[Mapping[str, Any], ...]
    fields: Mapping[str, Any]
    truths: Truths

    @cached_property
    def design(self) -> Experiment:
        """The design, as a study would declare it."""
        made = as_design(
            {
                "kind": "experiment",
                "treatment": "arm",
                "control": draws.CONTROL,
                "metrics": [dict(metric) for metric in self.metrics],
                **self.fields,
            }
        )
        if not isinstance(made, Experiment):
            raise TypeError(self.key)
        return made

    def truth(self, estimate: Estimate) -> float | None:
        """Truth of the treated arm's term; None where it is not known."""
        what = {Target.PROBABILITY_INDEX: "index", Target.QTE: f"quantile {self._share(estimate):g}"}
        return self.truths.get((estimate.outcome, what.get(estimate.target, "effect")))

    def _share(self, estimate: Estimate) -> float:
        return float(estimate.terms[-1].at.get("quantile", 0.5))

    def mark(self, seed: int) -> str:
        """Fingerprint of what it draws."""
        rng = np.random.Generator(np.random.Philox(seed))
        return marked({"metrics": self.metrics, **self.fields}, self.draw(rng))


CLUSTERED: Truths = {
    ("normal", "effect"): draws.EFFECT,
    ("median normal", "quantile 0.5"): draws.EFFECT,
    ("bought", "effect"): 0.7 * draws.MORE_CLICKS,
    ("clicks per view", "effect"): 0.7 * draws.MORE_CLICKS,
}
BY_CLUSTER: Mapping[str, Any] = FrozenMap({"cluster": "cluster"})
EXPERIMENT_WORLDS = (
    ExperimentWorld(
        "users",
        "2,100 users assigned one by one to three arms; one in five is new, without history of spend.",
        draws.users,
        (NORMAL, SPEND, BOUGHT, VISITS, CLICKS, MEDIAN, REVENUE),
        {"covariates": ["past"]},
        {
            ("normal", "effect"): draws.EFFECT,
            ("normal", "index"): truths.index_of_normal(),
            ("normal", "quantile 0.5"): draws.EFFECT,
            ("spend", "effect"): truths.mean_of_spend(),
            ("spend", "index"): truths.index_of_spend(),
            ("spend", "quantile 0.9"): truths.quantile_of_spend(0.9),
            ("bought", "effect"): draws.MORE_BUYERS - draws.BUYERS,
            ("visits", "effect"): draws.MORE_VISITS - draws.VISITS,
            ("visits", "index"): truths.index_of_visits(),
            ("clicks per view", "effect"): 0.7 * draws.MORE_CLICKS,
            ("median spend", "quantile 0.5"): truths.quantile_of_spend(0.5),
            ("revenue", "effect"): truths.mean_of_capped_revenue(0.99),
        },
    ),
    ExperimentWorld(
        "rare",
        "12,000 users in three arms, of whom one in two hundred buys: 20 events an arm.",
        draws.rare,
        (BOUGHT,),
        {},
        {("bought", "effect"): draws.LESS_RARE - draws.RARE},
    ),
    ExperimentWorld(
        "clusters",
        "180 clusters of one to nine rows, assigned whole to three arms.",
        draws.clusters,
        (NORMAL, BOUGHT, CLICKS, MEDIAN_NORMAL),
        BY_CLUSTER,
        CLUSTERED,
    ),
    ExperimentWorld(
        "few clusters",
        "18 clusters of ten to thirty rows, six to each of three arms.",
        draws.few_clusters,
        (NORMAL, CLICKS, MEDIAN_NORMAL),
        BY_CLUSTER,
        CLUSTERED,
    ),
    ExperimentWorld(
        "strata",
        "1,200 users assigned to three arms in equal parts within four regions that differ in level and effect.",
        draws.strata,
        (NORMAL, BOUGHT, CLICKS),
        {"strata": ["region"]},
        {
            ("normal", "effect"): truths.effect_in_strata(),
            ("bought", "effect"): draws.MORE_IN_STRATA,
            ("clicks per view", "effect"): truths.clicks_in_strata(),
        },
    ),
    ExperimentWorld(
        "takers",
        "1,500 users in three arms, half of whom take what their arm offers; one in ten takes it in any arm.",
        draws.takers,
        (NORMAL,),
        {"took": "took"},
        {("normal", "effect"): draws.EFFECT_OF_TAKING},
    ),
    ExperimentWorld(
        "uneven",
        "2,000 users, one in ten to each arm beside control; skewed spend, and 4 events in the smaller arms.",
        draws.uneven,
        (SPEND, BOUGHT),
        {},
        {
            ("spend", "effect"): (draws.UNEVEN_LIFT - 1.0) * truths.MEAN_OF_LOGNORMAL,
            ("bought", "effect"): draws.MORE_EVENTS - draws.FEW_EVENTS,
        },
    ),
)
