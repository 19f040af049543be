"""Would another seed have told another story?"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from estimand.checks.stress.cost import cross_fitted, refit_cost
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.run import Run
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.arrays import Floats

LINE = 0.5
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Chance:
    """Something that a seed decides in an estimate.

    Attributes
    ----------
    subject : str
    decides : callable of an Estimate returning bool
    cure : str
        What to do where it is too dear to be examined.
    """

    subject: str
    decides: Callable[[Estimate], bool]
    cure: str

    def among(self, case: Case, estimates: tuple[Estimate, ...]) -> list[Estimate]:
        """Estimates from rows that it decides, and that have a standard error to hold against it."""
        known = [e for e in estimates if e.uncertainty.std_error(e.value) is not None]
        return [e for e in known if self.decides(e)] if isinstance(case.source, Sample) else []


def _drawn_splits(estimate: Estimate) -> bool:
    return cross_fitted(estimate) and isinstance(estimate.options.get("folds"), int)


def _otherwise_random(estimate: Estimate) -> bool:
    """Whether a seed decides something other than folds: a learner, where the folds are given or there are none."""
    return "nuisance_loss" in estimate.details and not _drawn_splits(estimate)


FOLDS = Chance("folds", _drawn_splits, "Set repeats=5, which puts the spread between splits into the standard error.")
SEED = Chance("seed", _otherwise_random, "Run the study with another seed and compare.")


def _refits(
    key: str, case: Case, estimates: list[Estimate], refit: Refit, count: int
) -> list[tuple[int, list[Estimate]]]:
    """Run the estimates again under other seeds; those of one seed share its nuisances."""
    out = []
    for j in range(count):
        seed = case.run.seed_for(key, case.outcome, j)
        changed = replace(case, run=Run(seed, case.run.threads, cancelled=case.run.cancelled))
        out.append((seed, [refit(estimate, changed) for estimate in estimates]))
        case.run.report("other seeds", j + 1, count)
    return out


def _affordable(case: Case, estimates: list[Estimate], refits: int, spend: float, limit: float) -> int:
    """Refits within ``spend``, or the fewest if those stay within ``limit``, or none."""
    cost = max(refit_cost(case, estimate) for estimate in estimates)
    within = min(refits, int(spend / cost))
    return max(within, FEWEST) if FEWEST * cost <= limit else 0


def _values(estimate: Estimate, made: list[tuple[int, list[Estimate]]], j: int) -> Floats:
    return np.array([float(estimate.value[0]), *(float(again[j].value[0]) for _, again in made)])


def _evidence(case: Case, values: Floats, made: list[tuple[int, list[Estimate]]]) -> Table:
    return Table({"seed": [case.run.seed, *(seed for seed, _ in made)], "estimate": values.tolist()})


def _ratio(estimate: Estimate, values: Floats) -> float:
    """Spread of the values over the standard error; infinite where only the values vary."""
    error = float(estimate.std_error[0])
    spread = float(values.std(ddof=1))
    return spread / error if error > 0.0 else 0.0 if spread == 0.0 else float("inf")


def _too_dear(key: str, chance: Chance, estimate: Estimate) -> Finding:
    message = f"{FEWEST} refits on {estimate.n_obs:,} rows would cost more than the check may spend."
    return Finding(key, estimate.id, Grade.NOT_RUN, chance.subject, message, chance.cure)


def _examined(
    check: "SplitStability | SeedStability", case: Case, estimates: tuple[Estimate, ...], refit: Refit, chance: Chance
) -> tuple[Finding, ...]:
    """Answer for the estimates that a chance decides, or say that it would be too dear and what to do instead."""
    key, chosen = check.spec.key, chance.among(case, estimates)
    count = _affordable(case, chosen, check.refits, check.spend, check.limit)
    if not count:
        return tuple(_too_dear(key, chance, estimate) for estimate in chosen)
    made = _refits(key, case, chosen, refit, count)
    return tuple(check.answer(case, estimate, made, j) for j, estimate in enumerate(chosen))


@check(
    "stress.split_stability",
    question="Would another split into folds have told another story?",
    references=("Chernozhukov et al. 2018, doi:10.1111/ectj.12097",),
)
class SplitStability(Check):
    """Fit cross-fitted estimates again with other seeds, hence other folds: the spread against the standard error.

    Parameters
    ----------
    refits : int
        Other seeds.
    spend, limit : float
        What the refits of one estimate may cost, in numbers read (rows times columns of a linear fit):
        beyond the first only two are made, beyond the second none.
    """

    refits: int = 4
    spend: float = 6e6
    limit: float = 3e7

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates whose folds are drawn."""
        return bool(FOLDS.among(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the spread of its first term."""
        return _examined(self, case, estimates, refit, FOLDS)

    def answer(self, case: Case, estimate: Estimate, made: list[tuple[int, list[Estimate]]], j: int) -> Finding:
        """Hold the spread over splits against the standard error, for estimate ``j`` of those made again."""
        values = _values(estimate, made, j)
        ratio = _ratio(estimate, values)
        moved = ratio > LINE
        repeats = int(estimate.options.get("repeats", 1))
        cure = "Use repeats=5" if repeats < 5 else "Use more repeats, or a steadier learner"
        words = (
            f"Over {len(values)} splits into folds the estimate spreads by {ratio:.2f} of its standard error "
            f"({values.min():.4g} to {values.max():.4g})"
        )
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if moved else Grade.PASS,
            subject=FOLDS.subject,
            statistic=ratio,
            threshold=LINE,
            message=f"{words}: the interval leaves that out. {cure}." if moved else f"{words}.",
            remedy=f"{cure}: the median over splits, with their spread in the standard error." if moved else None,
            evidence=_evidence(case, values, made),
        )


@check("stress.seed_stability", question="Would another seed have told another story?")
class SeedStability(Check):
    """Fit learners again with other seeds where the folds are given, or there are none.

    Drawn folds are examined by ``stress.split_stability``. A method that resamples has a Monte Carlo error that
    its number of draws decides, and too dear a refit; it is not examined.

    Parameters
    ----------
    refits : int
        Other seeds.
    spend, limit : float
        What the refits of one estimate may cost, in numbers read (rows times columns of a linear fit):
        beyond the first only two are made, beyond the second none.
    """

    refits: int = 4
    spend: float = 6e6
    limit: float = 3e7

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to estimates with randomness that is not in the folds."""
        return bool(SEED.among(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each estimate with the spread of its first term and of its standard error."""
        return _examined(self, case, estimates, refit, SEED)

    def answer(self, case: Case, estimate: Estimate, made: list[tuple[int, list[Estimate]]], j: int) -> Finding:
        """Hold the spreads over seeds against the standard error, for estimate ``j`` of those made again."""
        values = _values(estimate, made, j)
        errors = np.array([float(estimate.std_error[0]), *(float(again[j].std_error[0]) for _, again in made)])
        ratio = _ratio(estimate, values)
        wobble = float(errors.std(ddof=1) / errors.mean()) if errors.mean() > 0.0 else 0.0
        worst = max(ratio, wobble)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.WARN if worst > LINE else Grade.PASS,
            subject=SEED.subject,
            statistic=worst,
            threshold=LINE,
            message=f"Over {len(values)} seeds the estimate spreads by {ratio:.2f} of its standard error, and that "
            f"error by {wobble:.0%} of itself.",
            remedy="Use more draws or repeats, or a steadier learner." if worst > LINE else None,
            evidence=_evidence(case, values, made),
        )
