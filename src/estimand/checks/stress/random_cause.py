"""Does a covariate that has nothing to do with anything move the estimate?"""

from dataclasses import replace
from functools import partial

import numpy as np

from estimand.checks.stress.altered import changed, with_columns
from estimand.checks.stress.cost import cross_fitted
from estimand.checks.stress.refits import adjusted_averages, affordable, attempt, each
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.run import Run
from estimand.core.sample import Feature, Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats

LINE = 0.5
NAME = "random common cause"


@check(
    "stress.random_common_cause",
    question="Does a covariate that has nothing to do with anything move the estimate?",
    references=("Sharma & Kiciman 2020, doi:10.48550/arXiv.2011.04216",),
)
class RandomCommonCause(Check):
    """Add an independent standard normal covariate, fit again, and hold the move against the standard error.

    With many rows per coefficient the move is about the standard error over √n: for least squares it is
    σ z₁z₂/(n s), the product of two independent standard normals, where the standard error is σ/(√n s). A
    root mean square beyond half a standard error means that the fit has about as many coefficients as rows, or
    that the learner or the split into folds decides the answer; for cross-fitted estimates that go beyond it,
    as many refits under other seeds tell which. Matching is not smooth, and its variance allows for whom each row
    meets: it gets a note. The test says nothing of hidden causes: an independent column is none.

    Parameters
    ----------
    draws, full : int
        Columns, in a quick and in a full run.
    spend : float
        What all refits of a quick run may cost, in numbers read (rows times columns of a linear fit).
    """

    draws: int = 3
    full: int = 20
    spend: float = 6e6

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to average effects that use covariates."""
        return bool(adjusted_averages(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the term that moves most."""
        draws = self.full if case.stress == "full" else self.draws
        fit, refused = affordable(case, adjusted_averages(case, estimates), draws, self.spend)
        out = [refusal.finding(self.spec.key, NAME) for refusal in refused]
        if not fit:
            return tuple(out)
        changes = [partial(with_noise, case, self.spec.key, draw) for draw in range(draws)]
        made = each(case, refit, fit, changes, NAME)
        for j, estimate in enumerate(fit):
            found = [row[j] for row in made]
            out.append(self._one(case, estimate, [again for again in found if again is not None], refit))
        return tuple(out)

    def _one(self, case: Case, estimate: Estimate, made: list[Estimate], refit: Refit) -> Finding:
        if not made:
            message = f"No refit with {NAME} could be computed."
            remedy = "Ask what makes the fit so fragile: as many coefficients as rows, or a rare category."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, NAME, message, remedy)
        moves = np.stack([again.value - estimate.value for again in made]) / estimate.std_error
        size = np.sqrt(np.square(moves).mean(axis=0))
        worst = int(size.argmax())
        beyond = bool(size[worst] > LINE)
        split = self._split_noise(case, estimate, refit, len(made))[worst] if beyond and _splits(estimate) else None
        drawn = split is not None and size[worst] <= 2.0 * split
        matched = estimate.inference == "matching"
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.PASS if not beyond else Grade.NOTE if drawn or matched else Grade.WARN,
            subject=estimate.terms[worst].label,
            statistic=float(size[worst]),
            threshold=LINE,
            message=_words(estimate, made, moves, worst, split),
            remedy=_remedy(beyond, drawn, matched),
            evidence=_evidence(estimate, made, moves, worst),
        )

    def _split_noise(self, case: Case, estimate: Estimate, refit: Refit, count: int) -> Floats:
        """Root mean square move in standard errors under other seeds alone, shape (k,)."""
        seeds = [case.run.seed_for(self.spec.key, "split", case.outcome, draw) for draw in range(count)]
        runs = [replace(case, run=Run(seed, cancelled=case.run.cancelled)) for seed in seeds]
        made = [again for other in runs if (again := attempt(refit, estimate, other)) is not None]
        moves = [(again.value - estimate.value) / estimate.std_error for again in made]
        return np.sqrt(np.square(moves).mean(axis=0)) if moves else np.zeros(len(estimate.terms))


def with_noise(case: Case, key: str, draw: int) -> Case:
    """Add a column of independent standard normals to the covariates."""
    rng = case.run.rng(key, case.outcome, draw)

    def change(sample: Sample) -> Sample:
        values: Floats = rng.standard_normal((sample.n, 1))
        return with_columns(sample, f"{NAME} {draw}", (Feature(NAME, NAME),), values)

    return changed(case, change)


def _splits(estimate: Estimate) -> bool:
    return cross_fitted(estimate) and isinstance(estimate.options.get("folds"), int)


def _words(estimate: Estimate, made: list[Estimate], moves: Floats, worst: int, split: float | None) -> str:
    value = float(estimate.value[worst])
    mean = float(np.mean([again.value[worst] for again in made]))
    furthest = float(np.abs(moves[:, worst]).max())
    size = float(np.sqrt(np.square(moves[:, worst]).mean()))
    words = (
        f"A covariate that has nothing to do with treatment or outcome was added, {len(made)} times anew. The "
        f"estimate, {value:.4g}, was then {mean:.4g} on average; it moved by {size:.2g} of its standard error "
        f"(root mean square), at most by {furthest:.2g}."
    )
    if split is not None:
        words += f" Another split into folds alone moves it by {split:.2g}."
    return words


def _remedy(beyond: bool, drawn: bool, matched: bool) -> str | None:
    if not beyond:
        return None
    if matched:
        return "It changes who is matched with whom, which the standard error allows for: match each row with more."
    if drawn:
        return "It is the split into folds that moves it: use repeats=5, or more."
    return "A sound fit would not move: use fewer covariates or a steadier learner, or gather more rows."


def _evidence(estimate: Estimate, made: list[Estimate], moves: Floats, worst: int) -> Table:
    """Refits of the worst term; the estimate, and the move allowed, are the same in every row."""
    return Table(
        {
            "draw": list(range(1, len(made) + 1)),
            "estimate": [float(again.value[worst]) for again in made],
            "move": moves[:, worst].tolist(),
            "full": [float(estimate.value[worst])] * len(made),
            "allowed": [LINE * float(estimate.std_error[worst])] * len(made),
        }
    )
