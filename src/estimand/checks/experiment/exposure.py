"""Was anything counted before the unit was exposed?"""

import numpy as np

from estimand.checks.experiment.assigned import role_column, samples
from estimand.core.case import Case
from estimand.core.check import Check, Refit, check
from estimand.core.design import Experiment
from estimand.core.estimate import Estimate
from estimand.core.finding import STUDY, Finding, Grade
from estimand.core.sample import EXPOSED_ROLE
from estimand.core.table import Table


@check(
    "experiment.exposure_time",
    question="Was anything counted before the unit was exposed?",
    references=("Kohavi, Tang & Xu 2020, doi:10.1017/9781108653985",),
    designs=(Experiment,),
)
class ExposureTime(Check):
    """Rows whose time lies before the exposure of their unit, and rows without a time of exposure, by arm.

    What came before exposure cannot be its effect. Such rows stay: whether to leave them out is the analyst's to say.
    """

    def applies(self, case: Case, estimates: tuple[Estimate, ...]) -> bool:
        """Apply where the design names a time of exposure, and it holds times or numbers."""
        return EXPOSED_ROLE in case.sample().roles

    def examine(self, case: Case, estimates: tuple[Estimate, ...], refit: Refit) -> tuple[Finding, ...]:
        """Count them in each arm."""
        arm = np.concatenate([part.arm for part in samples(case)])
        exposed = role_column(case, EXPOSED_ROLE)
        timed = "timestamp" in case.sample().roles
        early = role_column(case, "timestamp") < exposed if timed else np.zeros(arm.shape, dtype=bool)
        never = np.isnan(exposed)
        counts = {
            "rows": [int((arm == a).sum()) for a in range(len(case.arms))],
            "before_exposure": [int(early[arm == a].sum()) for a in range(len(case.arms))],
            "no_exposure": [int(never[arm == a].sum()) for a in range(len(case.arms))],
        }
        off = int(early.sum()) + int(never.sum())
        words = (
            f"{int(early.sum()):,} of {arm.shape[0]:,} rows lie before the exposure of their unit, and "
            f"{int(never.sum()):,} have no time of exposure."
        )
        return (
            Finding(
                check=self.spec.key,
                about=STUDY,
                grade=Grade.WARN if off else Grade.PASS,
                subject=case.design.exposed or "" if isinstance(case.design, Experiment) else "",
                statistic=off / max(arm.shape[0], 1),
                threshold=0.0,
                message=words if off else "No row lies before the exposure of its unit.",
                remedy="What came before exposure is no effect of it: count from exposure on, by the same rule in all "
                "arms; and ask whether units without exposure could have been exposed in either arm."
                if off
                else None,
                evidence=Table({"arm": case.arms, **counts}),
            ),
        )
