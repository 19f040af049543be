"""Could each row of the target population have been in either arm?"""

import numpy as np

from estimand.checks.diagnosis.remedies import narrower
from estimand.checks.diagnosis.weighted import people_weights
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.question import Target
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Bools, Floats, Ints

BINS = 40
LONELY_NOTE = 0.5
LONELY_WARN = 0.9


@check(
    "overlap.propensity",
    question="Could each row of the target population have been in either arm?",
    references=("Crump et al. 2009, doi:10.1093/biomet/asn055",),
)
class PropensityOverlap(Check):
    """Share of the target population with a propensity in a tail that its weights suffer from.

    Both tails over everyone for ATE; the upper over the treated for ATT; the lower over the untreated for
    ATC; none for ATO, whose weights vanish there. Controls unlike any treated row are a note where they are most
    of the controls, and a warning where they are nearly all: the comparison then rests on the few others.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates that fitted a propensity."""
        return isinstance(case.source, Sample) and any(_propensity(e) is not None for e in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the share in the tails and the distribution by arm."""
        out = []
        for estimate in estimates:
            propensity = _propensity(estimate)
            if propensity is not None:
                out.append(self._one(case, estimate, propensity))
        return tuple(out)

    def _one(self, case: Case, estimate: Estimate, propensity: Floats) -> Finding:
        sample, gates = case.sample(), case.gates
        edge = gates.overlap_edge
        people = people_weights(sample)
        members, tail, where = _tail(propensity, sample.arm, estimate.target.averaged, edge)
        share = float(np.average(tail, weights=people[members]))
        far = share > gates.overlap_share
        treatable = 1.0 - propensity[sample.arm == 0, 0]
        untreated = people[sample.arm == 0]
        lonely = (
            float(np.average(treatable < edge, weights=untreated)) if estimate.target.averaged is Target.ATT else 0.0
        )
        message = f"{f'{share:.1%}' if tail.any() else 'None'} of {where}."
        if lonely > LONELY_NOTE:
            unlike = (
                f"{lonely:.0%} of the control rows have a propensity below {edge:g}: most of them tell little "
                "about the treated."
            )
            message = f"{message} {unlike}" if tail.any() else unlike
        warned = far or lonely > LONELY_WARN
        grade = Grade.WARN if warned else Grade.NOTE if lonely > LONELY_NOTE else Grade.PASS
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="propensity",
            statistic=share,
            threshold=gates.overlap_share,
            message=message,
            remedy=None if grade is Grade.PASS else narrower(estimate),
            evidence=propensity_histogram(propensity[:, 1], sample, edge),
        )


def _propensity(estimate: Estimate) -> Floats | None:
    """Probability of every arm, shape (n, arms); a single column is that of the arm after control."""
    found = estimate.details.get("propensity")
    if not isinstance(found, np.ndarray):
        return None
    return found if found.ndim == 2 else np.stack([1.0 - found, found], axis=1)


def _tail(propensity: Floats, arm: Ints, target: Target, edge: float) -> tuple[Bools, Bools, str]:
    """Return the rows of the target population, which of them lie in a harmful tail, and those words."""
    rare, everyone = propensity < edge, np.ones(arm.shape[0], dtype=bool)
    if target is Target.ATT:
        words = f"the treated have a propensity above {1 - edge:g}, where controls are rare"
        return arm > 0, rare[arm > 0, 0], words
    if target is Target.ATC:
        words = f"the untreated have a propensity below {edge:g}, where treated rows are rare"
        return arm == 0, np.asarray(rare[arm == 0, 1:].any(axis=1)), words
    if target is Target.ATO:
        return everyone, ~everyone, "the rows matter in the tails: overlap weights vanish there"
    if target is Target.ATM:
        return everyone, ~everyone, "the rows matter in the tails: those matched have a counterpart near them"
    words = f"the rows have a propensity outside [{edge:g}, {1 - edge:g}], where one arm is rare"
    return everyone, np.asarray(rare.any(axis=1)), words


def propensity_histogram(propensity: Floats, sample: Sample, edge: float) -> Table:
    """Rows of each arm by one propensity, weighted, in equal bins from 0 to 1, as the overlap figure reads them."""
    edges, people = np.linspace(0.0, 1.0, BINS + 1), people_weights(sample)
    weights = people if np.ptp(people) else None
    counts = {}
    for a, label in enumerate(sample.arms):
        own = sample.arm == a
        each = None if weights is None else weights[own]
        counts[f"arm {label}"] = np.histogram(propensity[own], bins=edges, weights=each)[0].tolist()
    bins: dict[str, list[float]] = {"low": edges[:-1].tolist(), "high": edges[1:].tolist(), "edge": [edge] * BINS}
    return Table(bins | counts)
