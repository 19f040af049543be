"""Whether an arm's distribution of a metric is control's, by ranks."""

import numpy as np

from estimand.core.case import Case
from estimand.core.design import Experiment
from estimand.core.estimate import NEEDED_LEVELS, Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.frozen import FrozenMap
from estimand.core.method import Detail, Method, method
from estimand.core.metric import MEANS
from estimand.core.question import Target
from estimand.core.uncertainty import Regions
from estimand.methods.experiments.rows_of_metric import by_arm, everyone, rows_of_metric
from estimand.stats.rank_test import index_interval, ranked

EVEN = 0.5


@method(
    "rank_test",
    designs=(Experiment,),
    references=(
        "Mann & Whitney 1947, doi:10.1214/aoms/1177730491",
        "Brunner & Munzel 2000, doi:10.1002/(SICI)1521-4036(200001)42:1<17::AID-BIMJ17>3.0.CO;2-U",
        "DeLong, DeLong & Clarke-Pearson 1988, doi:10.2307/2531595",
    ),
    inference="set",
    invariances=("row_order", "column_order", "covariate_scale", "outcome_shift", "duplicated_rows"),
    adjusts=False,
    needs_metrics=True,
    metrics=(*MEANS, "quantile"),
    details=(
        Detail("wins", "(k,)", "pairs of an arm's unit and control's in which the arm's is above, ties by half"),
        Detail("z", "(k,)", "standard errors under one distribution"),
        Detail("std_error", "(k,)", "probability"),
    ),
    why_not="It is a test by ranks with its own error; draw for difference or quantile.",
)  # fmt: skip
class RankTest(Method):
    r"""Probability index of each arm against control, with the Mann-Whitney test.

    Estimand: :math:`P(Y_a > Y_0) + P(Y_a = Y_0)/2` over pairs of a unit of the arm and one of control: ½ where neither
    tends to be above. It is not a difference of means, nor the share of units that treatment moves up.

    The p-value is of the hypothesis that both arms have one distribution, not one mean or median: it can be small
    where means are equal and spreads are not. It is normal, with the variance corrected for ties.

    Variance: of the index by the placements of each arm in the other, t on the logit with Satterthwaite degrees of
    freedom (Brunner and Munzel; DeLong), which needs no equal spreads. So the set may hold ½ where the test rejects.
    Where the arms do not overlap, the set ends at an exact bound. Rows are needed: a second pass over the data.

    Parameters
    ----------
    correct : bool
        Whether the p-value has a continuity correction.
    """

    correct: bool = True

    def estimate(self, case: Case) -> Estimate:
        """Rank each arm with control."""
        sample = rows_of_metric(case, self.spec.key, clusters=False)
        control, *others = by_arm(case, sample)
        found = [ranked(control, other, correct=self.correct) for other in others]
        sizes = [(control.shape[0], other.shape[0]) for other in others]
        sets = {
            f"{level:g}": tuple((index_interval(one, size, level),) for one, size in zip(found, sizes, strict=True))
            for level in sorted({*NEEDED_LEVELS, case.level})
        }
        apart = [term.label for term, one in zip(case.arm_terms(), found, strict=True) if one.variance <= 0.0]
        return Estimate(
            id=self.spec.key,
            method=self.spec.key,
            options=FrozenMap(self.options()),
            outcome=case.outcome,
            target=Target.PROBABILITY_INDEX,
            population=everyone(sample),
            terms=case.arm_terms(),
            value=np.array([one.index for one in found]),
            uncertainty=Regions(FrozenMap(sets), "Mann-Whitney", np.array([one.p_value for one in found])),
            n_obs=sample.n,
            inference=self.spec.inference,
            level=case.level,
            details=FrozenMap(
                {
                    "wins": np.array([one.wins for one in found]),
                    "z": np.array([one.z for one in found]),
                    "std_error": np.sqrt([one.variance for one in found]),
                }
            ),
            findings=tuple(_apart(self.spec.key, case.outcome, label) for label in apart),
        )


def _apart(key: str, outcome: str, label: str) -> Finding:
    return Finding(
        check="rank_test.apart",
        about=key,
        grade=Grade.NOTE,
        subject=outcome,
        message=f"The values of '{label}' and of control do not overlap, or are all one: the set of the index ends at "
        "an exact bound, not at one by its error.",
        remedy="Look whether the metric is worked out from treatment.",
    )
