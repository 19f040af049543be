"""What does the method find where there is nothing to find?"""

from dataclasses import dataclass, replace

import numpy as np

from estimand.checks.stress.cost import linear_cost, refit_cost
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.errors import EstimandError
from estimand.stats.arrays import Floats, Ints
from estimand.stats.rates import at_least

NOMINAL = 0.05
FAR = 4.0
SURPRISING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Placebos:
    """One estimate's first term under shuffled treatments.

    Attributes
    ----------
    value, std_error, p_value : ndarray of shape (b,)
        Not-a-number where the method has none; of a ratio, the log and its error.
    failed : int
        Draws that could not be estimated.
    """

    value: Floats
    std_error: Floats
    p_value: Floats
    failed: int

    @property
    def z(self) -> float:
        """Mean placebo estimate over its Monte Carlo error."""
        mean, spread = float(self.value.mean()), float(self.value.std(ddof=1))
        error = spread / np.sqrt(self.value.shape[0])
        return mean / error if error > 0.0 else 0.0 if mean == 0.0 else float(np.copysign(np.inf, mean))


@check(
    "stress.placebo_treatment",
    question="What does the method find where there is nothing to find?",
    references=("Fisher 1935", "Eggers, Tuñón & Dafoe 2024, doi:10.1111/ajps.12818"),
)
class PlaceboTreatment(Check):
    """Shuffle the treatment, so that it can have no effect, and run the method again.

    Whole clusters are shuffled where treatment does not vary within them, rows otherwise, and within the
    strata of the design's exact covariates. It examines the method's bias and standard error on these rows;
    a shuffled treatment is unconfounded, so it says nothing of confounding.

    Parameters
    ----------
    draws : int
        Shuffles.
    fewest : int
        Below this there is no answer.
    spend : float
        What all refits may cost together, in numbers read (rows times columns of a linear fit); fewer draws
        are made where they would cost more. Methods that fit out of fold or resample are left out.
    """

    draws: int = 20
    fewest: int = 10
    spend: float = 1.5e7

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where there are rows and a method that is cheap to run again."""
        return isinstance(case.source, Sample) and any(_cheap(case, e) for e in estimates)

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each cheap estimate; all see the same shuffles."""
        cheap = [estimate for estimate in estimates if _cheap(case, estimate)]
        affordable = int(self.spend / sum(refit_cost(case, estimate) for estimate in cheap))
        draws = min(self.draws, affordable)
        if draws < self.fewest:
            return tuple(self._too_dear(estimate) for estimate in cheap)
        shuffled = Shuffle.of(case)

        def step(draw: int) -> list[Estimate | None]:
            codes = shuffled.codes(case.run.rng(self.spec.key, case.outcome, draw))
            run = Run(case.run.seed, cancelled=case.run.cancelled)
            changed = replace(case, source=case.sample().with_treatment(codes), run=run)
            return [_attempt(refit, estimate, changed) for estimate in cheap]

        made = case.run.map(step, range(draws), "placebo treatments")
        left_out = [estimate.id for estimate in estimates if estimate not in cheap]
        return tuple(
            self._one(estimate, _placebos([row[j] for row in made]), left_out) for j, estimate in enumerate(cheap)
        )

    def _one(self, estimate: Estimate, placebos: Placebos, left_out: list[str]) -> Finding:
        count = placebos.value.shape[0]
        if count < self.fewest:
            message = f"{placebos.failed} of {placebos.failed + count} shuffled treatments could not be estimated."
            remedy = "Ask what makes the fit so fragile: a rare arm, or a category that few rows have."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, "placebo treatment", message, remedy)
        rejected = int((placebos.p_value <= NOMINAL).sum())
        often = at_least(rejected, count, NOMINAL) < SURPRISING
        off = abs(placebos.z) > FAR
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if off or often else Grade.PASS,
            subject="placebo treatment",
            statistic=placebos.z,
            threshold=FAR,
            message=_words(estimate, placebos, rejected, left_out),
            remedy=_remedy(off, often),
            evidence=Table(
                {
                    "draw": list(range(count)),
                    "estimate": placebos.value.tolist(),
                    "std_error": placebos.std_error.tolist(),
                    "p_value": placebos.p_value.tolist(),
                }
            ),
        )

    def _too_dear(self, estimate: Estimate) -> Finding:
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOT_RUN,
            subject="placebo treatment",
            message=f"{self.fewest} refits on {estimate.n_obs:,} rows would cost more than the check may spend.",
            remedy="Run it on a sample of the rows.",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Shuffle:
    """What is shuffled, and within what.

    Attributes
    ----------
    arm : ndarray of shape (m,)
        Arm of each unit that is shuffled.
    stratum : ndarray of shape (m,)
        Arms change places within a stratum.
    unit : ndarray of shape (n,)
        Unit of each row.
    """

    arm: Ints
    stratum: Ints
    unit: Ints

    @classmethod
    def of(cls, case: Case) -> "Shuffle":
        """Clusters where treatment does not vary within them, else rows; strata by the exact covariates."""
        sample = case.sample()
        stratum = _strata(sample, case.design.roles.exact)
        if sample.cluster is not None:
            _, first, unit = np.unique(sample.cluster, return_index=True, return_inverse=True)
            if (sample.arm[first][unit] == sample.arm).all():
                return cls(sample.arm[first], stratum[first], unit)
        return cls(sample.arm, stratum, np.arange(sample.n))

    def codes(self, rng: np.random.Generator) -> Ints:
        """Shuffled arm of each row, shape (n,)."""
        size = self.arm.shape[0]
        places = np.lexsort((np.arange(size), self.stratum))
        out = np.empty(size, dtype=self.arm.dtype)
        draws: Floats = rng.random((size,))
        out[places] = self.arm[np.lexsort((draws, self.stratum))]
        return out[self.unit]


def _strata(sample: Sample, exact: tuple[str, ...]) -> Ints:
    columns = [j for j, feature in enumerate(sample.features.features) if feature.source in exact]
    if not columns:
        return np.zeros(sample.n, dtype=np.int64)
    _, codes = np.unique(sample.features.values[:, columns], axis=0, return_inverse=True)
    return np.asarray(codes.ravel(), dtype=np.int64)


def _cheap(case: Case, estimate: Estimate) -> bool:
    return refit_cost(case, estimate) <= linear_cost(case)


def _attempt(refit: Refit, estimate: Estimate, case: Case) -> Estimate | None:
    try:
        return refit(estimate, case)
    except EstimandError:
        return None


def _placebos(made: list[Estimate | None]) -> Placebos:
    found = [estimate for estimate in made if estimate is not None]
    errors = [e.scaled_error if _has_error(e) else None for e in found]
    p_values = [estimate.uncertainty.p_value(estimate.value) for estimate in found]
    return Placebos(
        np.array([float(estimate.scaled[0]) for estimate in found]),
        np.array([np.nan if error is None else float(error[0]) for error in errors]),
        np.array([np.nan if p is None else float(p[0]) for p in p_values]),
        len(made) - len(found),
    )


def _has_error(estimate: Estimate) -> bool:
    return estimate.uncertainty.std_error(estimate.value) is not None


def _words(estimate: Estimate, placebos: Placebos, rejected: int, left_out: list[str]) -> str:
    count = placebos.value.shape[0]
    larger = int((np.abs(placebos.value) >= abs(float(estimate.scaled[0]))).sum())
    error = np.sqrt(NOMINAL * (1.0 - NOMINAL) / count)
    none = "zero" if estimate.scale == "identity" else "no effect"
    words = (
        f"Of {count} shuffled treatments, {larger} gave an estimate as far from {none} as the real one; their mean is "
        f"{placebos.z:+.1f} Monte Carlo errors from {none}, and {rejected / count:.0%} were significant at 5% "
        f"(Monte Carlo error {error:.0%})."
    )
    if placebos.failed:
        words += f" {placebos.failed} more could not be estimated."
    if left_out:
        words += f" Not refitted, for their cost: {', '.join(left_out)}."
    return words


def _remedy(off: bool, often: bool) -> str | None:
    if off:
        return "The method finds an effect where there is none: do not rely on it for these data."
    if often:
        return "The standard error is too small for these data: look for a rare arm, heavy tails or unnamed clusters."
    return None
