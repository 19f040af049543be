"""Which methods are measured on which metrics of the simulated experiments, and the line each is held to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estimand.core.experiment_rates import Rule
from estimand.core.frozen import FrozenMap


@dataclass(frozen=True, slots=True)
class Reading:
    """A method as it is run on some metrics of an experiment.

    Attributes
    ----------
    key : str
        Name of the row: the method's key, or that and what differs.
    method : str
    metrics : tuple of str
    options : mapping
    rule : "exact" | "conservative"
        Declared beforehand: whether the test's error is as stated, or at most that.
    limit : str
        Why it will not keep its line here, where theory says so.
    """

    key: str
    method: str
    metrics: tuple[str, ...]
    options: Mapping[str, Any] = FrozenMap({})
    rule: Rule = "exact"
    limit: str = ""

    def planned(self) -> dict[str, Any]:
        """Return the entry of a study file."""
        return {"method": self.method, "id": self.key, **self.options}


MEANS = ("normal", "spend", "bought", "visits", "clicks per view", "revenue")
WITH_HISTORY = ("normal", "spend", "clicks per view")
LOOKS, OF_RARE = FrozenMap({"units": 2_100}), FrozenMap({"units": 12_000})
FEW_CLUSTERS = "the error is over few clusters, with no small-sample correction"
FEW_SLOPES = "with six clusters and a slope in each arm the small-sample correction is too wide"
FEW_EVENTS = "four events in an arm are not normal"
SKEWED = "the mean of a small arm is skewed where the large arm's is not"
READINGS: Mapping[str, tuple[Reading, ...]] = {
    "users": (
        Reading("difference", "difference", MEANS),
        Reading("cuped", "cuped", WITH_HISTORY),
        Reading("cuped_pooled", "cuped", ("normal",), {"slopes": "pooled"}),
        Reading("regression", "regression", ("normal", "spend", "bought", "clicks per view")),
        Reading("proportion", "proportion", ("bought",)),
        Reading("proportion_fisher", "proportion", ("bought",), {"test": "fisher"}, "conservative"),
        Reading("rank_test", "rank_test", ("normal", "spend", "visits")),
        Reading("quantile", "quantile", ("normal", "median spend")),
        Reading("quantile_90", "quantile", ("spend",), {"quantile": 0.9}),
        Reading("bayesian", "bayesian", ("normal", "bought", "clicks per view")),
        Reading("sequential", "sequential", ("normal", "spend"), LOOKS, "conservative"),
        Reading("sequential_msprt", "sequential", ("normal",), {"kind": "msprt", "effect_sd": 0.2}, "conservative"),
    ),
    "rare": (
        Reading("difference", "difference", ("bought",)),
        Reading("proportion", "proportion", ("bought",)),
        Reading("proportion_fisher", "proportion", ("bought",), {"test": "fisher"}, "conservative"),
        Reading("bayesian", "bayesian", ("bought",)),
        Reading("sequential", "sequential", ("bought",), OF_RARE, "conservative"),
    ),
    "clusters": (
        Reading("difference", "difference", ("normal", "bought", "clicks per view")),
        Reading("cuped", "cuped", ("normal", "clicks per view")),
        Reading("regression", "regression", ("normal",)),
        Reading("quantile", "quantile", ("median normal",)),
        Reading("bayesian", "bayesian", ("normal",)),
        Reading("sequential", "sequential", ("normal",), LOOKS, "conservative"),
    ),
    "few clusters": (
        Reading("difference", "difference", ("normal", "clicks per view")),
        Reading("cuped", "cuped", ("normal",), limit=FEW_SLOPES),
        Reading("quantile", "quantile", ("median normal",), limit=FEW_CLUSTERS),
    ),
    "strata": (
        Reading("poststratification", "poststratification", ("normal", "bought", "clicks per view")),
        Reading("difference", "difference", ("normal", "bought"), rule="conservative"),
        Reading("cuped", "cuped", ("normal",)),
        Reading("cuped_unstratified", "cuped", ("normal",), {"stratified": False}, "conservative"),
        Reading("regression", "regression", ("normal", "clicks per view")),
        Reading("proportion_cmh", "proportion", ("bought",), {"test": "cmh"}, "conservative"),
    ),
    "takers": (
        Reading("cace", "cace", ("normal",)),
        Reading("cace_unadjusted", "cace", ("normal",), {"adjust": False}),
    ),
    "uneven": (
        Reading("difference", "difference", ("spend",), limit=SKEWED),
        Reading("cuped", "cuped", ("spend",), limit=SKEWED),
        Reading("rank_test", "rank_test", ("spend",)),
        Reading("difference_of_rare", "difference", ("bought",), limit=FEW_EVENTS),
        Reading("proportion", "proportion", ("bought",), limit=FEW_EVENTS),
        Reading("proportion_fisher", "proportion", ("bought",), {"test": "fisher"}, "conservative"),
    ),
}  # fmt: skip
