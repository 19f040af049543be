"""Difference of two proportions, with the tests and sets made for them."""

from typing import Literal, TypeAlias

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import NEEDED_LEVELS, Baseline, Estimate, Population
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail, Method, method
from estimand.core.metric_moments import MetricMoments
from estimand.core.moments import Moments
from estimand.core.question import Target
from estimand.core.uncertainty import Regions
from estimand.errors import Code, DataError, UnsupportedError
from estimand.stats.arrays import Floats
from estimand.stats.two_by_two import (
    Hypergeometric,
    Odds,
    mantel_haenszel,
    newcombe_interval,
    pooled_z,
    two_sided_normal,
)

Test: TypeAlias = Literal["pooled_z", "fisher", "cmh"]
NAMES = {"pooled_z": "pooled z", "fisher": "Fisher exact", "cmh": "Cochran-Mantel-Haenszel"}


@method(
    "proportion",
    designs=(Experiment,),
    references=(
        "Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
        "Fisher 1935, doi:10.2307/2342435",
        "Mantel & Haenszel 1959, doi:10.1093/jnci/22.4.719",
    ),
    inference="set",
    invariances=("row_order", "column_order", "covariate_scale", "arm_swap", "duplicated_rows"),
    adjusts=False,
    reads_moments=True,
    needs_metrics=True,
    metrics=("proportion", "retention"),
    details=(
        Detail("events", "(arms,)", "units"),
        Detail("units", "(arms,)", "units"),
        Detail("std_error", "(k,)", "share; of the difference, arms apart"),
        Detail("odds_ratio", "(k, 3)", "value, low and high"),
    ),
    why_not="Its set and its exact test are for the counts as they are; draw for difference.",
)  # fmt: skip
class Proportion(Method):
    r"""Difference of each arm's proportion from control's.

    Estimand: P(Y(a) = 1) - P(Y(0) = 1). The set is Newcombe's, from the Wilson interval of each arm, which keeps its
    level where events are few or arms small, and stays within -1 and 1.

    The p-value is of equal proportions: by the pooled z, whose square is Pearson's χ²; by Fisher's exact test, two
    sides counted as tables no likelier than the one seen; or, over the design's strata, by Cochran, Mantel and
    Haenszel. Test and set are not each other's inverse, so near the edge one may reject where the other does not.
    ``details.odds_ratio`` goes with the test: as it is, with Woolf's interval; conditional, with its exact interval;
    common to the strata, with that of Robins, Breslow and Greenland.

    Variance: p(1 - p)/n in each arm, for ``details.std_error`` alone. Reads moments: no rows are needed.

    Parameters
    ----------
    test : "pooled_z" | "fisher" | "cmh"
    correct : bool
        Of "cmh": whether it has a continuity correction.
    """

    test: Test = "pooled_z"
    correct: bool = True

    def estimate(self, case: Case) -> Estimate:
        """Count events in the moments of the case's metric."""
        moments = case.metric_moments()
        self._refuse(moments)
        whole = moments.pooled()
        events, units = _events(whole), whole.units
        share = events / units
        pairs = [np.array([0, a]) for a in range(1, len(moments.arms))]
        sets = {
            f"{level:g}": tuple((newcombe_interval(events[pair], units[pair], level),) for pair in pairs)
            for level in sorted({*NEEDED_LEVELS, case.level})
        }
        tested = [self._tested(moments, a, case.level) for a in range(1, len(moments.arms))]
        own = share * (1.0 - share) / units
        k = len(pairs)
        rows, missing = float(moments.counts.rows.sum()), float(moments.counts.missing.sum())
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.ATE,
            population=Population("complete cases" if missing else "everyone", int(rows), rows / (rows + missing)),
            terms=case.arm_terms(),
            value=share[1:] - share[0],
            uncertainty=Regions(FrozenMap(sets), f"Newcombe; {NAMES[self.test]}", np.array([p for p, _ in tested])),
            n_obs=int(rows),
            inference=self.spec.inference,
            level=case.level,
            baseline=Baseline(np.full(k, share[0]), np.full((k, k), own[0]), np.full((k, k), -own[0])),
            details=FrozenMap(
                {
                    "events": events,
                    "units": units,
                    "std_error": np.sqrt(own[1:] + own[0]),
                    "odds_ratio": [[_finite(end) for end in (odds.ratio, odds.low, odds.high)] for _, odds in tested],
                }
            ),
            findings=_constant(self.spec.key, moments.metric, events, units),
        )

    def _refuse(self, moments: MetricMoments) -> None:
        if moments.clustered:
            raise UnsupportedError(
                f"Method '{self.spec.key}' takes units for independent, and this design names a cluster.",
                remedy="Use method: difference, which sums within clusters.",
                code=Code.UNSUPPORTED,
            )
        if (moments.units < 1.0).any():
            arm = moments.arms[int(moments.units.argmin())]
            raise DataError(
                f"Arm '{arm}' has no units with metric '{moments.metric}'.",
                remedy="Gather more data, or leave the arm or the metric out.",
            )
        if self.test == "cmh" and moments.strata == ("",):
            raise UnsupportedError(
                "The test over strata needs strata, and the design names none.",
                remedy="Add strata: [column, …] to the design, or use test: pooled_z.",
            )

    def _tested(self, moments: MetricMoments, arm: int, level: float) -> tuple[float, Odds]:
        """P-value of an arm against control, and the odds ratio that goes with the test."""
        if self.test == "cmh":
            found = mantel_haenszel(
                np.stack([_table(part, arm) for part in moments.by_stratum()]), level, correct=self.correct
            )
            return found.p_value, found.odds
        table = _table(moments.pooled(), arm)
        if self.test == "fisher":
            exact = Hypergeometric(table)
            return exact.p_value(), exact.odds(level)
        p_value = float(two_sided_normal(pooled_z(table[:, 0], table.sum(axis=1))))
        return p_value, mantel_haenszel(table[None], level).odds


def _constant(key: str, metric: str, events: Floats, units: Floats) -> tuple[Finding, ...]:
    """Warn of a metric that is the same in every unit."""
    if 0.0 < events.sum() < units.sum():
        return ()
    return (
        Finding(
            check="proportion.constant",
            about=key,
            grade=Grade.WARN,
            subject=metric,
            message=f"Metric '{metric}' is {int(events.sum() > 0.0)} in every unit of every arm: the set says how far "
            "the arms may differ all the same, and there is nothing to test.",
            remedy="Check which column it is, and that events were logged.",
        ),
    )


def _events(part: Moments) -> Floats:
    """Events of each arm; counts, so that what rounding left is taken off."""
    return np.asarray(np.where(part.units > 0.0, np.rint(np.nan_to_num(part.mean("value")) * part.units), 0.0))


def _table(part: Moments, arm: int) -> Floats:
    """Events and non-events of control and of an arm."""
    events, units = _events(part)[[0, arm]], part.units[[0, arm]]
    return np.stack([events, units - events], axis=1)


def _finite(end: float) -> float | None:
    return float(end) if np.isfinite(end) else None
