"""Do random parts of the data tell the story of the whole?"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import fdtri

from estimand.checks.stress.altered import subset
from estimand.checks.stress.causal import AVERAGES
from estimand.checks.stress.refits import adjusts, affordable, degrees, each
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats

NAME = "random subsets"
SURPRISING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How far estimates of subsets lie from the whole, against what sampling theory says.

    Attributes
    ----------
    values : ndarray of shape (b,)
        Of one term.
    full, expected : float
        Estimate of all rows, and the standard deviation of a subset's about it.
    df : float
        Degrees of freedom of the standard error.
    """

    values: Floats
    full: float
    expected: float
    df: float

    @property
    def ratio(self) -> float:
        """Root mean square distance over what is expected."""
        return float(np.sqrt(np.square(self.values - self.full).mean()) / self.expected)

    @property
    def line(self) -> float:
        """Ratio that one study in a thousand would pass if theory held: from F(b, df), or χ²(b)/b."""
        draws, df = self.values.shape[0], min(self.df, 1e9)
        return float(1.0 / np.sqrt(fdtri(df, draws, SURPRISING)))


def expected_spread(std_error: float, share: float) -> float:
    """Standard deviation of a subset's estimate about the whole's: SE √(1/f - 1).

    A subset drawn without replacement averages ψ over a share f of the units, and given the data that average
    lies about the whole's with variance S²(1/f - 1)/n (Cochran 1977, theorem 2.2), where S²/n is the squared
    standard error.
    """
    return float(std_error * np.sqrt(1.0 / share - 1.0))


@check(
    "stress.subset_stability",
    question="Do random parts of the data tell the story of the whole?",
    references=("Cochran 1977, Sampling Techniques, theorem 2.2", "Politis, Romano & Wolf 1999"),
)
class SubsetStability(Check):
    """Fit again on random subsets of the units: the spread against what sampling theory says.

    Given the data, an estimate from a share f of the units, drawn without replacement, lies about the full one
    with variance SE²(1/f - 1). More spread than that, by an F test at one in a thousand, says that the standard
    error is too small or the fit is not smooth: a few rows decide, a category or an arm is rare, or the model
    has about as many coefficients as rows. Clusters are drawn whole. Dependence between rows that the design
    does not name cannot be seen this way.

    Parameters
    ----------
    share : float
        Of the units in each subset.
    draws, full : int
        Subsets, in a quick and in a full run.
    spend, limit : float
        What all refits of a quick run may cost, in numbers read (rows times columns of a linear fit): beyond the
        first only half as many are made, beyond the second none.
    """

    share: float = 0.8
    draws: int = 10
    full: int = 40
    spend: float = 2e6
    limit: float = 6e6

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to average effects that are not bare comparisons of the arms."""
        return isinstance(case.source, Sample) and bool(self._about(estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the term that spreads most."""
        draws = self.full if case.stress == "full" else self.draws
        fit, refused = affordable(case, self._about(estimates), draws, self.spend)
        if not fit:
            draws //= 2
            fit, refused = affordable(case, self._about(estimates), draws, self.limit)
        out = [refusal.finding(self.spec.key, NAME) for refusal in refused]
        if not fit:
            return tuple(out)
        key = (self.spec.key, case.outcome)
        changes = [partial(subset, case, self.share, (*key, draw)) for draw in range(draws)]
        made = each(case, refit, fit, changes, NAME)
        for j, estimate in enumerate(fit):
            out.append(self._one(case, estimate, [row[j] for row in made]))
        return tuple(out)

    def _about(self, estimates: tuple[Estimate, ...]) -> list[Estimate]:
        return [estimate for estimate in estimates if estimate.target in AVERAGES and adjusts(estimate)]

    def _one(self, case: Case, estimate: Estimate, made: list[Estimate | None]) -> Finding:
        found = [again for again in made if again is not None]
        if 2 * len(found) < len(made):
            message = f"{len(made) - len(found)} of {len(made)} subsets of {self.share:.0%} could not be estimated."
            remedy = "Ask what makes the fit so fragile: few clusters, a rare arm, or a category that few rows have."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, NAME, message, remedy)
        values = np.stack([again.value for again in found])
        spreads = [self._spread(estimate, values[:, j], j) for j in range(values.shape[1])]
        worst = max(range(len(spreads)), key=lambda j: spreads[j].ratio / spreads[j].line)
        spread = spreads[worst]
        beyond = spread.ratio > spread.line
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if beyond else Grade.PASS,
            subject=estimate.terms[worst].label,
            statistic=spread.ratio,
            threshold=spread.line,
            message=_words(case, spread, self.share, len(made) - len(found)),
            remedy=_remedy(estimate, worst) if beyond else None,
            evidence=_evidence(spread),
        )

    def _spread(self, estimate: Estimate, values: Floats, j: int) -> Spread:
        expected = expected_spread(float(estimate.std_error[j]), self.share)
        return Spread(values, float(estimate.value[j]), expected, degrees(estimate, j))


def _words(case: Case, spread: Spread, share: float, failed: int) -> str:
    units = "rows" if case.sample().cluster is None else "clusters"
    values = spread.values
    words = (
        f"On {values.shape[0]} random subsets of {share:.0%} of the {units} the estimate, {spread.full:.4g}, goes from "
        f"{values.min():.4g} to {values.max():.4g}: {spread.ratio:.2f} times the spread that its standard error "
        f"implies for subsets of that size (up to {spread.line:.2f} is chance)."
    )
    return words + (f" {failed} more could not be estimated." if failed else "")


def _remedy(estimate: Estimate, j: int) -> str:
    words = (
        "The standard error is too small, or a few rows decide: look at the largest weights and outcomes, at rare "
        "categories, and at whether the effect differs between groups."
    )
    if estimate.influence is None:
        return words
    squares = np.square(estimate.influence.psi[:, j])
    return f"{words} The most influential unit carries {squares.max() / squares.sum():.0%} of the variance."


def _evidence(spread: Spread) -> Table:
    """The subsets' estimates; the full estimate and the spread expected are the same in every row."""
    count = spread.values.shape[0]
    return Table(
        {
            "draw": list(range(1, count + 1)),
            "estimate": spread.values.tolist(),
            "full": [spread.full] * count,
            "expected": [spread.expected] * count,
        }
    )
