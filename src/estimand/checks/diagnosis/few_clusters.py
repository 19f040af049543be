"""What tests made for few clusters say, beside an interval that asks for many."""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.jsonable import number
from estimand.core.resampling import Resampling
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.core.uncertainty import Normal, Regions, Segments, hull
from estimand.stats.enough_clusters import FEW_OF_A_KIND

WILD = Resampling(kind="wild_cluster", draws=1999)
ASSIGNED = Resampling(kind="randomisation", draws=1999)


@check(
    "inference.wild_cluster",
    question="With few clusters, what does the wild cluster bootstrap say?",
    references=(
        "Cameron, Gelbach & Miller 2008, doi:10.1162/rest.90.3.414",
        "Roodman, MacKinnon, Nielsen & Webb 2019, doi:10.1177/1536867X19830877",
    ),
)
class WildCluster(Check):
    """Put the restricted wild cluster bootstrap's test, and the set it does not reject, beside the interval."""

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to least squares with a cluster covariance, where clusters are few or of uneven leverage."""
        return any(_few(case, estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Compare both for every such estimate."""
        return tuple(_beside(self.spec.key, e, refit(e, case, WILD)) for e in estimates if _few(case, e))


@check(
    "inference.randomisation",
    question="With very few clusters in an arm, what does the randomisation test say?",
    references=("MacKinnon & Webb 2020, doi:10.1016/j.jeconom.2020.04.024",),
)
class VeryFewClusters(Check):
    """Where an arm has fewer than five clusters, put the randomisation test of a constant effect beside the interval.

    An observational design has no assignment to draw anew; there the check says so, and does not run.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where least squares was used and some arm has very few clusters."""
        return any(_small_sample(e) for e in estimates) and _clusters_of_thinnest(case) < FEW_OF_A_KIND

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Test every such estimate, or say why not."""
        found = [estimate for estimate in estimates if _small_sample(estimate)]
        if case.randomised:
            return tuple(_beside(self.spec.key, e, refit(e, case, ASSIGNED)) for e in found)
        return tuple(self._not_assigned(estimate, case) for estimate in found)

    def _not_assigned(self, estimate: Estimate, case: Case) -> Finding:
        count = _clusters_of_thinnest(case)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOT_RUN,
            subject="clusters",
            statistic=float(count),
            threshold=float(FEW_OF_A_KIND),
            message=f"An arm has {count} clusters, too few for any covariance. Randomisation inference would need to "
            "know how treatment was assigned, which an observational design does not; under an assumed assignment "
            "it would test only that the effect is the same for every unit.",
            remedy="Gather more clusters; or declare an experiment, if treatment was assigned at random to them.",
        )


def _small_sample(estimate: Estimate) -> bool:
    spread = estimate.uncertainty
    linear = isinstance(spread, Normal) and spread.scale == "identity" and spread.correction.startswith("CR")
    return estimate.inference == "small_sample" and linear


def _few(case: Case, estimate: Estimate) -> bool:
    """Few clusters, or CR2, which is chosen where they are few or of uneven leverage."""
    if not _small_sample(estimate) or not isinstance(estimate.uncertainty, Normal):
        return False
    few = np.unique(case.sample().units).shape[0] < case.gates.clusters
    return bool(few or estimate.uncertainty.correction == "CR2")


def _clusters_of_thinnest(case: Case) -> int:
    sample = case.source
    if not isinstance(sample, Sample) or sample.cluster is None:
        return FEW_OF_A_KIND
    return min(int(np.unique(sample.cluster[sample.arm == a]).shape[0]) for a in range(len(sample.arms)))


def _beside(key: str, estimate: Estimate, tested: Estimate) -> Finding:
    """Both intervals and p-values of every term; a note where they part on whether there is an effect."""
    regions = tested.uncertainty
    sets = regions.at(estimate.level) if isinstance(regions, Regions) else ()
    bounds, own, p = estimate.interval(), estimate.p_value, tested.p_value
    alpha = 1.0 - estimate.level
    parted = bool(((own <= alpha) != (p <= alpha)).any())
    term, used = estimate.terms[0].label, getattr(estimate.uncertainty, "correction", "")
    words = (
        f"The {getattr(regions, 'test', '')} gives p = {p[0]:.3g} for '{term}', and does not reject "
        f"{_written(sets[0])} at {estimate.level:g}; the interval with {used} is "
        f"{_written(((float(bounds[0, 0]), float(bounds[0, 1])),))} with p = {own[0]:.3g}."
    )
    return Finding(
        check=key,
        about=estimate.id,
        grade=Grade.NOTE if parted else Grade.PASS,
        subject=term,
        statistic=float(p[0]),
        threshold=alpha,
        message=words,
        remedy="The two part on whether there is an effect: report the test made for few clusters." if parted else None,
        evidence=_table(estimate, bounds.tolist(), own.tolist(), (sets, p.tolist())),
    )


def _table(
    estimate: Estimate, bounds: list[list[float]], own: list[float], tested: tuple[tuple[Segments, ...], list[float]]
) -> Table:
    hulls = [hull(pieces) or (np.nan, np.nan) for pieces in tested[0]]
    return Table(
        {
            "term": [term.label for term in estimate.terms],
            "value": estimate.value.tolist(),
            "low": [number(low) for low, _ in bounds],
            "high": [number(high) for _, high in bounds],
            "p_value": own,
            "test_low": [number(low) for low, _ in hulls],
            "test_high": [number(high) for _, high in hulls],
            "test_p_value": tested[1],
            "pieces": [len(pieces) for pieces in tested[0]],
        }
    )


def _written(pieces: Segments) -> str:
    """A set in words: its pieces, an infinite end as such."""
    if not pieces:
        return "nothing"
    ends = ((_end(low), _end(high)) for low, high in pieces)
    return " or ".join(f"[{low}, {high}]" for low, high in ends)


def _end(value: float) -> str:
    return format_number(value) if np.isfinite(value) else ("∞" if value > 0 else "-∞")
