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
        "Abadie & Spiess 2022, doi:10.1080/01621459.2020.1840383",
    ),
)
class Reservoir(Check):
    """Controls for each treated row before matching without replacement; below two for each that is wanted is few.

    With fewer, sets take nearly all controls, near or far, and the arms stay as unlike as they were: a warning, or a
    note where a regression on the covariates corrects for what sets differ in. Where the propensity is known, also the
    share of the treated for whom no control at least as likely to be treated is left,
    ``max_t (k T(t) - C(t)) / (k T)`` with T(t) and C(t) the treated and the controls of propensity t or more and k the
    ratio: a note above 5 % where controls are many. A caliper bounds how unlike matched rows may be, and passes.

    In an experiment arms are alike whoever is taken, and only sets without that correction are looked at: with fewer
    controls than are wanted the treated least like them are left out, which pulls the arms apart.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to matching without replacement; where treatment was randomised, to that without correction."""
        return isinstance(case.source, Sample) and any(_concerned(case, estimate) for estimate in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count for every such estimate."""
        return tuple(self._one(case, estimate) for estimate in estimates if _concerned(case, estimate))

    def _one(self, case: Case, estimate: Estimate) -> Finding:
        arm = case.sample().arm
        counts = np.bincount(arm, minlength=len(case.arms))
        ratio = int(estimate.options["ratio"])
        each, line = float(counts[0] / counts[1:].max()), (1.0 if case.randomised else RESERVOIR) * ratio
        words = f"There are {each:.1f} controls for each treated row"
        if estimate.options["caliper"] is not None:
            return self._found(estimate, (each, line), Grade.PASS, f"{words}, and a caliper keeps out those far off.")
        propensity = estimate.details.get("propensity")
        short = 0.0
        if isinstance(propensity, np.ndarray) and propensity.ndim == 1 and not case.randomised:
            short = shortage(propensity, arm, ratio)
        words += _consequence(case, estimate, each, line)
        if short > SHORTAGE:
            words += f" For {short:.0%} of the treated no control as likely to be treated is left."
        grade = Grade.NOTE if each < line or short > SHORTAGE else Grade.PASS
        if each < line and not _corrected(estimate):
            grade = Grade.WARN
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


def _consequence(case: Case, estimate: Estimate, each: float, line: float) -> str:
    """What the number of controls makes of the sets, as the end of a sentence."""
    if each >= line:
        return " to choose from."
    if case.randomised:
        return ": the treated least likely to be so are left out, which pulls the arms apart."
    taken = min(1.0, int(estimate.options["ratio"]) / each)
    rest = "what is left unlike rests on the regression" if _corrected(estimate) else "so that bias remains"
    return f": matching takes {taken:.0%} of them, near or far{';' if _corrected(estimate) else ','} {rest}."


def _concerned(case: Case, estimate: Estimate) -> bool:
    """Whether each control served at most once, and whom that leaves matters."""
    once = estimate.method == "matching" and estimate.options.get("replace") is False
    return once and not (case.randomised and _corrected(estimate))


def _corrected(estimate: Estimate) -> bool:
    """Whether what sets differ in is corrected for, as it is unless told otherwise."""
    return estimate.options.get("bias_correct") is not False
