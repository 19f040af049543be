"""By how much could hidden confounding change the odds of treatment before weighting finds nothing?"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from estimand.checks.stress.causal import average_effects
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.display import format_number
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.learner import as_learner
from estimand.core.nuisances import FoldPlan, Score
from estimand.core.question import Target
from estimand.core.row_weights import row_weights
from estimand.core.table import Table
from estimand.errors import UnsupportedError
from estimand.stats.arrays import Bools, Floats, Ints
from estimand.stats.set_intervals import end_std_error, set_interval
from estimand.stats.tilting import TiltedMean, tilt
from estimand.stats.weighting import log_weight_slopes, target_weights
from estimand.stats.worst_case import End

MODELLED = frozenset({Target.ATE, Target.ATT, Target.ATC})
TOP, LEAST_TOP = 20.0, 2.0
PAST = 1.3
FINE = 1e-4
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One arm's weighted mean: the weights' fixed and free parts, and how they move with the propensity.

    Attributes
    ----------
    rows : ndarray of shape (m,)
        Positions of the arm's rows.
    values, fixed, free : ndarray of shape (m,)
    moved : ndarray of shape (m, k)
        Derivative of the free weight in the log odds of the arms.
    mean : TiltedMean
    """

    rows: Ints
    values: Floats
    fixed: Floats
    free: Floats
    moved: Floats
    mean: TiltedMean

    def end(self, factor: float, score: Score) -> End:
        """Extreme of the mean with its influence over all n rows, the propensity's coefficients included.

        At the optimum the mean does not move with the cut, so the weights count as given.
        """
        value = self.mean.extreme(factor)
        factors = tilt(self.values, value, factor)
        n = score.basis.shape[0]
        gap = self.values - value
        weights, moment = np.zeros(n), np.zeros(n)
        weights[self.rows] = self.fixed + factors * self.free
        moment[self.rows] = weights[self.rows] * gap
        gradient = (self.moved * (factors * gap)[:, None]).T @ score.basis[self.rows] / n
        return End(value, np.asarray((moment + score.carried(gradient)) / weights.mean()))


@dataclass(frozen=True, slots=True, eq=False)
class Tilted:
    """An effect as the difference of two means whose weights are known up to Λ.

    Attributes
    ----------
    treated, control : Side
    score : Score
    cluster : ndarray of shape (n,) or None
    level : float
    """

    treated: Side
    control: Side
    score: Score
    cluster: Ints | None
    level: float

    def ends(self, bound: float) -> tuple[End, End]:
        """Least and greatest effect at Λ."""
        above, below = (bound, 1.0 / bound) if bound > 1.0 else (1.0, 1.0)
        low = self.treated.end(below, self.score).less(self.control.end(above, self.score))
        return low, self.treated.end(above, self.score).less(self.control.end(below, self.score))

    def points(self, bound: float) -> tuple[float, float]:
        """Least and greatest effect at Λ, without their influence."""
        treated, control = self.treated.mean, self.control.mean
        return (
            treated.extreme(1.0 / bound) - control.extreme(bound),
            treated.extreme(bound) - control.extreme(1.0 / bound),
        )

    def interval(self, bound: float) -> tuple[float, float]:
        """Confidence interval at Λ."""
        low, high = self.ends(bound)
        errors = (end_std_error(low.psi, self.cluster), end_std_error(high.psi, self.cluster))
        df = math.inf if self.cluster is None else np.unique(self.cluster).shape[0] - 1.0
        return set_interval((low.value, high.value), errors, self.level, df)


@check(
    "stress.marginal_sensitivity",
    question="By how much could hidden confounding change the odds of treatment before weighting finds nothing?",
    references=(
        "Tan 2006, doi:10.1198/016214506000000023",
        "Zhao, Small & Bhattacharya 2019, doi:10.1111/rssb.12327",
        "Imbens & Manski 2004, doi:10.1111/j.1468-0262.2004.00555.x",
    ),
)
class MarginalSensitivity(Check):
    """Bounds on a weighted effect if, given the covariates, the odds of treatment are off by a factor of up to Λ.

    The bounds are the exact extremes of the Hájek means. Their interval stacks the propensity's score, as that of
    ``ipw`` does: at the extreme the mean does not move with the cut, so its influence is that of a mean with given
    weights. It covers the effect, not the whole set. Bounds use the balance that the propensity gives in expectation
    only, so they are valid, and wider than the sharp ones. There is no line to pass: always a note.

    Parameters
    ----------
    steps : int
        Values of Λ shown, beside those at which something turns.
    limit : float
        Numbers read per fit (rows times columns of the covariates) beyond which it is not run.
    """

    steps: int = 7
    limit: float = 1e7

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply to inverse-probability weighting, in a design that is not randomised."""
        return bool(_weighted(case, estimates))

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer for each term of each such estimate."""
        return tuple(
            self._one(case, estimate, j) for estimate in _weighted(case, estimates) for j in range(len(estimate.terms))
        )

    def _one(self, case: Case, estimate: Estimate, j: int) -> Finding:
        label, sample = estimate.terms[j].label, case.sample()
        refused = _refusal(case, estimate)
        if refused is not None:
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, *refused)
        if sample.n * (sample.features.values.shape[1] + 1) > self.limit:
            message = f"Bounds on {sample.n:,} rows would cost more than the check may spend."
            return Finding(self.spec.key, estimate.id, Grade.NOT_RUN, label, message, "Run it on a sample of the rows.")
        found = tilted(case, estimate, j + 1)
        sign = 1.0 if found.points(1.0)[0] >= 0.0 else -1.0
        set_turn = _turn(lambda bound: sign * _nearest(found.points(bound), sign))
        interval_turn = _turn(lambda bound: sign * _nearest(found.interval(bound), sign), set_turn)
        evidence = self._evidence(found, interval_turn, set_turn)
        return Finding(
            check=self.spec.key,
            about=estimate.id,
            grade=Grade.NOTE,
            subject=label,
            statistic=interval_turn,
            message=_words(evidence, interval_turn, set_turn, case.level),
            remedy="Name what was not measured, and ask whether it could change the odds of treatment that much.",
            evidence=evidence,
        )

    def _evidence(self, found: Tilted, interval_turn: float, set_turn: float) -> Table:
        top = min(TOP, max(LEAST_TOP, PAST * set_turn))
        spread = (float(bound) for bound in np.geomspace(1.0, top, self.steps))
        bounds = sorted({*spread, *(turn for turn in (interval_turn, set_turn) if turn < top)})
        points, intervals = [found.points(bound) for bound in bounds], [found.interval(bound) for bound in bounds]
        return Table(
            {
                "lambda": bounds,
                "low": [low for low, _ in points],
                "high": [high for _, high in points],
                "ci_low": [low for low, _ in intervals],
                "ci_high": [high for _, high in intervals],
                "interval_turn": [_finite(interval_turn)] * len(bounds),
                "set_turn": [_finite(set_turn)] * len(bounds),
            }
        )


def _weighted(case: Case, estimates: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
    return tuple(estimate for estimate in average_effects(case, estimates) if estimate.method == "ipw")


def _refusal(case: Case, estimate: Estimate) -> tuple[str, str] | None:
    """Why there are no bounds, and what to do, where there are none."""
    if estimate.target not in MODELLED:
        return (
            f"Weights for {estimate.target} are not odds of treatment, which the model bounds.",
            "Target ATE, ATT or ATC.",
        )
    if case.observation is not None:
        return (
            "The weights that stand for missing outcomes are estimated, and these bounds would take them for known.",
            "Say missing_outcome: complete_case to have bounds for those with the outcome.",
        )
    if estimate.options.get("contrast", "difference") != "difference":
        return "The model bounds a difference of two means, and this is a ratio.", "Ask for the difference."
    return None


def tilted(case: Case, estimate: Estimate, against: int) -> Tilted:
    """Take the weights of an estimate apart into what Λ multiplies and what it leaves."""
    sample = case.sample()
    fit = case.fitted().propensity(as_learner(estimate.options["learner"]), FoldPlan(1))
    if fit.score is None:
        raise UnsupportedError("The propensity has no estimating equation.", remedy="Use a parametric learner.")
    own = np.asarray(estimate.details["propensity"])
    propensity = np.column_stack([1.0 - own, own]) if own.ndim == 1 else own
    design = row_weights(sample)
    kept = _kept(estimate, fit.prediction)
    weights = np.where(kept, design * target_weights(sample.arm, propensity, str(estimate.target), against), 0.0)
    slopes = log_weight_slopes(sample.arm, propensity, str(estimate.target), against)
    slopes[(np.abs(propensity - fit.prediction) > ROUNDING).any(axis=1)] = 0.0
    # An inverse probability is one plus odds, and Λ moves the odds; the target arm's own weights are known.
    known = {Target.ATE: (against, 0), Target.ATT: (against,), Target.ATC: (0,)}[estimate.target]

    def side(code: int) -> Side:
        rows = np.flatnonzero((sample.arm == code) & kept)
        fixed = design[rows] if code in known else np.zeros(rows.shape[0])
        free, values = weights[rows] - fixed, case.values()[rows]
        moved = slopes[rows] * weights[rows][:, None]
        return Side(rows, values, fixed, free, moved, TiltedMean.of(values, fixed, free))

    return Tilted(side(against), side(0), fit.score, sample.cluster, case.level)


def _kept(estimate: Estimate, fitted: Floats) -> Bools:
    """Rows that trimming left: those with a propensity of every arm at or above the cut."""
    trim = estimate.options.get("trim")
    return np.ones(fitted.shape[0], dtype=bool) if trim is None else np.asarray((fitted >= trim).all(axis=1))


def _nearest(ends: tuple[float, float], sign: float) -> float:
    """End that meets zero first."""
    return ends[0] if sign > 0.0 else ends[1]


def _turn(distance: Callable[[float], float], largest: float = TOP) -> float:
    """Λ at which a decreasing distance reaches zero: 1 where it already has, infinite past the largest looked at."""
    if distance(1.0) <= 0.0:
        return 1.0
    top = min(largest, TOP)
    if distance(top) > 0.0:
        return math.inf
    return float(brentq(distance, 1.0, top, xtol=FINE))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _words(evidence: Table, interval_turn: float, set_turn: float, level: float) -> str:
    rows = list(evidence.rows())
    shown = min(rows[1:], key=lambda row: abs(row["lambda"] - 2.0))
    at = (
        f"at Λ = {shown['lambda']:.2f} the effect lies between {format_number(shown['low'])} and "
        f"{format_number(shown['high'])}"
    )
    lead = "If what was not measured could change the odds of treatment of rows alike in the covariates by a factor"
    if interval_turn == 1.0:
        return f"{lead} Λ, bounds would be wider still than the {level:.0%} interval, which already holds zero; {at}."
    if math.isinf(interval_turn):
        return f"{lead} of Λ = {TOP:g} either way, the {level:.0%} interval would still leave out zero; {at}."
    beyond = (
        f"at Λ = {set_turn:.2f} the range of estimates itself would"
        if math.isfinite(set_turn)
        else f"up to Λ = {TOP:g} the range of estimates itself would not"
    )
    return f"{lead} of Λ = {interval_turn:.2f} either way, the {level:.0%} interval would hold zero; {beyond}; {at}."
