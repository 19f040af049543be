"""Are the rows with the outcome enough to stand for those without it?"""

import numpy as np

from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.estimate import Estimate
from estimand.core.finding import Finding, Grade
from estimand.core.observation import Observation
from estimand.core.sample import Sample
from estimand.core.table import Table
from estimand.stats.balance import effective_size, largest_share


@check(
    "observation.weights",
    question="Are the rows with the outcome enough to stand for those without it?",
    references=(
        "Robins, Rotnitzky & Zhao 1995, doi:10.1080/01621459.1995.10476493",
        "Seaman & White 2013, doi:10.1177/0962280210395740",
    ),
)
class StandingForMissing(Check):
    """What the weights for missing outcomes rest on, and whether few rows carry them.

    The effective size is held against the arm's rows with the outcome, the largest weight against all of the arm's
    weight, by the lines of the gate policy for any weights; weights of the design are left out of both.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where rows with the outcome are weighted to stand for those without it."""
        return isinstance(case.source, Sample) and case.observing() is not None

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Answer with what was assumed, the thinnest arm, and the heaviest row."""
        model = case.observing()
        if model is None:
            return ()
        arms = _arms(case, model)
        return self._assumed(case, model, arms), self._thinnest(case, arms), self._heaviest(case, arms)

    def _assumed(self, case: Case, model: Observation, arms: Table) -> Finding:
        seen, everyone = case.sample().n, model.n
        slopes = "slopes of each arm's own" if model.by_arm else "slopes shared by the arms"
        given = f"arm and covariates ({slopes})" if case.sample().features.features else "arm"
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.NOTE,
            subject=case.outcome,
            statistic=seen / everyone,
            message=f"{seen:,} of {everyone:,} rows ({seen / everyone:.1%}) have outcome '{case.outcome}' and stand "
            "for all, weighted by the inverse of a logistic probability of having it, from "
            f"{model.probability.min():.2f} to {model.probability.max():.2f}. "
            f"That rests on the outcome missing at random given {given}.",
            remedy="Ask what else decides who is measured; where it can be measured, add it to the covariates.",
            evidence=arms,
        )

    def _thinnest(self, case: Case, arms: Table) -> Finding:
        line = case.gates.effective_share
        rows, effective = (np.array(arms[name]) for name in ("observed", "effective"))
        j = int((effective / rows).argmin())
        share = float(effective[j] / rows[j])
        low = share < line
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.WARN if low else Grade.PASS,
            subject=str(arms["arm"][j]),
            statistic=share,
            threshold=line,
            message=f"Weighted for missing outcomes, the {rows[j]:,} rows of arm '{arms['arm'][j]}' that have one are "
            f"worth {effective[j]:,.0f} equal ones ({share:.0%}).",
            remedy=_FEWER if low else None,
        )

    def _heaviest(self, case: Case, arms: Table) -> Finding:
        line = case.gates.weight_share
        shares = np.array(arms["largest_share"])
        j = int(shares.argmax())
        far = bool(shares[j] > line)
        return Finding(
            check=self.spec.key,
            about=case.outcome,
            grade=Grade.WARN if far else Grade.PASS,
            subject=str(arms["arm"][j]),
            statistic=float(shares[j]),
            threshold=line,
            message=f"The heaviest of the weights for missing outcomes is {shares[j]:.1%} of those of arm "
            f"'{arms['arm'][j]}'.",
            remedy=_FEWER if far else None,
        )


_FEWER = "Look at who is rarely measured: coarsen the covariates that tell, or leave those rows out and say so."


def _arms(case: Case, model: Observation) -> Table:
    """Rows by arm, how many have the outcome, and what its weights look like."""
    sample = case.sample()
    everyone = np.concatenate([part.arm for part in case.everyone()])
    weights = [1.0 / model.probability[sample.arm == a] for a in range(len(sample.arms))]
    return Table(
        {
            "arm": sample.arms,
            "rows": [int((everyone == a).sum()) for a in range(len(sample.arms))],
            "observed": [int(part.shape[0]) for part in weights],
            "effective": [effective_size(part) for part in weights],
            "largest_share": [largest_share(part) for part in weights],
        }
    )
