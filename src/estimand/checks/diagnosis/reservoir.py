"""Has matching without replacement enough controls to choose from?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.stats.arrays import Floats, Ints

RESERVOIR = 2.0
SHORTAGE = 0.05
REMEDY = (
    "Match with replacement, or use 'balancing' or 'aipw'; or set a caliper, which leaves out treated rows and says so "
    "(ATM)."
)


@check(
    "matching.reservoir",
    question="Has matching without replacement enough controls to choose from?",
    references=(
        "Rosenbaum & Rubin 1985, doi:10.1080/00031305.1985.10479383",
        "Stuart 2010, doi:10.1214/09-STS313",
    ),
)
class Reservoir(Check):
    """Controls for each treated row before matching without replacement; warn below two for each that is wanted.

    With fewer, sets take nearly all controls, near or far, and the arms stay as unlike as they were. Where the
    propensity is known, also the share of the treated for whom no control at least as likely to be treated is left,
    ``max_t (k T(t) - C(t)) / (k T)`` with T(t) and C(t) the treated and the controls of propensity t or more and k the
    ratio: a note above 5 % where controls are many. A caliper bounds how unlike matched rows may be, and passes.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to matching without replacement where treatment was not randomised."""
        return isinstance(case.source, Sample) and not case.randomised and any(_each_once(e) for e in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count for every such estimate."""
        return tuple(self._one(case.sample(), estimate) for estimate in estimates if _each_once(estimate))

    def _one(self, sample: Sample, estimate: Estimate) -> Finding:
        counts = np.bincount(sample.arm, minlength=len(sample.arms))
        ratio = int(estimate.options["ratio"])
        each, line = float(counts[0] / counts[1:].max()), RESERVOIR * ratio
        words = f"There are {each:.1f} controls for each treated row"
        if estimate.options["caliper"] is not None:
            return self._found(estimate, (each, line), Grade.PASS, f"{words}, and a caliper keeps out those far off.")
        propensity = estimate.details.get("propensity")
        short = 0.0
        if isinstance(propensity, np.ndarray) and propensity.ndim == 1:
            short = shortage(propensity, sample.arm, ratio)
        if each < line:
            taken = min(1.0, ratio / each)
            words = f"{words}: matching takes {taken:.0%} of them, near or far, so that bias remains."
        else:
            words = f"{words} to choose from."
        if short > SHORTAGE:
            words += f" For {short:.0%} of the treated no control as likely to be treated is left."
        grade = Grade.WARN if each < line else Grade.NOTE if short > SHORTAGE else Grade.PASS
        return self._found(estimate, (each, line), grade, words)

    def _found(self, estimate: Estimate, held: tuple[float, float], grade: Grade, message: str) -> Finding:
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=grade,
            subject="controls",
            statistic=held[0],
            threshold=held[1],
            message=message,
            remedy=None if grade is Grade.PASS else REMEDY,
        )


def shortage(propensity: Floats, arm: Ints, ratio: int) -> float:
    """Share of what the treated ask for that controls of no lower propensity cannot give."""
    order = np.lexsort((arm, -propensity))
    asked = np.cumsum(np.where(arm[order] > 0, ratio, -1))
    return float(max(0, asked.max()) / (ratio * np.count_nonzero(arm)))


def _each_once(estimate: Estimate) -> bool:
    """Whether each control served at most once."""
    return estimate.method == "matching" and estimate.options.get("replace") is False
